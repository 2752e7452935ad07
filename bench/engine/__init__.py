"""Benchmarks of whole operations through the public surface."""

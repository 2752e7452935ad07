"""Benchmarks of single structures of the core."""

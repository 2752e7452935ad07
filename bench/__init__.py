"""Benchmarks of VelocityDB beside what else a Python program could do; see README.md."""

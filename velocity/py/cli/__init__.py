"""The `velocity` command."""

from velocity.py.cli.program import main

__all__ = ["main"]

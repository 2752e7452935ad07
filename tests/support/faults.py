"""Make a system call of the engine fail for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from velocity._core import engine


@contextmanager
def fault(
    point: str, error: int, after: int = 0, *, once: bool = False, short: bool = False
) -> Iterator[None]:
    """point: a name of fileio.h's list in lower case; error: an errno; after: calls that still succeed."""
    engine.fault_set(point, after, error, once=once, short=short)
    try:
        yield
    finally:
        engine.fault_clear()

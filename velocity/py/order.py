"""The one order of values of all types, and what a number is.

null < numbers < strings < objects < arrays < bytes < bools < times; numbers compare exactly across
int and float, NaN before all others. Equal values, and only they, have equal keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from velocity._core.document import order_key

__all__ = ["INT_MAX", "INT_MIN", "compound_key", "is_integer", "is_number", "order_key"]

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1


def is_number(value: Any) -> bool:
    """Whether a value is a number: an int or a float, never a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether a value is an int, never a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def compound_key(parts: Iterable[tuple[Any, int]]) -> bytes:
    """Of (value, direction) pairs: sorts by the first, then the second, ...; -1 is descending."""
    return b"".join([order_key(value, direction < 0) for value, direction in parts])

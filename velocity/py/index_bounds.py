"""Ranges of an index's keys for ranges of values; the keys are value_key.h's.

A key delimits itself and begins with neither 00 nor FF, and behind the last one an entry has eight
bytes of hash, so all entries that begin with key k lie in [k, k + AFTER). In a descending field a
key's bytes are inverted, and its ranges turn around.
"""

from __future__ import annotations

from typing import Any

from velocity._core.codec import order_key
from velocity.py.conditions import Bound

Range = tuple[bytes, bytes]  # from, and to, which is not in it

AFTER = b"\xff" * 9

_INVERTED = bytes(range(255, -1, -1))

# The first bytes of the keys of one class of types: comparisons stay inside it. Not a number is in
# none: it is neither below nor above any number.
_CLASSES = ((0x10, 0x11), (0x20, 0x32), (0x40, 0x41), (0x60, 0x61), (0x68, 0x6A), (0x70, 0x71))


def value_key(value: Any, direction: int) -> bytes:
    """The key of one value in a field of this direction."""
    return order_key(value, direction < 0)


def range_of(low: Bound | None, high: Bound | None, direction: int) -> Range | None:
    """The keys between two bounds, one of which may be missing; None when there are none."""
    first = order_key(low.value) if low else b""
    last = order_key(high.value) if high else b""
    begin, end = _class_of(first or last)
    if low and high and not begin <= last[:1] < end:
        return None  # of two classes: no value lies between
    if direction < 0:
        first, last, low, high = (
            last.translate(_INVERTED), first.translate(_INVERTED), high, low,
        )
        begin, end = _before(end).translate(_INVERTED), _before(begin).translate(_INVERTED)
    start = first + (b"" if low and low.included else AFTER) if low else begin
    stop = last + (AFTER if high and high.included else b"") if high else end
    return (start, stop) if start < stop else None


def _class_of(key: bytes) -> Range:
    for begin, end in _CLASSES:
        if begin <= key[0] < end:
            return bytes([begin]), bytes([end])
    raise AssertionError(f"{key!r} is no key that is compared")


def _before(byte: bytes) -> bytes:
    return bytes([byte[0] - 1])

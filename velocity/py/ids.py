"""Ids for documents that are added without one: 26 characters that sort by the time they were made.

48 bits of milliseconds and 80 random bits in Crockford's base 32, as the ULID specification has it.
Within a process each is greater than the one before, whatever the clock does. Any thread.
"""

from __future__ import annotations

import os
import secrets
import threading
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _DIGITS for b in _DIGITS]  # ten bits at a time
_RANDOM_BITS = 80
_STEP_BITS = 32  # two ids of one millisecond are this far apart at most, so they cannot be guessed

_lock = threading.Lock()
_last = 0


def encode(number: int) -> str:
    """128 bits as 26 characters that sort as the number does."""
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in range(120, -1, -10)])


def new_id() -> str:
    """A new id, greater than every one this process made before."""
    global _last
    now = time.time_ns() // 1_000_000 << _RANDOM_BITS
    with _lock:
        if now > _last:
            _last = now | secrets.randbits(_RANDOM_BITS)
        else:
            _last += 1 + secrets.randbits(_STEP_BITS)
        number = _last
    return encode(number)


def _after_fork() -> None:
    """The child's lock may have been held, and its ids must not continue the parent's."""
    global _last, _lock
    _lock = threading.Lock()
    _last += secrets.randbits(_RANDOM_BITS - 1)


os.register_at_fork(after_in_child=_after_fork)

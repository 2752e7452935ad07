"""Sequence: numbers in the order in which they are handed out, none twice, across restarts, too.

The hi/lo scheme: a block is reserved in the database before any of its numbers is used, and
what is left of it when the process ends is never used. So the numbers cost no write each.
"""

from __future__ import annotations

import threading
import weakref

from velocity.py.collection import Collection
from velocity.py.database import VelocityDB

BLOCK = 1_000_000
FILES = "files"  # counts the revisions of files that were added
_ID = "sequence"


class Sequence:
    """Numbers of one database. Any thread; one lock guards the block."""

    def __init__(self, db: VelocityDB, counters: Collection) -> None:
        self.db = db  # held, so that no other database gets its id() meanwhile
        self._counters = counters
        self._lock = threading.Lock()  # held while a block is reserved: once in a million numbers
        self._next = self._end = 0

    def next(self) -> int:
        """The next number."""
        with self._lock:
            if self._next == self._end:
                self._end = add_to_counter(self._counters, _ID, BLOCK)
                self._next = self._end - BLOCK
            self._next += 1
            return self._next


_sequences: weakref.WeakValueDictionary[int, Sequence] = weakref.WeakValueDictionary()
_finding = threading.Lock()  # guards _sequences


def sequence_of(db: VelocityDB, counters: Collection) -> Sequence:
    """The one sequence of a database: two with a block each would not be in one order."""
    with _finding:
        sequence = _sequences.get(id(db))
        if sequence is None:
            sequence = _sequences[id(db)] = Sequence(db, counters)
        return sequence


def add_to_counter(counters: Collection, id: str, amount: int) -> int:
    """Count a counter of the database on, and what it is then."""
    counted = counters.find_one_and_update({"_id": id}, {"$inc": {"count": amount}}, upsert=True)
    assert counted is not None
    total: int = counted["count"]
    return total


def counter(counters: Collection, id: str) -> int:
    """What a counter of the database is."""
    counted = counters.get(id)
    return 0 if counted is None else counted["count"]

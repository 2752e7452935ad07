"""Seeded documents, ids and orders of access, the same for every benchmark and every store.

A document is a pure function of its number, so any answer can be checked without keeping a copy.
Ids are built anew for each use: a string that has been looked up in a dict carries its hash along,
which would hide a cost that a program with ids from outside pays.
"""

import random
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from typing import Any

Fields = dict[str, Any]

SEED = 20_240_229
STATES = ("waiting", "running", "done", "failed")
# A prime that divides no document count in use: it spreads the popular ranks over all ids.
SCATTER = 2_147_483_647


def document_id(number: int) -> str:
    return f"user{number}"


def age_of(number: int) -> int:
    return 18 + number * 7 % 60


def name_of(number: int) -> str:
    return f"User {number}"


def document(number: int, revision: int = 0) -> Fields:
    """The five-field document of the README: 73 bytes as msgpack for a six-digit number."""
    return {
        "name": name_of(number),
        "age": age_of(number),
        "email": f"u{number}@example.org",
        "state": STATES[number % 4],
        "priority": (number + revision) % 10,
    }


def pairs(numbers: Iterable[int]) -> Iterator[tuple[str, Fields]]:
    return ((document_id(number), document(number)) for number in numbers)


class Access:
    """A seeded endless order of document numbers below *count*; `take` returns the next ones."""

    def __init__(self, count: int, seed: int = SEED) -> None:
        self.count = count
        self.random = random.Random(seed)

    def take(self, amount: int) -> list[int]:
        raise NotImplementedError


class Uniform(Access):
    """Every document as likely as any other."""

    def take(self, amount: int) -> list[int]:
        return self.random.choices(range(self.count), k=amount)


class Hot(Access):
    """A few documents again and again, so that they stay in the processor's caches."""

    def __init__(self, count: int, seed: int = SEED, hot: int = 64) -> None:
        super().__init__(count, seed)
        self.chosen = self.random.sample(range(count), min(hot, count))

    def take(self, amount: int) -> list[int]:
        return self.random.choices(self.chosen, k=amount)


@cache
def _zipf_weights(count: int, exponent: float) -> list[float]:
    return list(accumulate(rank**-exponent for rank in range(1, count + 1)))


class Zipf(Access):
    """Rank r is asked for in proportion to 1 / r ** 0.99, as in YCSB."""

    def __init__(self, count: int, seed: int = SEED, exponent: float = 0.99) -> None:
        super().__init__(count, seed)
        self.weights = _zipf_weights(count, exponent)

    def take(self, amount: int) -> list[int]:
        ranks = self.random.choices(range(self.count), cum_weights=self.weights, k=amount)
        return [rank * SCATTER % self.count for rank in ranks]


class Fresh(Access):
    """Numbers never used before, from *count* upward, in order."""

    def take(self, amount: int) -> list[int]:
        first, self.count = self.count, self.count + amount
        return list(range(first, self.count))

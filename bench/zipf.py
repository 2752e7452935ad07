"""The request distributions of YCSB, after its ZipfianGenerator and its kin (Cooper et al., 2010).

Popularity falls with rank as 1 / rank ** 0.99, drawn by the method of Gray et al. (1994), without a
table of weights: a store that grows needs no new one.
"""

import random

THETA = 0.99
# The scrambled form draws ranks below this and folds them onto the documents there are; so the
# most popular document gets 1 / SCRAMBLED_ZETA of all requests, 3.8 %, however many there are.
SCRAMBLED_ITEMS = 10_000_000_000
SCRAMBLED_ZETA = 26.46902820178302

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 1099511628211


def fnv64(value: int) -> int:
    """YCSB's Utils.fnvhash64: FNV-1 over eight bytes, the absolute value of a signed 64 bits."""
    hashed = _FNV_OFFSET
    for _ in range(8):
        hashed = (hashed ^ value & 0xFF) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
        value >>= 8
    return hashed if hashed < 1 << 63 else (1 << 64) - hashed


def zeta(first: int, last: int) -> float:
    """The sum of 1 / rank ** THETA over the ranks after *first* up to *last*."""
    return sum(rank**-THETA for rank in range(first + 1, last + 1))


class Zipfian:
    """Ranks from 0, the most popular, to below *items*."""

    def __init__(self, items: int, source: random.Random, zeta_items: float | None = None) -> None:
        self.items = items
        self.random = source.random
        self.zeta = zeta(0, items) if zeta_items is None else zeta_items
        self._prepare()

    def _prepare(self) -> None:
        self.eta = (1 - (2 / self.items) ** (1 - THETA)) / (1 - zeta(0, 2) / self.zeta)

    def grow(self, items: int) -> None:
        self.zeta += zeta(self.items, items)
        self.items = items
        self._prepare()

    def take(self) -> int:
        uniform = self.random()
        scaled = uniform * self.zeta
        if scaled < 1:
            return 0
        if scaled < 1 + 0.5**THETA:
            return 1
        rank = int(self.items * (self.eta * uniform - self.eta + 1) ** (1 / (1 - THETA)))
        return min(rank, self.items - 1)


class Scrambled:
    """Popular documents strewn over all numbers, by a hash of the rank."""

    def __init__(self, source: random.Random) -> None:
        self.ranks = Zipfian(SCRAMBLED_ITEMS, source, SCRAMBLED_ZETA)

    def take(self, count: int) -> int:
        return fnv64(self.ranks.take()) % count


class Latest:
    """The newest document is the most popular."""

    def __init__(self, count: int, source: random.Random) -> None:
        self.ranks = Zipfian(count, source)

    def take(self, count: int) -> int:
        if count > self.ranks.items:
            self.ranks.grow(count)
        return count - 1 - self.ranks.take()

"""Cache policies as their papers tell them, simulated in plain Python on a trace of keys.

Each takes a capacity in objects of one size and answers `access(key)` with whether it was a hit.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Protocol


class Policy(Protocol):
    def access(self, key: int) -> bool: ...


class Lru:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.kept: OrderedDict[int, None] = OrderedDict()

    def access(self, key: int) -> bool:
        if key in self.kept:
            self.kept.move_to_end(key)
            return True
        if len(self.kept) == self.capacity:
            self.kept.popitem(last=False)
        self.kept[key] = None
        return False


class S3Fifo:
    """Yang and others, SOSP 2023: small, main and ghost queues, counts up to 3."""

    def __init__(self, capacity: int) -> None:
        self.small_max = max(1, capacity // 10)
        self.main_max = capacity - self.small_max
        self.counts: dict[int, int] = {}
        self.small: deque[int] = deque()
        self.main: deque[int] = deque()
        self.ghosts: OrderedDict[int, None] = OrderedDict()

    def access(self, key: int) -> bool:
        if key in self.counts:
            self.counts[key] = min(3, self.counts[key] + 1)
            return True
        self.counts[key] = 0
        if key in self.ghosts:
            del self.ghosts[key]
            self._add_main(key)
        else:
            while len(self.small) >= self.small_max:
                self._leave_small()
            self.small.append(key)
        return False

    def _add_main(self, key: int) -> None:
        while len(self.main) >= self.main_max:
            self._leave_main()
        self.main.append(key)

    def _leave_small(self) -> None:
        key = self.small.popleft()
        if self.counts[key] > 1:
            self.counts[key] = 0
            self._add_main(key)
            return
        del self.counts[key]
        self.ghosts[key] = None
        if len(self.ghosts) > self.main_max:
            self.ghosts.popitem(last=False)

    def _leave_main(self) -> None:
        key = self.main.popleft()
        if self.counts[key]:
            self.counts[key] -= 1
            self.main.append(key)
        else:
            del self.counts[key]


class Sieve:
    """Zhang and others, NSDI 2024: one queue, one bit, a hand that stays where it stopped."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.visited: dict[int, bool] = {}
        self.newer: dict[int, int | None] = {}
        self.older: dict[int, int | None] = {}
        self.head: int | None = None
        self.tail: int | None = None
        self.hand: int | None = None

    def access(self, key: int) -> bool:
        if key in self.visited:
            self.visited[key] = True
            return True
        if len(self.visited) == self.capacity:
            self._evict()
        self.visited[key] = False
        self.newer[key], self.older[key] = None, self.head
        if self.head is None:
            self.tail = key
        else:
            self.newer[self.head] = key
        self.head = key
        return False

    def _evict(self) -> None:
        at = self.tail if self.hand is None else self.hand
        while at is not None and self.visited[at]:
            self.visited[at] = False
            at = self.newer[at]
            at = self.tail if at is None else at
        assert at is not None
        newer, older = self.newer.pop(at), self.older.pop(at)
        del self.visited[at]
        self.hand = newer
        if newer is None:
            self.head = older
        else:
            self.older[newer] = older
        if older is None:
            self.tail = newer
        else:
            self.newer[older] = newer


class WTinyLfu:
    """Einziger and others, 2017: a window of 1 %, a segmented LRU behind it, and the frequencies of the
    last ten times the capacity accesses, halved in between, that decide who gets in. The counts are
    exact where the paper has a sketch."""

    def __init__(self, capacity: int) -> None:
        self.window_max = max(1, capacity // 100)
        self.main_max = capacity - self.window_max
        self.protected_max = self.main_max * 8 // 10
        self.sample = 10 * capacity
        self.seen = 0
        self.counts: dict[int, int] = {}
        self.window: OrderedDict[int, None] = OrderedDict()
        self.probation: OrderedDict[int, None] = OrderedDict()
        self.protected: OrderedDict[int, None] = OrderedDict()

    def _count(self, key: int) -> None:
        self.counts[key] = min(15, self.counts.get(key, 0) + 1)
        self.seen += 1
        if self.seen == self.sample:
            self.seen //= 2
            self.counts = {k: c // 2 for k, c in self.counts.items() if c > 1}

    def access(self, key: int) -> bool:
        self._count(key)
        if key in self.window:
            self.window.move_to_end(key)
            return True
        if key in self.protected:
            self.protected.move_to_end(key)
            return True
        if key in self.probation:
            del self.probation[key]
            self.protected[key] = None
            if len(self.protected) > self.protected_max:
                self.probation[self.protected.popitem(last=False)[0]] = None
            return True
        self.window[key] = None
        if len(self.window) > self.window_max:
            self._admit(self.window.popitem(last=False)[0])
        return False

    def _admit(self, candidate: int) -> None:
        if len(self.probation) + len(self.protected) >= self.main_max:
            victim = next(iter(self.probation or self.protected))
            if self.counts.get(candidate, 0) <= self.counts.get(victim, 0):
                return
            self.probation.pop(victim, None)
            self.protected.pop(victim, None)
        self.probation[candidate] = None


POLICIES: dict[str, type[Policy]] = {
    "LRU": Lru,
    "S3-FIFO": S3Fifo,
    "SIEVE": Sieve,
    "W-TinyLFU": WTinyLfu,
}


def hit_ratio(policy: Policy, trace: Iterable[int]) -> float:
    hits = total = 0
    for key in trace:
        hits += policy.access(key)
        total += 1
    return hits / total

"""The six mixes of YCSB's core workloads, run against one store."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.data import SEED, age_of, document, document_id
from bench.peers.face import Peer
from bench.timing import WrongAnswerError, collector_off
from bench.zipf import Latest, Scrambled

SCAN_MAX = 100  # documents; the lengths are uniform from 1
# A stretch of operations is built, then run between two looks at the clock. It doubles until it
# takes this long, so that a slow operation does not hold a block up.
STRETCH_NS, STRETCH_MAX = 5_000_000, 1_000
LATENCIES_MAX = 10_000  # per block


@dataclass(frozen=True)
class Workload:
    title: str
    shares: dict[str, int]  # per cent
    latest: bool = False


WORKLOADS = {
    "A": Workload("50 read, 50 update", {"read": 50, "update": 50}),
    "B": Workload("95 read, 5 update", {"read": 95, "update": 5}),
    "C": Workload("read only", {"read": 100}),
    "D": Workload("95 read latest, 5 insert", {"read": 95, "insert": 5}, latest=True),
    "E": Workload("95 short scan, 5 insert", {"scan": 95, "insert": 5}),
    "F": Workload("50 read, 50 read-modify-write", {"read": 50, "modify": 50}),
}

# What to call, with what; and what it must return.
Operation = tuple[Callable[[Any], int], Any]


class Mix:
    """Builds and runs operations on *peer*, which holds the documents below *count*."""

    def __init__(self, peer: Peer, count: int) -> None:
        self.peer = peer
        self.count = count
        self.random = random.Random(SEED)
        self.scrambled = Scrambled(self.random)
        self.latest: Latest | None = None
        self.stretch = dict.fromkeys(WORKLOADS, 1)
        self.builders = {
            "read": self._read,
            "update": self._update,
            "insert": self._insert,
            "scan": self._scan,
            "modify": self._modify,
        }

    def _read(self, number: int) -> tuple[Operation, int]:
        return (self.read, document_id(number)), age_of(number)

    def _update(self, number: int) -> tuple[Operation, int]:
        return (self.update, (document_id(number), {"priority": self.random.randrange(10)})), 1

    def _insert(self, _: int) -> tuple[Operation, int]:
        number, self.count = self.count, self.count + 1
        return (self.insert, (document_id(number), document(number))), 1

    def _scan(self, number: int) -> tuple[Operation, int]:
        return (self.scan, (document_id(number), self.random.randint(1, SCAN_MAX))), age_of(number)

    def _modify(self, number: int) -> tuple[Operation, int]:
        argument = document_id(number), self.random.randrange(10)
        return (self.modify, argument), age_of(number)

    # What is timed. Every read makes a dict of all five fields.

    def read(self, id: str) -> int:
        return self.peer.read(id)["age"]

    def update(self, argument: tuple[str, Any]) -> int:
        self.peer.update(*argument)
        return 1

    def insert(self, argument: tuple[str, Any]) -> int:
        self.peer.put(*argument)
        return 1

    def scan(self, argument: tuple[str, int]) -> int:
        return self.peer.scan(*argument)[0]["age"]

    def modify(self, argument: tuple[str, int]) -> int:
        """Read, change, write back whole: as YCSB does it, by itself not atomic in any store."""
        id, priority = argument
        fields = self.peer.read(id)
        fields["priority"] = priority
        self.peer.put(id, fields)
        return fields["age"]

    def take(self, workload: Workload, amount: int) -> tuple[list[Operation], int]:
        """The next operations, and the sum of what they must return."""
        names = list(workload.shares)
        kinds = self.random.choices(names, weights=list(workload.shares.values()), k=amount)
        if workload.latest and self.latest is None:
            self.latest = Latest(self.count, self.random)
        chooser = self.latest if workload.latest else self.scrambled
        operations, total = [], 0
        for kind in kinds:
            operation, expected = self.builders[kind](chooser.take(self.count))
            operations.append(operation)
            total += expected
        return operations, total

    def run(self, name: str, seconds: float) -> dict[str, Any]:
        """One block for throughput, then one as long in which each call is timed by itself."""
        with collector_off():
            count, nanoseconds, _ = self._block(name, seconds, _whole)
            latencies = self._block(name, seconds, _each, LATENCIES_MAX)[2]
        return {"operations": count, "nanoseconds": nanoseconds, "latencies": latencies}

    def _block(
        self, name: str, seconds: float, timed: Callable[..., int], most: int | None = None
    ) -> tuple[int, int, list[int]]:
        count = spent = 0
        latencies: list[int] = []
        while spent < seconds * 1e9 and (most is None or count < most):
            stretch = self.stretch[name]
            operations, expected = self.take(WORKLOADS[name], stretch)
            start = time.perf_counter_ns()
            answer = timed(operations, latencies)
            elapsed = time.perf_counter_ns() - start
            if answer != expected:
                raise WrongAnswerError(f"YCSB {name}: {answer} where {expected} is right")
            count += stretch
            spent += elapsed
            if elapsed < STRETCH_NS:
                self.stretch[name] = min(2 * stretch, STRETCH_MAX)
        return count, spent, latencies


def _whole(operations: list[Operation], _: list[int]) -> int:
    total = 0
    for act, argument in operations:
        total += act(argument)
    return total


def _each(operations: list[Operation], latencies: list[int]) -> int:
    clock, total = time.perf_counter_ns, 0
    for act, argument in operations:
        start = clock()
        total += act(argument)
        latencies.append(clock() - start)
    return total

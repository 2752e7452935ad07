"""Wall times of calls, and the calls of one client on one side."""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.colonyos.face import TYPES, Side

OPERATIONS = ("add", "get", "find ten waiting", "assign", "mark successful")


@dataclass
class Times:
    """Seconds per call, one item per round; and of single calls, all rounds."""

    rounds: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)

    def add(self, seconds: float, calls: list[float]) -> None:
        """One round: how long all of it took, and each call."""
        self.rounds.append(seconds / len(calls))
        self.calls += calls

    def median(self) -> float:
        return statistics.median(self.rounds)

    def p99(self) -> float:
        return statistics.quantiles(self.calls, n=100)[98]


def timed(call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = call(*arguments)
    return time.perf_counter() - start, answer


class Client:
    """One client's calls, on processes of which it knows which are there."""

    def __init__(self, side: Side, loaded: int) -> None:
        self._side, self._next = side, loaded
        self._random = random.Random(1)
        self._assigned: list[str] = []
        self._run = {
            "add": self._add,
            "get": self._get,
            "find ten waiting": self._find,
            "assign": self._assign,
            "mark successful": self._mark,
        }

    def run(self, operation: str, calls: int) -> list[float]:
        """Seconds of each call. What is marked successful is what the last assign took."""
        return self._run[operation](calls)

    def _add(self, calls: int) -> list[float]:
        numbers = range(self._next, self._next + calls)
        self._next += calls
        return [timed(self._side.add, number)[0] for number in numbers]

    def _get(self, calls: int) -> list[float]:
        numbers = [self._random.randrange(self._next) for _ in range(calls)]
        found = [timed(self._side.get, number) for number in numbers]
        assert None not in [process for _, process in found]
        return [seconds for seconds, _ in found]

    def _find(self, calls: int) -> list[float]:
        found = [timed(self._side.find_waiting, self._random.choice(TYPES)) for _ in range(calls)]
        assert {count for _, count in found} == {10}
        return [seconds for seconds, _ in found]

    def _assign(self, calls: int) -> list[float]:
        taken = [timed(self._side.assign, "client", self._random.choice(TYPES)) for _ in range(calls)]
        self._assigned = [id for _, id in taken]
        assert None not in self._assigned and len(set(self._assigned)) == calls
        return [seconds for seconds, _ in taken]

    def _mark(self, calls: int) -> list[float]:
        return [timed(self._side.mark_successful, id)[0] for id in self._assigned]


def measure_clients(
    clients: dict[str, Client], calls: dict[str, int], rounds: int
) -> dict[str, dict[str, Times]]:
    """By operation and side; a first round only warms up."""
    results = {each: {name: Times() for name in clients} for each in OPERATIONS}
    for number in range(rounds + 1):
        for operation in OPERATIONS:
            for name, client in clients.items():
                seconds = client.run(operation, calls[name])
                if number:
                    results[operation][name].add(sum(seconds), seconds)
    return results

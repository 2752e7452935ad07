"""Times every single call, for the tail that medians of blocks do not show."""

import statistics
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.tables import microseconds


@dataclass
class Tail:
    """Nanoseconds per call."""

    calls: int
    median: float
    p99: float
    p999: float
    longest: int
    cpu_p999: float
    cpu_longest: int
    compactions: int = 0

    def cells(self) -> list[str]:
        wall = (self.median, self.p99, self.p999, self.longest)
        return [microseconds(ns) for ns in (*wall, self.cpu_p999, self.cpu_longest)]


class Stopwatch:
    """Times single calls, by both clocks."""

    def __init__(self) -> None:
        self.wall = array("Q")
        self.cpu = array("Q")

    def time(self, act: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> None:
        wall_clock, cpu_clock = time.perf_counter_ns, time.thread_time_ns
        wall, cpu = self.wall.append, self.cpu.append
        for argument in arguments:
            cpu_start = cpu_clock()
            start = wall_clock()
            act(*argument)
            end = wall_clock()
            cpu(cpu_clock() - cpu_start)
            wall(end - start)

    def tail(self, compactions: int = 0) -> Tail:
        wall, cpu = sorted(self.wall), sorted(self.cpu)
        count = len(wall)

        def part(ordered: list[int], share: float) -> int:
            return ordered[min(int(count * share), count - 1)]

        return Tail(
            count,
            statistics.median(wall),
            part(wall, 0.99),
            part(wall, 0.999),
            wall[-1],
            part(cpu, 0.999),
            cpu[-1],
            compactions,
        )

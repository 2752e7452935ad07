"""Times every single call, for the tail that medians of blocks do not show."""

import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.tables import microseconds
from bench.timing import percentile


@dataclass
class Tail:
    """Nanoseconds per call."""

    calls: int
    median: int
    p99: int
    p999: int
    longest: int
    cpu_p999: int
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
        return Tail(
            len(self.wall),
            *(percentile(self.wall, share) for share in (0.5, 0.99, 0.999)),
            max(self.wall),
            percentile(self.cpu, 0.999),
            max(self.cpu),
            compactions,
        )

"""Interleaved timing of cases against each other.

Each round runs one block of every case in turn, and a ratio is taken within a round: whatever
slows the machine for a while slows both sides of it. Medians over the rounds are reported. The
thread's own CPU time is the main clock (a shared machine's other work is not in it, neither is work
that a store hands to a thread of its own); wall time stands beside it.
"""

import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.data import Access

# Documents per timed stretch. Arguments are built before each, so a larger one would find them gone
# from the caches, which charges the store for the benchmark's own memory.
STRETCH = 1_000


@dataclass
class Case:
    """One way of doing something: *prepare* builds arguments (not timed), *run* does it (timed)."""

    name: str
    access: Access
    prepare: Callable[[list[int]], Any]
    run: Callable[[Any], int]
    # What `run` must return for these document numbers; a wrong answer ends the benchmark.
    expect: Callable[[list[int]], int]
    # Looks into the store after a block, given the last numbers; False ends the benchmark.
    check: Callable[[list[int]], bool] = lambda numbers: True
    stretch: int = STRETCH


@dataclass
class Samples:
    """Nanoseconds per document, one item per round."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def cpu_median(self) -> float:
        return statistics.median(self.cpu)

    def wall_median(self) -> float:
        return statistics.median(self.wall)


class WrongAnswerError(AssertionError):
    """A store gave a wrong answer while it was being timed."""


@contextmanager
def collector_off():
    """No collector run falls into a block; what it costs is not what is compared here."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def run_block(case: Case, block_s: float) -> tuple[float, float]:
    """Run stretches of *case* for block_s of CPU time: (CPU, wall) nanoseconds per document."""
    cpu_ns = wall_ns = count = 0
    limit_ns = block_s * 1e9
    # A block that waits for the disk uses little CPU time: it ends by the wall clock instead.
    while cpu_ns < limit_ns and wall_ns < 4 * limit_ns:
        numbers = case.access.take(case.stretch)
        arguments = case.prepare(numbers)
        wall_start = time.perf_counter_ns()
        cpu_start = time.thread_time_ns()
        answer = case.run(arguments)
        cpu_ns += time.thread_time_ns() - cpu_start
        wall_ns += time.perf_counter_ns() - wall_start
        count += case.stretch
        expected = case.expect(numbers)
        if answer != expected:
            raise WrongAnswerError(f"{case.name}: {answer!r} where {expected!r} is right")
    if not case.check(numbers):
        raise WrongAnswerError(f"{case.name}: a document is not what was written")
    return cpu_ns / count, wall_ns / count


def measure(cases: list[Case], rounds: int, block_s: float) -> dict[str, Samples]:
    samples = {case.name: Samples() for case in cases}
    with collector_off():
        for case in cases:
            run_block(case, block_s)
        for _ in range(rounds):
            for case in cases:
                cpu_ns, wall_ns = run_block(case, block_s)
                samples[case.name].cpu.append(cpu_ns)
                samples[case.name].wall.append(wall_ns)
    return samples


def percentile(values: Iterable[int], share: float) -> int:
    """The value that *share* of all lie below; of few values the longest."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def together(loop: Callable[[int], None], threads: int) -> float:
    """Run loop(0), loop(1), ... in a thread each, all begun at once: wall seconds until the last ends."""
    starting = threading.Barrier(threads + 1)

    def begin(place: int) -> None:
        starting.wait()
        loop(place)

    workers = [threading.Thread(target=begin, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    starting.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def ratio(slower: list[float], faster: list[float]) -> float:
    """How many times as fast the second is: the median of the per-round ratios."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))

"""How long the engine kept a caller waiting, told from what the machine and the GIL did meanwhile.

A call that took CPU time is the engine's work: its pause is at least that. Of the rest of its wall time
two parts are not the engine's: the kernel had no processor for the thread (schedstat says for how long),
and another thread had the GIL. For the latter a witness thread sleeps and reads the clock, nothing else:
while it is late, a call that is late as well proves nothing. What is left is a lock or the disk.
Both parts are taken off in full also where they overlap, so that a pause is a lower bound.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

TICK = 0.002  # seconds the witness sleeps
LATE = 0.001  # seconds; less is not worth keeping
SLOW = 0.005  # seconds; a quicker call has no pause to explain
KEPT = 50_000  # late ticks of one round, and a bound on them


class RunDelay:
    """Seconds that the kernel let the calling thread wait for a processor, since it began.

    0 where the kernel does not say: then pauses look longer than they were.
    """

    def __init__(self) -> None:
        try:
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        except FileNotFoundError:
            self._file = -1

    def __call__(self) -> float:
        return int(os.pread(self._file, 64, 0).split()[1]) / 1e9 if self._file >= 0 else 0.0

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


def overlap(ranges: Iterable[tuple[float, float]], start: float, end: float) -> float:
    """How much of start to end these ranges, which do not overlap each other, cover."""
    return sum(max(0.0, min(end, last) - max(start, first)) for first, last in ranges)


class Witness:
    """Knows when a thread that does nothing could not run."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=KEPT)  # from, to
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._due = 0.0
        self.longest = 0.0

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._due = due = time.perf_counter() + TICK
            time.sleep(TICK)
            now = time.perf_counter()
            if now - due > LATE:
                self._late.append((due, now))
                self.longest = max(self.longest, now - due)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()

    def late_within(self, start: float, end: float) -> float:
        """Seconds of this time in which the witness was late, also if it still is."""
        return overlap([*self._late, (self._due, end)], start, end)


@dataclass
class Pause:
    """A call that took long. All in seconds."""

    verb: str
    wall: float
    cpu: float
    run_delay: float
    witness: float

    @property
    def engine(self) -> float:
        return max(self.cpu, self.wall - self.run_delay - self.witness)

    def __str__(self) -> str:
        parts = (self.engine, self.wall, self.cpu, self.run_delay, self.witness)
        ms = [f"{1e3 * seconds:.1f}" for seconds in parts]
        return "{}: {} ms (wall {}, CPU {}, no processor {}, witness late {})".format(self.verb, *ms)


@dataclass
class Stopwatch:
    """Times the calls of one thread. It belongs to that thread."""

    witness: Witness
    calls: int = 0
    slowest: dict[str, Pause] = field(default_factory=dict)  # by verb

    def __enter__(self) -> Stopwatch:
        self._run_delay = RunDelay()
        return self

    def __exit__(self, *exception: object) -> None:
        self._run_delay.close()

    def time(self, verb: str, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """call(*args, **more); also when it raises."""
        waited, cpu, start = self._run_delay(), time.thread_time(), time.perf_counter()
        try:
            return call(*args, **more)
        finally:
            end, spent = time.perf_counter(), time.thread_time() - cpu
            self.calls += 1
            if end - start > SLOW:
                waited = self._run_delay() - waited
                late = self.witness.late_within(start, end)
                self._keep(Pause(verb, end - start, spent, waited, late))

    def _keep(self, pause: Pause) -> None:
        before = self.slowest.get(pause.verb)
        if before is None or pause.engine > before.engine:
            self.slowest[pause.verb] = pause

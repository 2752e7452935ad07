"""What a worker's assignments took, and those of all workers together."""

import time

from bench.colonyos.face import TYPES, WORKERS, Side
from bench.colonyos.times import timed

Span = tuple[float, float, list[float], list[str | None]]  # began, ended, seconds each, ids


def assign_many(side: Side, number: int, calls: int) -> Span:
    """One worker's assignments; the beginning and end by the machine's clock."""
    executor, executortype = f"worker-{number}", TYPES[number % len(TYPES)]
    start = time.monotonic()
    taken = [timed(side.assign, executor, executortype) for _ in range(calls)]
    return start, time.monotonic(), [each for each, _ in taken], [id for _, id in taken]


def whole(spans: list[Span]) -> tuple[float, list[float]]:
    """From the first beginning to the last end, and the seconds of each call."""
    ids = [id for *_, each in spans for id in each]
    assert len(spans) == WORKERS and None not in ids, "the queue ran out"
    assert len(set(ids)) == len(ids), "one was assigned twice"
    seconds = max(end for _, end, *_ in spans) - min(start for start, *_ in spans)
    return seconds, [each for _, _, times, _ in spans for each in times]

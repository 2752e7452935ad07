"""What the demonstration measured, and the table that shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

from velocity.py.demo.latency import Latencies

MEGABYTE = 1 << 20


@dataclass
class WorkerResult:
    """What one worker process reported last. Sizes are bytes."""

    done: int = 0
    lost: int = 0  # compare-and-swaps that another thread won
    taken_back: int = 0  # claims that a killed process had left
    done_before: int = 0  # jobs that were done when it opened the database
    open_seconds: float = 0.0  # from its start to the first claim
    seconds: float = 0.0  # from the first claim on
    memory: int = 0
    resident: int = 0
    disk: int = 0
    ended: bool = False
    claims: Latencies = field(default_factory=Latencies)
    finishes: Latencies = field(default_factory=Latencies)


def print_table(
    total: int, load_seconds: float, first: WorkerResult, second: WorkerResult
) -> None:
    claims, finishes = Latencies(), Latencies()
    for result in (first, second):
        claims.merge(result.claims)
        finishes.merge(result.finishes)
    seconds = first.seconds + second.seconds
    done = first.done + second.done
    rows = [
        ("load", f"{total / load_seconds:,.0f} jobs/s"),
        ("claim and finish", f"{done / seconds:,.0f} jobs/s"),
        ("claim latency", _latency(claims)),
        ("finish latency", _latency(finishes)),
        ("claims lost to another thread", f"{first.lost + second.lost:,}"),
        ("reopen after the kill", f"{second.open_seconds:.2f} s, process start included"),
        ("claims taken back", f"{second.taken_back:,}"),
        ("memory of the database", f"{second.memory / MEGABYTE:,.1f} MiB"),
        ("memory of the worker process", f"{second.resident / MEGABYTE:,.1f} MiB"),
        ("disk", f"{second.disk / MEGABYTE:,.1f} MiB"),
    ]
    print()
    for name, value in rows:
        print(f"  {name:30} {value}")
    print()


def _latency(latencies: Latencies) -> str:
    p50, p99 = latencies.percentile(0.50), latencies.percentile(0.99)
    return f"p50 {p50:,.1f} µs, p99 {p99:,.1f} µs"

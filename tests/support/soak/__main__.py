"""Runs the soak for some minutes: `make soak ARGS="--minutes 60 --mode persistent"`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from support.soak.measures import MIB, faults_in_pauses, faults_in_sizes, growth
from support.soak.run import Done, Load, Soak
from support.store import MODES

PROGRESS = 30.0  # seconds between lines


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def progress(done: Done) -> str:
    last = done.samples[-1]
    worst = max((pause.engine for pause in done.slowest.values()), default=0.0)
    return (
        f"round {done.rounds}: {done.calls:,} calls, memory {last.memory_usage / MIB:.1f} MiB, "
        f"process {last.private / MIB:.1f}, files {last.disk / MIB:.1f} for documents of "
        f"{last.documents / MIB:.1f}, longest pause {1e3 * worst:.1f} ms"
    )


def report(done: Done) -> list[str]:
    """Lines for the end; what is wrong last, and returned."""
    print(
        f"\n{done.rounds} rounds, {done.calls:,} calls, {done.compactions} compactions, "
        f"{done.expired:,} expired, {done.forks} forks, {done.copies} copies, "
        f"{done.reopenings} reopenings: counts and documents right each time"
    )
    for name in ("memory_usage", "private"):
        first, second = growth([getattr(sample, name) for sample in done.samples])
        print(f"{name}: {first / MIB:.2f} MiB, then {second / MIB:.2f}")
    ratios = [sample.disk / sample.documents for sample in done.samples if sample.documents]
    print(f"files: at most {max(ratios):.2f} times the documents")
    print(f"witness: at most {1e3 * done.witness_longest:.1f} ms late (processor and GIL)")
    for pause in sorted(done.slowest.values(), key=lambda pause: -pause.engine):
        print(f"longest {pause}")
    faults = faults_in_sizes(done.samples, ("memory_usage", "private"))
    faults += faults_in_pauses(done.slowest)
    for fault in faults:
        print(f"FAULT: {fault}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m support.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="in each mode")
    parser.add_argument("--mode", choices=MODES, action="append", help="default: all, one by one")
    parser.add_argument("--seed", default=Load.seed)
    parser.add_argument("--ids", type=int, default=Load.ids, help="of each writer")
    parser.add_argument("--steps", type=int, default=Load.steps, help="of a thread in a round")
    parser.add_argument("--dir", type=Path, help="for the data; default: the temporary directory")
    options = parser.parse_args()
    faults = []
    for mode in options.mode or MODES:
        load = Load(mode, options.seed, ids=options.ids, steps=options.steps)
        say(f"{load}")
        with tempfile.TemporaryDirectory(dir=options.dir) as folder:
            with Soak(load, Path(folder)) as soak:
                end, next_line = time.monotonic() + 60 * options.minutes, 0.0
                while time.monotonic() < end:
                    soak.round()
                    if time.monotonic() > next_line:
                        say(progress(soak.done))
                        next_line = time.monotonic() + PROGRESS
            faults += report(soak.done)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())

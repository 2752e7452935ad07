"""Writes that wait for the disk: one writer, and 64 at once, beside a bare write and fdatasync.

    python -m bench.commits [--seconds S] [--rounds N] [--dir DIRECTORY]

All take turns within a round, since a disk has moods, and ratios are taken within the round.
"""

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import velocity
from bench.command import data_folder, parser_for, say
from bench.data import document
from bench.tables import microseconds, table, times
from bench.timing import WrongAnswerError, percentile, ratio, together

FRAME = os.urandom(96)  # about what a put of one of the documents adds to a log
PREALLOCATED = 64 << 20
WRITERS = (1, 64)
BARE, BARE_READY = "bare loop, file grows", "bare loop, preallocated"


@dataclass
class Committed:
    """Of one way: commits per second, one item per round, and what each commit took, ns."""

    rates: list[float] = field(default_factory=list)
    latencies: list[int] = field(default_factory=list)


class BareFile:
    """What a program does by itself: write() one frame, fdatasync(), again."""

    def __init__(self, path: Path, preallocated: bool) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        if preallocated:
            for _ in range(PREALLOCATED >> 20):
                os.write(self.file, bytes(1 << 20))
            os.fsync(self.file)
            os.lseek(self.file, 0, os.SEEK_SET)
        self.size_max = PREALLOCATED if preallocated else None
        self.written = 0

    def commit(self) -> None:
        if self.size_max and self.written + len(FRAME) > self.size_max:
            os.lseek(self.file, 0, os.SEEK_SET)
            self.written = 0
        os.write(self.file, FRAME)
        os.fdatasync(self.file)
        self.written += len(FRAME)

    def close(self) -> None:
        os.close(self.file)


class Writers:
    """Threads that put documents of their own, each put one that waits for the disk."""

    def __init__(self, collection: Any) -> None:
        self.collection = collection
        self.numbers = itertools.count()

    def commit(self) -> None:
        number = next(self.numbers)
        self.collection.put(f"user{number}", document(number))


def run(commit: Callable[[], None], threads: int, seconds: float, into: Committed) -> int:
    """Commits made by that many threads in *seconds*; each ends the call that it has begun."""
    answers: list[list[int]] = []

    def write(_: int) -> None:
        clock, latencies = time.perf_counter_ns, []
        end = clock() + seconds * 1e9
        now = clock()
        while now < end:
            commit()
            before, now = now, clock()
            latencies.append(now - before)
        answers.append(latencies)

    elapsed = together(write, threads)
    count = sum(map(len, answers))
    into.rates.append(count / elapsed)
    into.latencies += itertools.chain(*answers)
    return count


def measure(rounds: int, seconds: float, parent: Path | None) -> dict[str, Committed]:
    results: dict[str, Committed] = {}
    with data_folder(parent) as folder:
        bare = {
            BARE: BareFile(folder / "grows", preallocated=False),
            BARE_READY: BareFile(folder / "ready", preallocated=True),
        }
        for mode in ("memory-first", "persistent"):
            with velocity.open(str(folder / mode), storage_mode=mode, sync_writes=True) as database:
                users = database.create_collection("users")
                ours = Writers(users)
                counted = 0
                for _ in range(rounds):
                    for name, file in bare.items():
                        into = results.setdefault(f"{name}/{mode}", Committed())
                        run(file.commit, 1, seconds, into)
                    for threads in WRITERS:
                        into = results.setdefault(f"{threads}/{mode}", Committed())
                        counted += run(ours.commit, threads, seconds, into)
                if len(users) != counted:
                    raise WrongAnswerError(f"{len(users)} documents after {counted} commits")
        for file in bare.values():
            file.close()
    return results


def commits_table(results: dict[str, Committed]) -> str:
    rows = []
    for key, committed in results.items():
        who, mode = key.split("/")
        title = who if who.startswith("bare") else f"{who} writer{'s' if who != '1' else ''}"
        ratios = [
            times(ratio(committed.rates, results[f"{bare}/{mode}"].rates))
            for bare in (BARE, BARE_READY)
        ]
        p99 = percentile(committed.latencies, 0.99)
        rows.append(
            [
                title,
                "" if who.startswith("bare") else f"{mode}, sync_writes",
                f"{statistics.median(committed.rates):,.0f}",
                *ratios,
                microseconds(statistics.median(committed.latencies)),
                microseconds(p99),
            ]
        )
    head = [
        "fsync each",
        "mode",
        "commits/s",
        f"× {BARE}",
        f"× {BARE_READY}",
        "median µs",
        "p99 µs",
    ]
    return (
        "**Writes that wait for the disk** (each on disk when its call returns; the bare loop "
        f"writes {len(FRAME)} bytes and calls `fdatasync`, and stands beside each mode)\n\n"
        f"{table(head, rows)}"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = parser_for("commits", __doc__, count=None)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one way in one round")
    options = parser.parse_args(arguments)
    say("writes that wait for the disk")
    print(commits_table(measure(options.rounds, options.seconds, options.dir)))


if __name__ == "__main__":
    sys.exit(main())

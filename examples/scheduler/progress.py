"""Progress: one line that says how far the work is, kept up to date while it goes on."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import TextIO

from velocity.py.colonyos import ColonyOSAdapter

PERIOD = 0.1  # seconds
BAR = 30


@dataclass(frozen=True)
class Counts:
    waiting: int
    running: int
    successful: int
    failed: int

    @property
    def ended(self) -> int:
        return self.successful + self.failed

    @property
    def known(self) -> int:
        return self.waiting + self.running + self.ended


def counts(db: ColonyOSAdapter, colony: str) -> Counts:
    """Each is read from an index; the four are not of one moment."""
    return Counts(
        db.count_waiting_processes_by_colony_name(colony),
        db.count_running_processes_by_colony_name(colony),
        db.count_successful_processes_by_colony_name(colony),
        db.count_failed_processes_by_colony_name(colony),
    )


def line(now: Counts) -> str:
    filled = BAR * now.ended // max(now.known, 1)
    return (
        f"[{'#' * filled:<{BAR}}] {now.ended:,} of {now.known:,} done, {now.running:,} running, "
        f"{now.waiting:,} waiting, {now.failed:,} failed"
    )


class Progress(threading.Thread):
    """Draws the line over and over on a terminal; elsewhere once, at the end."""

    def __init__(self, db: ColonyOSAdapter, colony: str, out: TextIO = sys.stderr) -> None:
        super().__init__(name="progress")
        self._db, self._colony, self._out = db, colony, out
        self._stopping = threading.Event()

    def run(self) -> None:
        while self._out.isatty() and not self._stopping.wait(PERIOD):
            now = line(counts(self._db, self._colony))
            print(f"\r{now}\x1b[K", end="", file=self._out, flush=True)

    def stop(self) -> None:
        self._stopping.set()
        self.join()
        start = "\r" if self._out.isatty() else ""
        print(f"{start}{line(counts(self._db, self._colony))}", file=self._out)

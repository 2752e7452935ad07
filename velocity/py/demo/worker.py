"""The worker process: owns the database, and runs threads that claim and finish jobs.

A claim is a compare-and-swap from waiting to running. A finish is one atomic step that takes the
job from running to done, if it is still this thread's, and records the run; so a job that was done
has exactly one run, whenever the process is killed.

It tells its parent how far it is as JSON lines on standard output:
    python -m velocity.py.demo.worker DIRECTORY MODE THREADS NUMBER [FINISHES]

FINISHES: how many jobs it may finish. Then it waits, with claims open, to be killed.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from typing import Any

from velocity.py.batch import BatchOperation
from velocity.py.collection import Collection
from velocity.py.config import Config
from velocity.py.database import VelocityDB
from velocity.py.demo.latency import Latencies
from velocity.py.results import Compare

REPORT_INTERVAL = 0.02  # seconds
CONTESTED = 50  # one job in so many is tried by every thread

Candidate = tuple[str, int]  # id, attempts so far


class Executor(threading.Thread):
    """Claims and finishes its candidates, one after the other."""

    def __init__(
        self,
        db: VelocityDB,
        name: str,
        candidates: list[Candidate],
        finishes: threading.Semaphore | None,
    ) -> None:
        # A daemon: when there is no parent to report to, nothing waits for one that was held.
        super().__init__(name=name, daemon=True)
        self._db = db
        self._may_finish = finishes  # how many more jobs may be finished; None: all
        self._candidates = candidates
        self.claims, self.finishes = Latencies(), Latencies()
        self.done = self.lost = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            jobs = self._db["jobs"]
            for id, attempt in self._candidates:
                self._run_job(jobs, id, attempt)
        except BaseException as error:
            self.error = error

    def _run_job(self, jobs: Collection, id: str, attempt: int) -> None:
        start = time.perf_counter_ns()
        expected = {"state": "waiting", "attempt": attempt}
        mine = {"state": "running", "attempt": attempt + 1, "executor": self.name}
        claimed = jobs.compare_and_swap(id, expected, mine)
        after_claim = time.perf_counter_ns()
        self.claims.add(after_claim - start)
        if not claimed:
            self.lost += 1  # another thread was quicker
            return
        if self._may_finish is not None:
            self._may_finish.acquire()
        run = {"executor": self.name, "attempt": attempt + 1, "exit_status": 0}
        start = time.perf_counter_ns()
        finished = self._db.transact(
            compare=[Compare("jobs", id, fields=mine)],
            then=[
                BatchOperation("update", "jobs", id, {"state": "done"}),
                BatchOperation("insert", "runs", id, run),
            ],
        )
        self.finishes.add(time.perf_counter_ns() - start)
        if not finished.succeeded:
            raise RuntimeError(f"{id} was claimed by {self.name} and then taken away")
        self.done += 1


def candidates_of(db: VelocityDB) -> tuple[list[Candidate], int, int]:
    """Jobs that wait, how many claims a killed process left and were taken back, jobs done."""
    jobs = db["jobs"]
    waiting: list[Candidate] = []
    taken_back = done = 0
    for job in jobs.scan():
        state, attempt = job["state"], job["attempt"]
        if state == "done":
            done += 1
            continue
        if state == "running":
            left = {"state": "running", "attempt": attempt}
            jobs.compare_and_swap(job.id, left, {"state": "waiting", "executor": None})
            taken_back += 1
        waiting.append((job.id, attempt))
    return waiting, taken_back, done


def shares(waiting: list[Candidate], threads: int) -> list[list[Candidate]]:
    """Disjoint lists, but for the contested jobs: those are in every list, at the same place."""
    lists: list[list[Candidate]] = [[] for _ in range(threads)]
    for position, candidate in enumerate(waiting):
        if position % CONTESTED == 0:
            for each in lists:
                each.append(candidate)
        else:
            lists[position % threads].append(candidate)
    return lists


class Worker:
    def __init__(
        self, directory: str, mode: str, threads: int, number: int, finishes: int | None
    ) -> None:
        self._start = time.perf_counter()
        self._db = VelocityDB(Config(directory, storage_mode=mode))
        waiting, self._taken_back, self._done_before = candidates_of(self._db)
        lists = shares(waiting, threads)
        may_finish = None if finishes is None else threading.Semaphore(finishes)
        self._executors = [
            Executor(self._db, f"worker{number}-{position}", candidates, may_finish)
            for position, candidates in enumerate(lists, 1)
        ]

    def run(self) -> None:
        self._say("ready", taken_back=self._taken_back, done_before=self._done_before)
        self._start = time.perf_counter()
        for executor in self._executors:
            executor.start()
        for executor in self._executors:
            while executor.is_alive():
                executor.join(REPORT_INTERVAL)
                self._report("progress")
        failed = [executor.error for executor in self._executors if executor.error]
        if failed:
            raise failed[0]
        stats = self._db.stats()
        self._report(
            "end",
            memory=stats.memory_usage,
            disk=stats.disk_usage,
            resident=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
        self._db.close()

    def _report(self, kind: str, **more: Any) -> None:
        claims, finishes = Latencies(), Latencies()
        for executor in self._executors:
            claims.merge(executor.claims)
            finishes.merge(executor.finishes)
        self._say(
            kind,
            done=sum(executor.done for executor in self._executors),
            lost=sum(executor.lost for executor in self._executors),
            claims=claims.to_plain(),
            finishes=finishes.to_plain(),
            seconds=time.perf_counter() - self._start,
            **more,
        )

    @staticmethod
    def _say(kind: str, **more: Any) -> None:
        sys.stdout.write(json.dumps({"kind": kind, **more}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _directory, _mode, *_numbers = sys.argv[1:]
    _threads, _number, *_finishes = map(int, _numbers)
    Worker(_directory, _mode, _threads, _number, _finishes[0] if _finishes else None).run()

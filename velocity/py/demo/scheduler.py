"""The parent: loads the jobs, runs the worker process, kills it half way, runs another, proves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import islice
from typing import Any

import velocity
from velocity._core.errors import ConfigError
from velocity.py.config import Config
from velocity.py.database import VelocityDB
from velocity.py.demo.jobs import Job, TraceError, made_jobs, trace_jobs
from velocity.py.demo.latency import Latencies
from velocity.py.demo.proof import prove
from velocity.py.demo.report import WorkerResult, print_table

BATCH = 1000
BAD_LINES_SHOWN = 5
BAR = 40


class WorkerFailed(Exception):
    """The worker process ended by itself, with an error."""


class Demo:
    def __init__(
        self, jobs: int | None, trace: str | None, workers: int, mode: str, keep: str | None
    ) -> None:
        self._jobs, self._trace = jobs, trace
        self._workers, self._mode, self._keep = workers, mode, keep
        self._bad_lines = 0
        self._live = sys.stdout.isatty()

    def run(self) -> int:
        """0 when every job was proved to have run exactly once, else 1."""
        directory = self._directory()
        try:
            return self._run(directory)
        finally:
            if self._keep is None:
                shutil.rmtree(directory, ignore_errors=True)

    def _directory(self) -> str:
        if self._keep is None:
            return tempfile.mkdtemp(prefix="velocity-demo-")
        os.makedirs(self._keep, exist_ok=True)
        if os.listdir(self._keep):
            raise ConfigError(f"--keep: {self._keep!r} is not possible; allowed: a new directory")
        return self._keep

    def _run(self, directory: str) -> int:
        jobs = self._make_jobs()
        numbers = {id: fields["number"] for id, fields in jobs}  # what the proof must find again
        start = time.perf_counter()
        self._load(directory, jobs)
        load_seconds = time.perf_counter() - start
        total = len(numbers)
        print(f"loaded {total:,} jobs into {directory} ({self._mode}) in {load_seconds:.2f} s")
        try:
            first = self._work(directory, 1, total, kill_at=total // 2)
            print(
                f"killed the worker process (SIGKILL) after {first.done:,} jobs were "
                "acknowledged as done"
            )
            start = time.perf_counter()
            second = self._work(directory, 2, total, kill_at=None)
        except WorkerFailed as error:
            print(f"velocity: {error}", file=sys.stderr)
            return 1
        proof = prove(directory, self._mode, numbers, first, second)
        print_table(total, load_seconds, first, second)
        for line in proof.lines:
            print(line)
        if self._keep is not None:
            print(f"the database is in {directory}")
        return 0 if proof.holds else 1

    def _make_jobs(self) -> list[Job]:
        if self._trace is None:
            return list(made_jobs(self._jobs or 0))
        jobs = list(islice(trace_jobs(self._trace, self._bad_line), self._jobs))
        if self._bad_lines > BAD_LINES_SHOWN:
            print(f"skipped: {self._bad_lines:,} lines in all", file=sys.stderr)
        if len(jobs) < 2:
            raise TraceError(f"{self._trace}: holds {len(jobs)} jobs, 2 are wanted at least")
        return jobs

    def _bad_line(self, text: str) -> None:
        self._bad_lines += 1
        if self._bad_lines <= BAD_LINES_SHOWN:
            print(f"skipped: {text}", file=sys.stderr)

    def _load(self, directory: str, jobs: list[Job]) -> None:
        with VelocityDB(Config(directory, storage_mode=self._mode)) as db:
            collection = db.create_collection("jobs")
            db.create_collection("runs")
            for at in range(0, len(jobs), BATCH):
                collection.insert_many(jobs[at : at + BATCH])

    def _work(self, directory: str, number: int, total: int, kill_at: int | None) -> WorkerResult:
        """Run a worker process to its end, or kill it once `kill_at` jobs are done."""
        start = time.perf_counter()
        process = self._start(directory, number, total, kill_at)
        result = WorkerResult()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                message = self._understood(line)
                self._take(result, message, time.perf_counter() - start)
                self._show(number, result.done_before + result.done, total)
                if kill_at is not None and result.done >= kill_at:
                    break
        finally:
            if process.poll() is None and (kill_at is not None or not result.ended):
                process.send_signal(signal.SIGKILL)
            code = process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._live:
            print()
        expected = 0 if kill_at is None else -signal.SIGKILL
        if code != expected:
            raise WorkerFailed(f"worker process {number} ended with exit code {code}")
        return result

    def _start(
        self, directory: str, number: int, total: int, kill_at: int | None
    ) -> subprocess.Popen[str]:
        root = os.path.dirname(os.path.dirname(os.path.abspath(velocity.__file__)))
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        module = "velocity.py.demo.worker"
        arguments = [directory, self._mode, str(self._workers), str(number)]
        if kill_at is not None:
            # Few jobs are done before the first report comes: it may not finish them all.
            arguments.append(str(max(kill_at, 3 * total // 4)))
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    @staticmethod
    def _understood(line: str) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(line)
        return message

    @staticmethod
    def _take(result: WorkerResult, message: dict[str, Any], seconds: float) -> None:
        if message["kind"] == "ready":
            result.open_seconds = seconds
            result.taken_back = message["taken_back"]
            result.done_before = message["done_before"]
            return
        result.done, result.lost = message["done"], message["lost"]
        result.claims = Latencies.from_plain(message["claims"])
        result.finishes = Latencies.from_plain(message["finishes"])
        result.seconds = message["seconds"]
        if message["kind"] == "end":
            result.ended = True
            result.memory, result.disk = message["memory"], message["disk"]
            result.resident = message["resident"]

    def _show(self, number: int, done: int, total: int) -> None:
        if self._live:
            part = BAR * done // total
            bar = "#" * part + "." * (BAR - part)
            print(f"\rworker {number} [{bar}] {done:,} of {total:,} done", end="", flush=True)

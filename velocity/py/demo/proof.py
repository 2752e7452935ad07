"""The proof: what the database holds after the kill, judged against what was loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from velocity._core.document import Document
from velocity.py.config import Config
from velocity.py.database import VelocityDB, verify
from velocity.py.demo.report import WorkerResult
from velocity.py.levels import StorageMode

FAULTS_SHOWN = 10


@dataclass
class Proof:
    """holds: every claim was shown. lines: what to print."""

    holds: bool = True
    lines: list[str] = field(default_factory=list)

    def check(self, claim: str, faults: list[str]) -> None:
        if not faults:
            self.lines.append(f"proved: {claim}")
            return
        self.holds = False
        self.lines.append(f"NOT TRUE: {claim}: {len(faults):,} exceptions")
        self.lines.extend(f"  {fault}" for fault in faults[:FAULTS_SHOWN])


def prove(
    directory: str, mode: str, numbers: dict[str, int], first: WorkerResult, second: WorkerResult
) -> Proof:
    proof = Proof()
    with VelocityDB(Config(directory, storage_mode=mode)) as db:
        jobs = {job.id: job for job in db["jobs"].scan()}
        runs = {run.id: run for run in db["runs"].scan()}
        health = db.health()
    total = len(numbers)
    proof.check(f"none of the {total:,} jobs was lost or altered", list(_lost(jobs, numbers)))
    proof.check(f"each of the {total:,} jobs ran exactly once", list(_not_once(jobs, runs)))
    proof.check("each version is that of its history of claims", list(_versions(jobs)))
    _acknowledged(proof, mode, first, second)
    unwell = [f"{check}: {text}" for check, text in health.checks.items() if text != "ok"]
    proof.check("the database is well", unwell)
    report = verify(directory)
    proof.check(f"all {report.records:,} records on disk are whole", report.errors)
    return proof


def _lost(jobs: dict[str, Document], numbers: dict[str, int]) -> Iterator[str]:
    for id, number in numbers.items():
        if id not in jobs:
            yield f"{id} is missing"
        elif jobs[id]["number"] != number:
            yield f"{id} has number {jobs[id]['number']}, {number} was loaded"
    yield from (f"{id} was never loaded" for id in jobs.keys() - numbers.keys())


def _not_once(jobs: dict[str, Document], runs: dict[str, Document]) -> Iterator[str]:
    """A run is recorded under its job's id; a second one would raise its version."""
    for id, job in jobs.items():
        run = runs.get(id)
        if job["state"] != "done":
            yield f"{id} is {job['state']}"
        elif run is None:
            yield f"{id} is done but has no run"
        elif run.version != 1:
            yield f"{id} ran {run.version} times"
        elif (run["executor"], run["attempt"]) != (job["executor"], job["attempt"]):
            yield f"{id} was finished by {job['executor']} but run by {run['executor']}"
    yield from (f"{id} ran but is no job" for id in runs.keys() - jobs.keys())


def _versions(jobs: dict[str, Document]) -> Iterator[str]:
    """One for the load; two per attempt: the claim, and a taking back or at last the finish."""
    for id, job in jobs.items():
        if job.version != 1 + 2 * job["attempt"]:
            yield f"{id} has version {job.version} after {job['attempt']} attempts"


def _acknowledged(proof: Proof, mode: str, first: WorkerResult, second: WorkerResult) -> None:
    """Persistent keeps all that was acknowledged; the others may lose the last flush_interval."""
    lost = max(0, first.done - second.done_before)
    found = f"{first.done:,} jobs were acknowledged as done before the kill"
    if mode == StorageMode.PERSISTENT.value:
        faults = [f"{second.done_before:,} were found"] if lost else []
        proof.check(f"{found}, none was lost", faults)
    else:
        proof.lines.append(f"{found}; {lost:,} were lost and run again, as {mode} allows")

"""find_one_and_update as a scheduler uses it: the next waiting job, by one thread and by eight."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import velocity
from bench.command import data_folder
from bench.data import SCATTER
from bench.stopwatch import Stopwatch, Tail
from bench.timing import WrongAnswerError, collector_off, together

THREADS = 8
WAITING = {"state": "waiting"}
ORDER = ["-priority", "created"]


def job(number: int) -> dict[str, Any]:
    return {
        "state": "waiting",
        "priority": number * SCATTER % 10,
        "created": 1_700_000_000 + number,
        "executor": None,
        "command": f"convert {number}.png",
    }


def filled(database: velocity.VelocityDB, count: int) -> Any:
    jobs = database.create_collection("jobs")
    jobs.create_index(ORDER, where=WAITING, name="waiting")
    jobs.put_many((f"job{number}", job(number)) for number in range(count))
    return jobs


@dataclass
class Claims:
    """Claims per second, by the CPU time of the calls and by the clock on the wall, which has the
    timing of single calls in it."""

    threads: int
    per_cpu_second: float
    per_second: float
    tail: Tail


class Worker:
    """Claims jobs; keeps what it was given."""

    def __init__(self, jobs: Any, name: str) -> None:
        self.jobs = jobs
        self.change = {"$set": {"state": "running", "executor": name}}
        self.claimed: list[str] = []

    def claim(self) -> None:
        self.claimed.append(self.jobs.find_one_and_update(WAITING, self.change, ORDER).id)


def check(jobs: Any, workers: list[Worker], waiting: int) -> None:
    """Each claim was of another job, the best that was left when it was made, and is written."""
    claimed = [id for worker in workers for id in worker.claimed]
    right = len(set(claimed)) == len(claimed) and jobs.count(WAITING) == waiting - len(claimed)
    for worker in workers:
        states = [jobs[id]["executor"] for id in worker.claimed[-10:]]
        right = right and set(states) <= {worker.change["$set"]["executor"]}
    left = jobs.find_one(WAITING, sort=ORDER)
    least = min(jobs[id]["priority"] for id in claimed)
    if not right or (left is not None and left["priority"] > least):
        raise WrongAnswerError("claims: a job was given twice, not written, or out of order")


def run(jobs: Any, threads: int, each: int) -> Claims:
    waiting = jobs.count(WAITING)
    workers = [Worker(jobs, f"executor{place}") for place in range(threads)]
    watches = [Stopwatch() for _ in workers]
    calls: list[tuple[()]] = [()] * each

    def loop(place: int) -> None:
        watches[place].time(workers[place].claim, calls)

    with collector_off():
        elapsed = together(loop, threads)
    check(jobs, workers, waiting)
    every = Stopwatch()
    for watch in watches:
        every.wall.extend(watch.wall)
        every.cpu.extend(watch.cpu)
    amount = threads * each
    return Claims(threads, amount * 1e9 / sum(every.cpu), amount / elapsed, every.tail())


def measure(count: int, parent: Path | None) -> list[Claims]:
    """A tenth of the jobs is claimed by one thread, and a tenth by eight."""
    with data_folder(parent) as folder, velocity.open(str(folder)) as database:
        jobs = filled(database, count)
        return [run(jobs, threads, count // 10 // threads) for threads in (1, THREADS)]

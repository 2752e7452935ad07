"""Runs the scheduler on some work of every kind, and checks what came of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile

import velocity
from examples.scheduler.executors import AsyncExecutor, ThreadExecutor
from examples.scheduler.jobs import ASYNC_JOBS, THREAD_JOBS
from examples.scheduler.progress import Progress, counts
from examples.scheduler.server import Server
from examples.scheduler.wakeup import Wakeup
from velocity.py.colonyos import (
    FAILED,
    SUCCESS,
    Colony,
    ColonyOSAdapter,
    Conditions,
    Cron,
    FunctionSpec,
    Generator,
    Process,
    WorkflowSpec,
    random_id,
)

COLONY = "example"
THREADS = 3
TEXT = "the quick brown fox jumps over the lazy dog and then the other dogs bark at the fox"
ARGUMENTS, TRIGGER = 25, 10  # of the generator: ten to a workflow
CRON_RUNS = 2


def spec(kind: str, name: str, *args: object, **settings: object) -> FunctionSpec:
    """What is to be done: kind of executor, function, arguments, and any field of FunctionSpec."""
    conditions = Conditions(colonyname=COLONY, executortype=kind)
    conditions.dependencies = list(settings.pop("after", []))
    given = {"maxexectime": 30, "maxretries": 3, **settings}
    return FunctionSpec(funcname=name, args=list(args), conditions=conditions, **given)


def submit_jobs(db: ColonyOSAdapter, jobs: int) -> None:
    """Single processes, every tenth of them urgent, for threads and for asyncio."""
    for number in range(jobs):
        priority = 10 if number % 10 == 0 else 0
        work = (
            spec("async", "fetch", f"page {number}", priority=priority, kwargs={"seconds": 0.02})
            if number % 2
            else spec("thread", "digest", f"text {number}", priority=priority)
        )
        db.add_process(Process.create(work))
    db.add_process(Process.create(spec("thread", "count_primes", 100_000)))


def submit_workflow(db: ColonyOSAdapter) -> str:
    """Split a text, count in three processes at once, add up; the graph's id."""
    counting = [
        spec("thread", "count_words", letters, nodename=f"count-{letters}", after=["split"])
        for letters in ("abcdefgh", "ijklmnop", "qrstuvwxyz")
    ]
    names = [each.nodename for each in counting]
    workflow = WorkflowSpec(
        colonyname=COLONY,
        functionspecs=[
            spec("thread", "split", TEXT, nodename="split"),
            *counting,
            spec("thread", "add_up", nodename="sum", label="sum", after=names),
        ],
    )
    return db.add_workflow(COLONY, workflow).processgraphid


def submit_deadlines(db: ColonyOSAdapter) -> list[str]:
    """One process that takes too long, and one that nobody comes to fetch; their ids."""
    slow = Process.create(spec("async", "hang", maxexectime=1, maxretries=0))
    unwanted = Process.create(spec("nobody", "digest", "text", maxwaittime=1))
    for process in (slow, unwanted):
        db.add_process(process)
    return [slow.processid, unwanted.processid]


def start_clockwork(db: ColonyOSAdapter) -> str:
    """A cron that starts a process each second, whose id is returned; a generator and arguments."""
    each_second = WorkflowSpec(
        colonyname=COLONY,
        functionspecs=[spec("thread", "digest", "tick", nodename="tick", label="cron")],
    )
    cron = Cron(
        cronid=random_id(), colonyname=COLONY, name="tick", cronexpression="* * * * * *",
        workflowspec=each_second.to_json(),
    )
    db.add_cron(cron)
    packed = WorkflowSpec(
        colonyname=COLONY,
        functionspecs=[spec("thread", "count_arguments", nodename="count", label="generator")],
    )
    generator = Generator(
        generatorid=random_id(), colonyname=COLONY, name="pack", trigger=TRIGGER, timeout=1,
        workflowspec=packed.to_json(),
    )
    db.add_generator(generator)
    for number in range(ARGUMENTS):
        db.pack_generator(generator.generatorid, json.dumps({"number": number}))
    return cron.cronid


def labelled(db: ColonyOSAdapter, label: str) -> list[Process]:
    """The successful processes with a label."""
    return db.find_successful_processes(COLONY, "", label, "", 1000)


def wait_until_done(db: velocity.VelocityDB, adapter: ColonyOSAdapter, cron_id: str) -> None:
    """Follow what ends; no more runs of the cron once there were enough; until nothing is left."""
    stopped = False
    with db["processes"].watch({"state": {"$gte": SUCCESS}}) as ended:
        while True:
            if not stopped and len(labelled(adapter, "cron")) >= CRON_RUNS:
                adapter.remove_cron_by_id(cron_id)
                stopped = True
            packed = sum(process.output[0] for process in labelled(adapter, "generator"))
            now = counts(adapter, COLONY)
            if stopped and packed == ARGUMENTS and now.waiting == now.running == 0:
                return
            ended.next(timeout=1)


def check(db: ColonyOSAdapter, jobs: int, graph_id: str, deadlines: list[str]) -> list[str]:
    """What is not as it should be."""
    wrong = []
    graph = db.get_process_graph_by_id(graph_id)
    total = labelled(db, "sum")
    words = len(TEXT.split())
    if graph is None or graph.state != SUCCESS or [each.output for each in total] != [[words]]:
        wrong.append(f"the workflow did not count {words} words")
    for process_id in deadlines:
        process = db.get_process_by_id(process_id)
        ended = process is not None and process.state == FAILED and process.errors[0]
        if not ended or "time limit exceeded" not in ended:
            wrong.append(f"process {process_id} was not failed for its deadline")
    now = counts(db, COLONY)
    if now.failed != len(deadlines):
        wrong.append(f"{now.failed} processes failed")
    at_least = jobs + 1 + len(graph.rootprocessids if graph else []) + CRON_RUNS
    if now.successful < at_least:
        wrong.append(f"only {now.successful} of at least {at_least} processes were done")
    return wrong


async def run(directory: str, jobs: int) -> list[str]:
    """All of it; what is not as it should be."""
    with velocity.open(directory, storage_mode="persistent") as db, ColonyOSAdapter(db) as adapter:
        adapter.add_colony(Colony(colonyid=random_id(), name=COLONY))
        wakeup, server, progress = Wakeup(db), Server(adapter), Progress(adapter, COLONY)
        threads = [
            ThreadExecutor(adapter, wakeup, COLONY, f"thread-{number}", THREAD_JOBS)
            for number in range(THREADS)
        ]
        for thread in (server, progress, *threads):
            thread.start()
        executor = AsyncExecutor(adapter, wakeup, COLONY, "loop", ASYNC_JOBS, at_once=50)
        executing = asyncio.create_task(executor.run())

        submit_jobs(adapter, jobs)
        graph_id = submit_workflow(adapter)
        deadlines = submit_deadlines(adapter)
        cron_id = start_clockwork(adapter)
        await asyncio.to_thread(wait_until_done, db, adapter, cron_id)

        executor.stop()
        await executing
        for thread in (*threads, server, progress):
            thread.stop()
        wakeup.close()
        return check(adapter, jobs, graph_id, deadlines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="examples.scheduler", description=__doc__)
    parser.add_argument("--dir", help="a new directory for the database; else one that goes again")
    parser.add_argument("--jobs", type=int, default=200, help="single processes to submit")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        wrong = asyncio.run(run(options.dir or folder, options.jobs))
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    print("everything was done" if not wrong else "not everything was done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

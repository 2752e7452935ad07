"""64 threads assign 100,000 processes: each exactly once, and in the queue's order.

The processes are made like the jobs of a grid's log (LCG in the Parallel Workloads Archive): users
of a few virtual organisations, most jobs of few users, short ones urgent. A claim that begins when
another has ended gets what comes later in the queue of its executor type, whichever threads they
are of, for all are there from the start.
"""

from __future__ import annotations

import random
import time

from support.processes import add, claim
from support.threads import run_threads
from velocity.py.colonyos import RUNNING

PROCESSES, THREADS = 100_000, 64
TYPES = ["alice", "atlas", "cms", "lhcb", "dteam"]
WEIGHTS = [1, 5, 4, 2, 1]


def submit(adapter, count, seed):
    """By type, the ids in queue order."""
    chance = random.Random(seed)
    queues: dict[str, list[tuple[int, int, str]]] = {type: [] for type in TYPES}
    for number in range(count):
        type = chance.choices(TYPES, WEIGHTS)[0]
        runs = int(chance.lognormvariate(7, 2))
        names = [[], [], [], ["*"], [f"{type}-site"], [f"{type}-site", "elsewhere"]][number % 6]
        process = add(
            adapter, type=type, priority=2 if runs < 300 else 1 if runs < 5000 else 0,
            initiatorname=f"user{int(chance.paretovariate(0.8)) % 200}", funcname="job", maxexectime=runs,
            conditions={"executornames": names, "locationname": ["", "Site"][number % 2], "nodes": 1,
                        "mem": f"{chance.randrange(1, 9)}Gi"},
        )  # fmt: skip
        queues[type].append((process.prioritytime, number, process.processid))
    return {type: [id for _, _, id in sorted(queue)] for type, queue in queues.items()}


def assert_in_order(claims):
    """claims: when each began and ended, and the place in the queue of what it got."""
    over = sorted((ended, place) for _, ended, place in claims)
    last, passed = -1, 0  # the last place of those that were over when this one began
    for began, _, place in sorted(claims):
        while over[passed][0] < began:
            last = max(last, over[passed][1])
            passed += 1
        assert last < place


def test_each_once_and_in_order(adapter):
    queues = submit(adapter, PROCESSES, 1)
    places = {id: place for queue in queues.values() for place, id in enumerate(queue)}

    def work(thread):
        type, taken = TYPES[thread % len(TYPES)], []
        while True:
            began = time.perf_counter_ns()
            process = claim(adapter, f"{type}-site", type, "site")
            ended = time.perf_counter_ns()
            if process is None:
                return type, taken
            assert process.state == RUNNING and process.isassigned
            taken.append((began, ended, places[process.processid]))

    results = run_threads(work, THREADS, timeout=300)
    for type, queue in queues.items():
        claims = [each for its, taken in results if its == type for each in taken]
        assert sorted(place for _, _, place in claims) == list(range(len(queue)))
        assert_in_order(claims)
    assert adapter.count_running_processes() == PROCESSES and adapter.count_waiting_processes() == 0


def test_claims_beside_writers(adapter):
    """While processes are added, given back and finished, each is finished exactly once."""
    done: list[list[str]] = [[] for _ in range(8)]
    added: list[list[str]] = [[] for _ in range(4)]

    def work(thread):
        if thread < 4:
            for number in range(300):
                added[thread].append(add(adapter, priority=number % 5).processid)
            return
        chance = random.Random(thread)
        while sum(map(len, done)) < 1200:
            process = claim(adapter, f"e{thread}")
            if process is None:
                continue
            if chance.random() < 0.2:
                adapter.unassign(process)
                continue
            adapter.mark_successful(process.processid)
            done[thread - 4].append(process.processid)

    run_threads(work, 12)
    assert sorted(id for each in done for id in each) == sorted(id for each in added for id in each)
    assert adapter.count_successful_processes() == 1200

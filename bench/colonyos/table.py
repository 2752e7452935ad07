"""The tables of the comparison. What misses its goal is marked, and stays in."""

from statistics import median

from bench.colonyos.face import WORKERS
from bench.colonyos.measure import LEFT_OUT, MEMORY_FIRST, ON_DISK, POSTGRES, VERSION, Results
from bench.colonyos.times import Times
from bench.tables import microseconds, table, times

GOALS = {"add": 20, "get": 20, "find ten waiting": 20, "mark successful": 20}  # memory-first
GOAL_WORKERS = {MEMORY_FIRST: 100, ON_DISK: 5}
GOAL_LENGTH = 1.5
GOAL_P99_US = 1_000


def us(seconds: float) -> str:
    return microseconds(seconds * 1e9)


def faster(theirs: Times, ours: Times) -> float:
    """How many times as fast ours is: the median of the rounds' ratios."""
    return median(a / b for a, b in zip(theirs.rounds, ours.rounds))


def verdict(reached: bool, goal: str) -> str:
    return f"{goal}: {'yes' if reached else '**no**'}"


def client_table(results: Results) -> str:
    head = ["one client, µs a call", *next(iter(results.client.values()))]
    rows = []
    for operation, sides in results.client.items():
        row = [operation, *(us(each.median()) for each in sides.values())]
        if POSTGRES in sides:
            ratio = faster(sides[POSTGRES], sides[MEMORY_FIRST])
            goal = GOALS.get(operation)
            row += [times(ratio), verdict(ratio >= goal, f"{goal}×") if goal else ""]
        rows.append(row)
    if VERSION:
        head += ["memory-first as fast", "goal"]
    return table(head, rows)


def workers_table(results: Results) -> str:
    rows = []
    for name, each in results.workers.items():
        row = [name, f"{1 / each.median():,.0f}", us(median(each.calls)), us(each.p99())]
        if VERSION:
            goal = GOAL_WORKERS.get(name)
            ratio = faster(results.workers[POSTGRES], each)
            row += [times(ratio), verdict(ratio >= goal, f"{goal}×") if goal else ""]
        if name == MEMORY_FIRST:
            row[3] += f" ({verdict(each.p99() * 1e6 < GOAL_P99_US, f'{GOAL_P99_US} µs')})"
        rows.append(row)
    head = [f"{WORKERS} workers assign", "a second", "median, µs", "p99, µs"]
    return table([*head, "as fast", "goal"] if VERSION else head, rows)


def lengths_table(results: Results) -> str:
    rows = []
    for operation, lengths in results.lengths.items():
        short, long = lengths.values()
        ratio = faster(long, short)
        row = [operation, us(short.median()), us(long.median()), f"{ratio:.2f}×"]
        rows.append([*row, verdict(ratio <= GOAL_LENGTH, f"within {GOAL_LENGTH}×")])
    names = [f"{length} waiting" for length in next(iter(results.lengths.values()))]
    return table(["memory-first, µs a call", *names, "the longer beside the shorter", "goal"], rows)


def colonyos_tables(results: Results) -> str:
    beside = (
        f"beside PostgreSQL {VERSION} as initdb sets it up, over a unix socket, with ColonyOS's "
        "tables, indexes and statements"
        if VERSION
        else f"PostgreSQL left out: {LEFT_OUT}"
    )
    title = f"**ColonyOS's database**: {results.loaded:,} processes wait; {beside} (wall time)"
    parts = [client_table(results), workers_table(results), lengths_table(results)]
    return "\n\n".join([title, *parts])

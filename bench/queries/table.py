"""The tables of the query benchmark. What misses its goal is marked, and stays in."""

from bench.queries.claims import THREADS
from bench.queries.measure import Result, Results
from bench.queries.rows import Goal
from bench.tables import microseconds, table, times
from bench.timing import Samples, ratio

CLAIMS_PER_SECOND = 200_000  # of one thread
P99_US = 200  # with eight
BEYOND_KEY = 24  # bytes per entry


def speed(samples: Samples, unit: str) -> str:
    ns = samples.cpu_median()
    return f"{microseconds(ns)} µs" if unit == "call" else f"{1e3 / ns:.1f} M/s"


def verdict(reached: bool, goal: str) -> str:
    return f"{goal}: {'yes' if reached else '**no**'}"


def compared(result: Result, goal: Goal) -> list[str]:
    ours, theirs = result.samples["velocity"], result.samples[goal.beside]
    faster = ratio(theirs.cpu, ours.cpu)
    by_wall = ratio(theirs.wall, ours.wall)
    if goal.within is not None:
        shown = [f"{ratio(ours.cpu, theirs.cpu):.2f}× as slow"]
        shown += [f"{ratio(ours.wall, theirs.wall):.2f}×"]
        shown += [verdict(faster * goal.within >= 1, f"within {goal.within:g}×")]
    else:
        asked = "" if goal.times is None else verdict(faster >= goal.times, f"{goal.times:g}×")
        shown = [f"{times(faster)} as fast", times(by_wall), asked]
    return [result.title, goal.beside, speed(ours, result.unit), speed(theirs, result.unit), *shown]


def rate(result: Result) -> list[str]:
    assert result.per_second is not None
    ours = result.samples["velocity"]
    reached = 1e9 / ours.cpu_median() >= result.per_second
    goal = verdict(reached, f"{result.per_second / 1e6:g} M documents/s")
    return [result.title, "", speed(ours, result.unit), "", "", "", goal]


def rows_table(results: list[Result]) -> str:
    rows = []
    for result in results:
        if result.per_second is not None:
            rows.append(rate(result))
        rows += [compared(result, goal) for goal in result.goals]
    head = ["work", "beside", "ours", "theirs", "ratio", "by wall time", "asked for"]
    return table(head, rows)


def claims_table(results: Results) -> str:
    rows = []
    for each in results.claims:
        if each.threads == THREADS:
            goal = verdict(each.tail.p99 <= P99_US * 1e3, f"p99 within {P99_US} µs")
        else:
            reached = each.per_cpu_second >= CLAIMS_PER_SECOND
            goal = verdict(reached, f"{CLAIMS_PER_SECOND:,}/s")
        rates = [f"{each.per_cpu_second:,.0f}", f"{each.per_second:,.0f}"]
        rows.append([str(each.threads), goal, *rates, *each.tail.cells()])
    head = ["threads", "asked for", "claims per CPU second", "claims/s", "median µs", "p99 µs"]
    head += ["p99.9 µs", "longest µs", "p99.9 CPU µs", "longest CPU µs"]
    return table(head, rows)


def sizes_table(results: Results) -> str:
    rows = [
        [
            size.name,
            size.how,
            f"{size.entries:,}",
            f"{size.key_bytes:.1f}",
            f"{size.bytes_per_entry:.1f}",
            f"{size.beyond():.1f}",
            verdict(size.beyond() <= BEYOND_KEY, f"{BEYOND_KEY}"),
        ]
        for size in results.indexes
    ]
    head = ["index", "how it came to be", "entries", "key, B", "B/entry", "beyond the key", "asked"]
    return table(head, rows)


def query_tables(results: Results) -> str:
    peer = "DuckDB with one thread" if results.duckdb else "DuckDB is not installed"
    return "\n\n".join(
        [
            "**Queries** (CPU time of the calling thread, µs per call or documents per second; SQLite in "
            f"memory with indexes on `json_extract`, its JSON decoded; {peer})",
            rows_table(results.rows),
            "**Claims** (`find_one_and_update` of the best waiting job, partial compound index; "
            "single calls by wall time)",
            claims_table(results),
            "**Memory of indexes**",
            sizes_table(results),
        ]
    )

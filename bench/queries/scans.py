"""Rows that go through all documents."""

from collections.abc import Iterator
from importlib.util import find_spec

from bench.queries.documents import AGES, age_of, extract, person, priority_of
from bench.queries.rows import Goal, Holders, Work, whole


def scan(h: Holders) -> Work:
    bound = AGES // 2
    right = sum(age_of(n) >= bound and person(n)["state"] == "waiting" for n in range(h.count))

    def ours() -> int:
        return int(h.bare.count({"age": {"$gte": bound}, "state": "waiting"}))

    def comprehension() -> int:
        return len([d for d in h.plain if d["age"] >= bound and d["state"] == "waiting"])

    def theirs() -> int:
        # The + keeps SQLite from its indexes.
        return h.sqlite.count(
            f"+{extract('age')} >= ? AND +{extract('state')} = ?", bound, "waiting"
        )

    cases = [
        whole("velocity", h.count, ours, right),
        whole("list comprehension", h.count, comprehension, right),
        whole("SQLite", h.count, theirs, right),
    ]
    goals = [Goal("list comprehension", times=2), Goal("SQLite")]
    return Work(
        "count, two conditions, no index",
        cases,
        goals,
        per_second=10e6,
        unit="document",
        rounds=0.4,
    )


def group(h: Holders) -> Work:
    pipeline = [{"$group": {"_id": "$state", "n": {"$count": {}}, "sum": {"$sum": "$priority"}}}]
    right = h.count + sum(map(priority_of, range(h.count)))

    def ours() -> int:
        return sum(row["n"] + row["sum"] for row in h.bare.aggregate(pipeline))

    def by_hand() -> int:
        groups: dict[str, list[int]] = {}
        for fields in h.plain:
            totals = groups.setdefault(fields["state"], [0, 0])
            totals[0] += 1
            totals[1] += fields["priority"]
        return sum(map(sum, groups.values()))

    def theirs() -> int:
        query = "SELECT state, count(*), sum(priority) FROM people GROUP BY state"
        return sum(int(n + total) for _, n, total in h.duckdb.execute(query).fetchall())

    cases = [whole("velocity", h.count, ours, right), whole("a loop", h.count, by_hand, right)]
    goals = [Goal("a loop")]
    if h.duckdb is not None:
        cases.append(whole("DuckDB", h.count, theirs, right))
        goals.insert(0, Goal("DuckDB", times=1))
    return Work("aggregate, group-by with count and sum", cases, goals, unit="document", rounds=0.4)


def columns(h: Holders) -> Iterator[Work]:
    if find_spec("numpy") is None:
        return
    import numpy

    right = sum(map(age_of, range(h.count)))

    def ours() -> int:
        return int(h.bare.column("age").sum())

    def theirs() -> int:
        ages = numpy.fromiter((fields["age"] for fields in h.plain), numpy.int64, h.count)
        return int(ages.sum())

    cases = [whole("velocity", h.count, ours, right), whole("np.fromiter", h.count, theirs, right)]
    yield Work('column("age")', cases, [Goal("np.fromiter", times=20)], unit="document", rounds=0.4)
    if find_spec("pyarrow") is None:
        return
    import pyarrow

    def export() -> int:
        return int(h.bare.to_arrow().num_rows)

    def from_dicts() -> int:
        return int(pyarrow.Table.from_pylist(h.plain).num_rows)

    cases = [
        whole("velocity", h.count, export, h.count),
        whole("Table.from_pylist", h.count, from_dicts, h.count),
    ]
    goals = [Goal("Table.from_pylist")]
    yield Work("to_arrow, all fields", cases, goals, per_second=2e6, unit="document", rounds=0.2)


def scans(h: Holders) -> Iterator[Work]:
    yield from (scan(h), group(h))
    yield from columns(h)

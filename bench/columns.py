"""Whole columns of a collection, beside numpy, pyarrow and pandas over a list of the same dicts.

    python -m bench.columns [--count N] [--rounds N]

Every call makes an array or a table of all documents. The calls of one row take turns, and the
ratio is that of CPU time within a round. The dicts lie in memory in the order in which they are
read, which is the best case for them; what they take beside the database is not counted.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import velocity
from bench.command import say
from bench.data import Fields, document, pairs
from bench.tables import table, times
from bench.timing import Samples, WrongAnswerError, collector_off, ratio

COUNT, ROUNDS = 1_000_000, 9
BATCH = 10_000
NEEDED = ("numpy", "pyarrow", "pandas")


@dataclass
class Row:
    """One thing to make, of the collection and of the dicts; *total* of either must agree."""

    title: str
    peer: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    total: Callable[[Any], int]
    samples: dict[str, Samples] = field(default_factory=lambda: {"ours": Samples(), "theirs": Samples()})


def missing() -> list[str]:
    def lacks(name: str) -> bool:
        try:
            importlib.import_module(name)
        except ImportError:
            return True
        return False

    return [name for name in NEEDED if lacks(name)]


def rows_of(users: velocity.Collection, dicts: list[Fields]) -> list[Row]:
    """Rows for which the packages are there."""
    lacking = missing()
    rows = []
    if "numpy" not in lacking:
        import numpy

        count = len(dicts)
        rows += [
            Row("`column(\"age\")`", "`np.fromiter`", lambda: users.column("age"),
                lambda: numpy.fromiter((d["age"] for d in dicts), numpy.int64, count),
                lambda array: int(array.sum())),
            Row("`column(\"age\", filter)`, half of them", "`np.fromiter` with `if`",
                lambda: users.column("age", {"age": {"$lt": 48}}),
                lambda: numpy.fromiter((d["age"] for d in dicts if d["age"] < 48), numpy.int64),
                lambda array: int(array.sum())),
            Row("`column(\"email\")`", "`np.array` of a list", lambda: users.column("email"),
                lambda: numpy.array([d["email"] for d in dicts]), len),
        ]  # fmt: skip
    if "pyarrow" not in lacking and rows:
        import pyarrow

        rows.append(Row("`to_arrow()`, ids and five fields", "`Table.from_pylist`", users.to_arrow,
                        lambda: pyarrow.Table.from_pylist(dicts),
                        lambda made: sum(made["age"].to_numpy())))  # fmt: skip
    if not lacking:
        import pandas

        rows.append(Row("`to_pandas()`, likewise", "`DataFrame`", users.to_pandas,
                        lambda: pandas.DataFrame(dicts), lambda made: int(made["age"].sum())))  # fmt: skip
    return rows


def measure(count: int, rounds: int) -> list[Row]:
    dicts = [document(number) for number in range(count)]
    with velocity.open() as database:
        users = database.create_collection("users")
        for at in range(0, count, BATCH):
            users.put_many(pairs(range(at, min(at + BATCH, count))))
        found = rows_of(users, dicts)
        with collector_off():
            for row in found:
                say(f"columns: {row.title}")
                measure_row(row, rounds, count)
    return found


def measure_row(row: Row, rounds: int, count: int) -> None:
    if row.total(row.ours()) != row.total(row.theirs()):
        raise WrongAnswerError(f"{row.title}: not what the dicts say")
    for _ in range(rounds):
        for name, make in (("ours", row.ours), ("theirs", row.theirs)):
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            made = make()
            row.samples[name].cpu.append((time.thread_time_ns() - cpu) / count)
            row.samples[name].wall.append((time.perf_counter_ns() - wall) / count)
            del made


def columns_table(rows: list[Row], count: int) -> str:
    cells = []
    for row in rows:
        ours, theirs = row.samples["ours"], row.samples["theirs"]
        cells.append([row.title, row.peer, f"{ours.cpu_median():.1f}", f"{theirs.cpu_median():.1f}",
                      times(ratio(theirs.cpu, ours.cpu)), times(ratio(theirs.wall, ours.wall))])  # fmt: skip
    head = ["made of all documents", "beside, of a list of dicts", "ns/document", "beside", "ratio", "by wall time"]
    left_out = missing()
    note = f"\n\nLeft out, not installed: {', '.join(left_out)}." if left_out else ""
    return (
        f"**Columns** of {count:,} documents in memory (CPU time of the calling thread; above 1× VelocityDB is "
        f"faster)\n\n{table(head, cells)}{note}"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bench.columns", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=COUNT, help="documents")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    print(columns_table(measure(options.count, options.rounds), options.count))


if __name__ == "__main__":
    sys.exit(main())

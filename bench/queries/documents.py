"""The documents of the query benchmark, and the peers that hold the same ones.

A document has the five fields of data.py, but values that fit questions: `age` has 100 values, so
that one of them is 1 % of the documents; `priority` is nearly different in each, in no order.
SQLite holds id and JSON text, and gives decoded JSON: a store of documents, as VelocityDB is.
DuckDB holds columns of the same rows.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any

from bench.data import SCATTER, STATES, Fields, document_id, name_of

AGES = 100
PRIORITIES = 1_000_000

# "age" | "state, priority": what has an index, in VelocityDB and in SQLite alike.
INDEXES: tuple[tuple[str, ...], ...] = (("email",), ("age",), ("state", "priority"))


def email_of(number: int) -> str:
    return f"u{number}@example.org"


def age_of(number: int) -> int:
    return number * 7 % AGES


def priority_of(number: int, revision: int = 0) -> int:
    return (number + revision) * SCATTER % PRIORITIES


def person(number: int, revision: int = 0) -> Fields:
    return {
        "name": name_of(number),
        "age": age_of(number),
        "email": email_of(number),
        # Not number % 4: it would go with age, whose step is odd.
        "state": STATES[number // AGES % 4],
        "priority": priority_of(number, revision),
    }


def people(numbers: Iterable[int]) -> Iterator[tuple[str, Fields]]:
    return ((document_id(number), person(number)) for number in numbers)


def extract(path: str) -> str:
    return f"json_extract(data, '$.{path}')"


class Sqlite:
    """sqlite3 in memory, with the indexes on json_extract expressions."""

    def __init__(self, count: int) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.execute = self.connection.execute
        # With row numbers: without them SQLite counts by an index on an expression 25 times slower.
        self.execute("CREATE TABLE documents (id TEXT PRIMARY KEY, data TEXT)")
        self.execute("BEGIN")
        self.connection.executemany(
            "INSERT INTO documents VALUES (?, ?)",
            ((id, json.dumps(fields)) for id, fields in people(range(count))),
        )
        self.execute("COMMIT")
        for paths in INDEXES:
            unique = "UNIQUE" if paths == ("email",) else ""
            columns = ", ".join(map(extract, paths))
            self.execute(f"CREATE {unique} INDEX by_{'_'.join(paths)} ON documents ({columns})")
        self.execute("ANALYZE")

    def documents(self, rest: str, *values: Any) -> list[Fields]:
        rows = self.execute(f"SELECT data FROM documents {rest}", values)
        return [json.loads(data) for (data,) in rows]

    def count(self, condition: str, *values: Any) -> int:
        rows = self.execute(f"SELECT count(*) FROM documents WHERE {condition}", values)
        return int(rows.fetchone()[0])


def open_duckdb(count: int) -> Any:
    """DuckDB with the rows as a table in memory; None when it is not installed, or without pyarrow.

    One thread: what is compared is work per core, by the clock of the calling thread.
    """
    if not (find_spec("duckdb") and find_spec("pyarrow")):
        return None
    import duckdb
    import pyarrow

    rows = pyarrow.Table.from_pylist([person(number) for number in range(count)])  # noqa: F841
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("CREATE TABLE people AS SELECT * FROM rows")
    return connection

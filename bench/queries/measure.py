"""Fills every holder, and measures the rows, the claims, and what the indexes take."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import velocity
from bench.command import Say, data_folder
from bench.data import document_id
from bench.queries import claims
from bench.queries.calls import LIMIT, calls
from bench.queries.documents import AGES, INDEXES, Sqlite, open_duckdb, people, person
from bench.queries.rows import Goal, Holders, Work
from bench.queries.scans import scans
from bench.queries.writes import writes
from bench.timing import Samples
from bench.timing import measure as take_turns
from velocity._core.codec import order_key


@dataclass
class Result:
    """A work with its samples, which are per unit."""

    title: str
    samples: dict[str, Samples]
    goals: list[Goal]
    per_second: float | None
    unit: str


@dataclass
class IndexSize:
    name: str
    how: str
    entries: int
    key_bytes: float  # in the mean of a sample
    bytes_per_entry: float

    def beyond(self) -> float:
        return self.bytes_per_entry - self.key_bytes


@dataclass
class Results:
    rows: list[Result]
    claims: list[claims.Claims]
    indexes: list[IndexSize]
    duckdb: bool


def collection(database: Any, name: str, count: int, filled: bool, indexes: Any) -> Any:
    """filled: the indexes are built over the documents; else each document is inserted into them."""
    made = database.create_collection(name)
    if filled:
        made.put_many(people(range(count)))
    for paths in indexes:
        made.create_index(list(paths), unique=paths == ("email",))
    if not filled:
        made.put_many(people(range(count)))
    return made


def index_sizes(holder: Any, count: int, how: str) -> Iterator[IndexSize]:
    sample = [person(number) for number in range(0, count, max(1, count // 1_000))]
    for index in holder.indexes:
        keys = [order_key(fields[path]) for fields in sample for path in index.fields]
        size = sum(map(len, keys)) / len(sample)
        name = ", ".join(index.fields)
        yield IndexSize(name, how, index.entries, size, index.bytes_per_entry)


def fill(database: Any, count: int, say: Say) -> Holders:
    say(f"queries: loading {count} documents into VelocityDB, SQLite, DuckDB and dicts")
    return Holders(
        count,
        users=collection(database, "users", count, True, INDEXES),
        small=collection(database, "small", max(count // 10, AGES * LIMIT), True, INDEXES),
        bare=collection(database, "bare", count, True, ()),
        two=collection(database, "two", count, False, INDEXES[1:]),
        sqlite=Sqlite(count),
        duckdb=open_duckdb(count),
        plain=[fields for _, fields in people(range(count))],
    )


def check_filled(h: Holders) -> None:
    last = h.count - 1
    for holder in (h.users, h.bare, h.two):
        if len(holder) != h.count or holder[document_id(last)].fields != person(last):
            raise RuntimeError(f"queries: {holder.name} was not filled")


def measure(count: int, rounds: int, block_ms: float, parent: Path | None, say: Say) -> Results:
    rows = []
    with data_folder(parent) as folder, velocity.open(str(folder)) as database:
        h = fill(database, count, say)
        check_filled(h)
        sizes = list(index_sizes(h.users, count, "built over documents"))
        sizes += index_sizes(h.two, count, "grown by inserts")
        for work in chain(calls(h), scans(h), writes(h)):
            say(f"queries: {work.title}")
            rows.append(measured(work, rounds, block_ms))
        with_duckdb = h.duckdb is not None
    say("queries: claims")
    return Results(rows, claims.measure(count, parent), sizes, with_duckdb)


def measured(work: Work, rounds: int, block_ms: float) -> Result:
    samples = take_turns(work.cases, max(2, int(rounds * work.rounds)), block_ms / 1e3)
    return Result(work.title, samples, work.goals, work.per_second, work.unit)

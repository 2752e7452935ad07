"""What a row of the query table is made of; calls.py, scans.py and writes.py hold the rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.data import Access, Fields
from bench.queries.documents import Sqlite
from bench.timing import Case

CALLS = 100  # of a case in one timed stretch


class Whole(Access):
    """For work over all documents: no numbers are handed out, since all are meant."""

    def take(self, amount: int) -> list[int]:
        return []


@dataclass
class Goal:
    """What ours has to be beside another case: so many times as fast, or at most as slow."""

    beside: str
    times: float | None = None  # at least so many times as fast
    within: float | None = None  # at most so many times as slow


@dataclass
class Work:
    """One work: our case first. per_second: documents that it should do."""

    title: str
    cases: list[Case]
    goals: list[Goal]
    per_second: float | None = None
    unit: str = "call"  # or "document": speeds are shown in millions per second
    rounds: float = 1.0  # share of the rounds: less for what takes long


@dataclass
class Holders:
    """Who holds the documents. users: three indexes; small: the same with a tenth of the documents;
    bare: none; two: two indexes."""

    count: int
    users: Any
    small: Any
    bare: Any
    two: Any
    sqlite: Sqlite
    duckdb: Any
    plain: list[Fields] = field(default_factory=list)


def loop(
    name: str,
    access: Access,
    arguments: Callable[[int], tuple[Any, ...]],
    act: Callable[..., int],
    expect: Callable[[int], int],
) -> Case:
    """A case that calls *act* with the arguments that belong to each number, and adds up."""

    def run(prepared: list[tuple[Any, ...]]) -> int:
        total = 0
        for each in prepared:
            total += act(*each)
        return total

    return Case(
        name,
        access,
        lambda numbers: list(map(arguments, numbers)),
        run,
        lambda numbers: sum(map(expect, numbers)),
        stretch=CALLS,
    )


def whole(name: str, count: int, act: Callable[[], int], expect: int) -> Case:
    return Case(
        name, Whole(count), lambda _: None, lambda _: act(), lambda _: expect, stretch=count
    )

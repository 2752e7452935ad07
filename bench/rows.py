"""What a row of the ratio table is made of; reads.py and writes.py hold the rows."""

from dataclasses import dataclass
from typing import Any

from bench.data import age_of, document_id
from bench.floors import Packed, Plain
from bench.timing import Case

BATCH = 100


@dataclass
class Row:
    """One line of the table: the case of ours first, then those of the floors."""

    title: str
    mode: str
    cases: list[Case]


@dataclass
class Stores:
    """What the cases work on; every store holds the same documents."""

    count: int
    plain: Plain
    packed: Packed
    collections: dict[str, Any]


def ids_of(numbers: list[int]) -> list[str]:
    return [document_id(number) for number in numbers]


def batches_of(items: list[Any]) -> list[list[Any]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def ages_of(numbers: list[int]) -> int:
    return sum(map(age_of, numbers))

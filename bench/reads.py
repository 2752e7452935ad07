"""Rows of the ratio table that read: one document at a time, and a hundred."""

from collections.abc import Callable, Iterator
from typing import Any

from msgpack import unpackb

from bench.data import Access, Hot, Uniform, Zipf
from bench.floors import Packed, Plain
from bench.rows import Row, Stores, ages_of, batches_of, ids_of
from bench.timing import Case

# Each reader below takes what holds the documents and returns a loop over ids that adds up the
# ages: a field is read, and the sum tells whether it was the right one. What the loop calls is a
# local name in each, so no case pays for a lookup that another does not.


def read_plain(documents: Plain) -> Callable[[list[str]], int]:
    def run(ids: list[str]) -> int:
        total = 0
        for id in ids:
            total += documents[id]["age"]
        return total

    return run


def read_packed(documents: Packed) -> Callable[[list[str]], int]:
    unpack = unpackb

    def run(ids: list[str]) -> int:
        total = 0
        for id in ids:
            total += unpack(documents[id])["age"]
        return total

    return run


def read_field(collection: Any) -> Callable[[list[str]], int]:
    get = collection.get

    def run(ids: list[str]) -> int:
        total = 0
        for id in ids:
            total += get(id)["age"]
        return total

    return run


def read_dict(collection: Any) -> Callable[[list[str]], int]:
    get = collection.get

    def run(ids: list[str]) -> int:
        total = 0
        for id in ids:
            total += get(id).to_dict()["age"]
        return total

    return run


def read_many(collection: Any) -> Callable[[list[list[str]]], int]:
    get_many = collection.get_many

    def run(batches: list[list[str]]) -> int:
        total = 0
        for ids in batches:
            for found in get_many(ids):
                total += found["age"]
        return total

    return run


def read_many_dicts(collection: Any) -> Callable[[list[list[str]]], int]:
    get_many = collection.get_many

    def run(batches: list[list[str]]) -> int:
        total = 0
        for ids in batches:
            for found in [each.to_dict() for each in get_many(ids)]:
                total += found["age"]
        return total

    return run


def our_read(
    collection: Any, access: Access, reader: Callable[[Any], Any], batched: bool = False
) -> Case:
    def prepare(numbers: list[int]) -> Any:
        ids = ids_of(numbers)
        return batches_of(ids) if batched else ids

    return Case("velocity", access, prepare, reader(collection), ages_of)


def plain_read(plain: Plain, access: Access) -> Case:
    return Case("F1", access, ids_of, read_plain(plain), ages_of)


def packed_read(packed: Packed, access: Access) -> Case:
    return Case("F2", access, ids_of, read_packed(packed), ages_of)


def read_rows(stores: Stores) -> Iterator[Row]:
    def row(title: str, mode: str, order: type[Access], reader: Any, batched: bool = False) -> Row:
        # An order of its own for each case, all with the same seed: they read the same documents.
        cases = [
            our_read(stores.collections[mode], order(stores.count), reader, batched),
            plain_read(stores.plain, order(stores.count)),
            packed_read(stores.packed, order(stores.count)),
        ]
        return Row(title, mode, cases)

    yield row("get, one field read, uniform", "memory-first", Uniform, read_field)
    yield row("get, one field read, uniform", "persistent", Uniform, read_field)
    yield row("get, one field read, zipf 0.99", "memory-first", Zipf, read_field)
    yield row("get, one field read, zipf 0.99", "persistent", Zipf, read_field)
    yield row("get, one field read, 64 hot", "memory-first", Hot, read_field)
    yield row("get, one field read, 64 hot", "persistent", Hot, read_field)
    yield row("get().to_dict(), uniform", "memory-first", Uniform, read_dict)
    yield row("get().to_dict(), 64 hot", "memory-first", Hot, read_dict)
    yield row("get_many of 100, one field each", "memory-first", Uniform, read_many, True)
    yield row("get_many of 100, all to dicts", "memory-first", Uniform, read_many_dicts, True)

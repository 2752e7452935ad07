"""Rows of the ratio table that write: put, put_many, update, compare-and-swap and delete."""

from collections.abc import Callable, Iterator
from typing import Any

from msgpack import packb, unpackb

from bench.data import Access, Fields, Fresh, Uniform, document, document_id, name_of
from bench.floors import Packed, swap_packed, update_packed
from bench.rows import Row, Stores, batches_of, ids_of
from bench.timing import Case


class Written:
    """Builds documents to write, and knows afterwards what the store must hold."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self.read = read
        self.revision = 0

    def prepare(self, numbers: list[int]) -> list[tuple[str, Fields]]:
        self.revision += 1
        return [(document_id(number), document(number, self.revision)) for number in numbers]

    def batches(self, numbers: list[int]) -> Any:
        return batches_of(self.prepare(numbers))

    def check(self, numbers: list[int]) -> bool:
        number = numbers[-1]
        return dict(self.read(document_id(number))) == document(number, self.revision)


def our_put(collection: Any, access: Access) -> Case:
    put = collection.put

    def run(pairs: list[tuple[str, Fields]]) -> int:
        for id, fields in pairs:
            put(id, fields)
        return len(pairs)

    written = Written(collection.get)
    return Case("velocity", access, written.prepare, run, len, written.check)


def our_put_many(collection: Any, access: Access) -> Case:
    put_many = collection.put_many

    def run(batches: list[list[tuple[str, Fields]]]) -> int:
        count = 0
        for pairs in batches:
            count += put_many(pairs)
        return count

    written = Written(collection.get)
    return Case("velocity", access, written.batches, run, len, written.check)


def packed_put(packed: Packed, access: Access) -> Case:
    pack = packb

    def run(pairs: list[tuple[str, Fields]]) -> int:
        for id, fields in pairs:
            packed[id] = pack(fields)
        return len(pairs)

    written = Written(lambda id: unpackb(packed[id]))
    return Case("F3", access, written.prepare, run, len, written.check)


def our_update(collection: Any, access: Access) -> Case:
    update = collection.update

    def run(ids: list[str]) -> int:
        for id in ids:
            update(id, {"priority": 11})
        return len(ids)

    def check(numbers: list[int]) -> bool:
        return collection.get(document_id(numbers[-1]))["priority"] == 11

    return Case("velocity", access, ids_of, run, len, check)


def packed_update(packed: Packed, access: Access) -> Case:
    def run(ids: list[str]) -> int:
        for id in ids:
            update_packed(packed, id, {"priority": 11})
        return len(ids)

    return Case("F4", access, ids_of, run, len)


def ids_and_names(numbers: list[int]) -> list[tuple[str, str]]:
    return [(document_id(number), name_of(number)) for number in numbers]


def our_swap(collection: Any, access: Access) -> Case:
    """Nobody else writes, so each must succeed; the expected field is one that never changes."""
    swap = collection.compare_and_swap

    def run(targets: list[tuple[str, str]]) -> int:
        successes = 0
        for id, name in targets:
            successes += swap(id, {"name": name}, {"state": "done"}).success
        return successes

    def check(numbers: list[int]) -> bool:
        return collection.get(document_id(numbers[-1]))["state"] == "done"

    return Case("velocity", access, ids_and_names, run, len, check)


def packed_swap(packed: Packed, access: Access) -> Case:
    def run(targets: list[tuple[str, str]]) -> int:
        successes = 0
        for id, name in targets:
            successes += swap_packed(packed, id, {"name": name}, {"state": "done"})
        return successes

    return Case("F4", access, ids_and_names, run, len)


def deleting(prepare: Callable[[list[int]], Any], batched: bool) -> Callable[[list[int]], Any]:
    """Puts the documents that are to go, untimed; hands out their ids."""

    def prepared(numbers: list[int]) -> Any:
        prepare(numbers)
        ids = ids_of(numbers)
        return batches_of(ids) if batched else ids

    return prepared


def our_delete(collection: Any, access: Access, batched: bool = False) -> Case:
    act = collection.delete_many if batched else collection.delete

    def put(numbers: list[int]) -> None:
        collection.put_many((document_id(number), document(number)) for number in numbers)

    def run(arguments: list[Any]) -> int:
        count = 0
        for argument in arguments:
            count += act(argument)
        return count

    def gone(numbers: list[int]) -> bool:
        return document_id(numbers[-1]) not in collection

    return Case("velocity", access, deleting(put, batched), run, len, gone)


def packed_delete(packed: Packed, access: Access) -> Case:
    def put(numbers: list[int]) -> None:
        packed.update((document_id(number), packb(document(number))) for number in numbers)

    def run(ids: list[str]) -> int:
        for id in ids:
            del packed[id]
        return len(ids)

    return Case("F5", access, deleting(put, batched=False), run, len)


def write_rows(stores: Stores) -> Iterator[Row]:
    packed = stores.packed

    def uniform() -> Access:
        return Uniform(stores.count)

    for mode, ours in stores.collections.items():
        cases = [our_update(ours, uniform()), packed_update(packed, uniform())]
        yield Row("update, one field", mode, cases)
        cases = [our_swap(ours, uniform()), packed_swap(packed, uniform())]
        yield Row("compare_and_swap, uncontended", mode, cases)
    for title, our_case in (("put", our_put), ("put_many of 100", our_put_many)):
        for mode, ours in stores.collections.items():
            cases = [our_case(ours, uniform()), packed_put(packed, uniform())]
            yield Row(f"{title}, existing ids, uniform", mode, cases)
            # Rows before this one have added documents: new ids begin where theirs ended.
            cases = [our_case(ours, Fresh(len(ours))), packed_put(packed, Fresh(len(packed)))]
            yield Row(f"{title}, new ids", mode, cases)
    for title, batched in (("delete", False), ("delete_many of 100", True)):
        for mode, ours in stores.collections.items():
            # Numbers above all that were put: what a round puts, it deletes.
            cases = [
                our_delete(ours, Fresh(1_000 * stores.count), batched),
                packed_delete(packed, Fresh(1_000 * stores.count)),
            ]
            yield Row(title, mode, cases)

"""Rows that write, with indexes beside without. They change what the other rows read."""

from collections.abc import Iterator
from typing import Any

from bench.data import Access, Fields, Fresh, Uniform, document_id
from bench.queries.documents import person, priority_of
from bench.queries.rows import Goal, Holders, Work
from bench.timing import Case


def writes(h: Holders) -> Iterator[Work]:
    """Both write the same numbers. A put of an existing document changes the indexed priority."""

    def case(name: str, collection: Any, access: Access) -> Case:
        revision = 0

        def prepare(numbers: list[int]) -> list[tuple[str, Fields]]:
            nonlocal revision
            revision += 1
            return [(document_id(number), person(number, revision)) for number in numbers]

        def run(pairs: list[tuple[str, Fields]]) -> int:
            for id, fields in pairs:
                collection.put(id, fields)
            return len(pairs)

        def check(numbers: list[int]) -> bool:
            last, indexed = numbers[-1], name == "velocity"
            id = document_id(last)
            wanted = {"state": person(last)["state"], "priority": priority_of(last, revision)}
            found = collection.find(wanted) if indexed else [collection[id]]
            return any(each.id == id and each.fields == person(last, revision) for each in found)

        return Case(name, access, prepare, run, len, check)

    for title, order in (("put new", Fresh), ("put existing", Uniform)):
        cases = [
            case("velocity", h.two, order(h.count)),
            case("without indexes", h.bare, order(h.count)),
        ]
        goals = [Goal("without indexes", within=2.2)]
        yield Work(f"{title}, two indexes", cases, goals)

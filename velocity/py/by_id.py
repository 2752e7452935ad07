"""Queries that speak of "_id", which names a document's id: the encoded documents do not hold it.

Equality and $in read those documents directly; comparisons walk the ids in their order between two
bounds. Everything else about ids is judged document by document, on their fields with the id among
them, after the rest of the filter has been answered as usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from velocity._core.document import Document
from velocity._core.filter import Filter
from velocity.py.conditions import Bound, Limits, conditions_of
from velocity.py.query import Sort

ID = "_id"
CHUNK = 256  # documents read at a time
_BRANCHES = ("$and", "$or", "$nor")


def names_id(filter: Mapping[str, Any]) -> bool:
    """Whether a filter speaks of "_id" anywhere."""
    for name, wanted in filter.items():
        if isinstance(name, str) and name.partition(".")[0] == ID:
            return True
        if name in _BRANCHES and isinstance(wanted, (list, tuple)):
            if any(isinstance(branch, Mapping) and names_id(branch) for branch in wanted):
                return True
    return False


@dataclass(frozen=True)
class ByIds:
    """How a filter that names ids is answered."""

    ids: list[str] | None  # these alone, in order
    low: bytes  # else those from here on
    high: bytes | None  # to before this one; None: to the end
    limited: bool  # whether ids or bounds say anything
    rest: Mapping[str, Any]  # what is asked beside, for the encoded documents
    exact: bool  # ids, bounds and rest say all that the filter says

    @property
    def why(self) -> str:
        if self.ids is not None:
            return f"the filter names ids: {len(self.ids)} documents are read directly"
        if self.limited:
            return "the filter limits ids: they are walked in their order"
        return "ids are looked at one by one"


def plan_by_id(filter: Mapping[str, Any]) -> ByIds:
    """What a filter, which has been checked, says of ids."""
    limits = conditions_of(filter).paths.get(ID, Limits(exact=False))
    rest = {
        name: wanted
        for name, wanted in filter.items()
        if isinstance(name, str) and not names_id({name: wanted})
    }
    exact = limits.exact and set(filter) - set(rest) <= {ID}
    ids, low, high = None, b"", None
    bounds = [bound for bound in (limits.low, limits.high) if bound is not None]
    if limits.equal is not None:
        wanted_ids = {id for id in limits.equal if isinstance(id, str)}
        ids = sorted(wanted_ids, key=_bytes)
    elif not all(isinstance(bound.value, str) for bound in bounds):
        ids = []  # comparisons are of one type, and ids are strings
    else:
        if limits.low is not None:
            low = _end(limits.low, not limits.low.included)
        if limits.high is not None:
            high = _end(limits.high, limits.high.included)
    return ByIds(ids, low, high, limits.usable, rest, exact)


def _bytes(id: str) -> bytes:
    return id.encode("utf-8", "surrogatepass")


def _end(bound: Bound, behind: bool) -> bytes:
    return _bytes(bound.value) + (b"\0" if behind else b"")


def answer_by_id(
    collection: Any, filter: Mapping[str, Any], order: Sort, skip: int, limit: int | None
) -> tuple[list[Document], int, ByIds, bool]:
    """Run it: documents, how many were looked at, the plan, and whether the ids' order was the one
    asked for."""
    whole = Filter(filter)
    plan = plan_by_id(filter)
    by_id = not order or order[0][0] == ID
    reverse = bool(order) and order[0] == (ID, -1)
    looked = _Counted(_candidates(collection, plan, reverse, order))
    found = _judged(collection, plan, whole, looked)
    walked = plan.ids is not None or plan.limited or not plan.rest
    stop = None if limit is None else skip + limit
    if by_id and (walked or not order):
        return list(islice(found, skip, stop)), looked.count, plan, True
    documents = collection._sort_documents(list(found), order)
    return documents[skip:stop], looked.count, plan, False


def _candidates(
    collection: Any, plan: ByIds, reverse: bool, order: Sort
) -> Iterator[Document]:
    if plan.ids is not None:
        ids = plan.ids[::-1] if reverse else plan.ids
        for at in range(0, len(ids), CHUNK):
            chunk = [id for id in ids[at : at + CHUNK] if 0 < len(_bytes(id)) <= 1024]
            yield from (each for each in collection.get_many(chunk) if each is not None)
    elif plan.limited or not plan.rest:
        yield from collection._documents(plan.low, plan.high, reverse)
    else:
        yield from collection._answer(plan.rest, None, (), 0, None)[0]


def _judged(
    collection: Any, plan: ByIds, whole: Filter, documents: Iterable[Document]
) -> Iterator[Document]:
    if not plan.exact:
        for document in documents:
            if whole.matches({**document.fields, ID: document.id}):
                yield document
    elif plan.rest:
        compiled = collection._filter(plan.rest)
        for document in documents:
            if collection._matches(document, compiled):
                yield document
    else:
        yield from documents


class _Counted:
    """An iterator that counts what it gives."""

    def __init__(self, documents: Iterator[Document]) -> None:
        self._documents = documents
        self.count = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            self.count += 1
            yield document

"""Aggregation: MongoDB's pipelines over a collection.

The stages are compiled, and refused, as a whole before anything is read; then documents stream
through them. What reads the documents is the collection itself: it applies a leading $match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from velocity.py.aggregate.fast import core_group
from velocity.py.aggregate.group import Group
from velocity.py.aggregate.sort import Sort
from velocity.py.aggregate.stages import (
    Count,
    Limit,
    Match,
    Stage,
    TopSort,
    compile_stages,
    run_stages,
)
from velocity.py.aggregate.values import Fields
from velocity.py.by_id import names_id
from velocity.py.values import copied

if TYPE_CHECKING:
    from velocity._core.document import Document
    from velocity.py.collection import Collection

_GIVE_WHAT_CAME = (Match, Sort, TopSort, Limit)  # stages that share nothing between documents


def aggregate(
    collection: Collection, pipeline: Any, open: Callable[[str], Collection]
) -> list[Fields]:
    """What comes out at the end. open: another collection of the same database."""
    stages = compile_stages(pipeline, lambda name: partial(_documents, open(name)))
    filter: Any = None
    if stages and isinstance(stages[0], Match) and not names_id(stages[0].spec):
        filter, stages = stages[0].spec, stages[1:]
    found, rest = _begin(collection, filter, stages)
    results = run_stages(rest, found)
    if all(isinstance(stage, _GIVE_WHAT_CAME) for stage in rest):
        return list(results)
    return [copied(document) for document in results]  # nothing in two places


def _begin(
    collection: Collection, filter: Any, stages: list[Stage]
) -> tuple[Iterable[Fields], list[Stage]]:
    """What the collection itself can give, and the stages that are left then."""
    first = stages[0] if stages else None
    if isinstance(first, Group):
        known = core_group(first)
        groups = None if known is None else collection._group(filter, *known)
        if groups is not None:
            return groups, stages[1:]
    if isinstance(first, Count):
        count = len(collection) if filter is None else collection._count_filter(filter)
        return first.result(count), stages[1:]
    if isinstance(first, Limit) and filter is not None:
        return _as_fields(collection._scan_filter(filter, first.count)), stages[1:]
    return _documents(collection, filter), stages


def _documents(collection: Collection, filter: Any = None) -> Iterator[Fields]:
    return _as_fields(collection.values() if filter is None else collection._scan_filter(filter))


def _as_fields(documents: Iterable[Document]) -> Iterator[Fields]:
    for document in documents:
        fields = {"_id": document.id, **document.to_dict()}
        fields["_id"] = document.id  # also where a field has that name
        yield fields

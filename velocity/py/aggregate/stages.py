"""The stages of a pipeline: each compiled once into a function from documents to documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from velocity._core.errors import QueryError
from velocity._core.filter import Filter
from velocity.py.aggregate.group import Group
from velocity.py.aggregate.lookup import Lookup, Source
from velocity.py.aggregate.projection import compile_add_fields, compile_project
from velocity.py.aggregate.sort import Sort
from velocity.py.aggregate.values import (
    MISSING,
    Fields,
    checked_mapping,
    checked_name,
    checked_path,
    fail,
    kind_of,
    with_value,
)
from velocity.py.order import INT_MAX, is_integer

Stage = Callable[[Iterable[Fields]], Iterable[Fields]]


class Match:
    """A compiled $match; `spec` is kept for a source that can filter by itself."""

    def __init__(self, place: str, spec: Any) -> None:
        self.spec = checked_mapping(place, spec, "a filter")
        try:
            self._matches = Filter(self.spec).matches
        except QueryError as error:
            fail(place, str(error))

    def __call__(self, documents: Iterable[Fields]) -> Iterator[Fields]:
        return filter(self._matches, documents)


class Limit:
    def __init__(self, place: str, count: Any) -> None:
        self.count = _checked_count(place, count, 1)

    def __call__(self, documents: Iterable[Fields]) -> Iterator[Fields]:
        return islice(documents, self.count)


class TopSort:
    """A $sort and the $limit behind it."""

    def __init__(self, sort: Sort, limit: Limit) -> None:
        self._sort = sort
        self._limit = limit

    def __call__(self, documents: Iterable[Fields]) -> list[Fields]:
        return self._sort(documents, self._limit.count)


def _checked_count(place: str, count: Any, least: int) -> int:
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    if not is_integer(count) or not least <= count <= INT_MAX:
        fail(place, f"wants a whole number from {least}, not {count!r}")
    return int(count)


def _compile_skip(place: str, count: Any, _source: Source) -> Stage:
    skipped = _checked_count(place, count, 0)
    return lambda documents: islice(documents, skipped, None)


def _each(change: Callable[[Fields], Fields]) -> Stage:
    return lambda documents: map(change, documents)


class Count:
    def __init__(self, place: str, name: Any) -> None:
        self._name = checked_name(place, name)

    def result(self, count: int) -> list[Fields]:
        """Of nothing there is no count: no document comes out."""
        return [{self._name: count}] if count else []

    def __call__(self, documents: Iterable[Fields]) -> list[Fields]:
        return self.result(sum(1 for _ in documents))


class Unwind:
    """A compiled $unwind: one document for each element of a list."""

    def __init__(self, place: str, spec: Any) -> None:
        names = ("path", "preserveNullAndEmptyArrays", "includeArrayIndex")
        fields = {"path": spec} if isinstance(spec, str) else checked_mapping(
            place, spec, f"a path or an object with {' '.join(names)}"
        )
        for name in fields:
            if name not in names:
                fail(place, f"{name}: unknown; known: {' '.join(names)}")
        path = fields.get("path")
        if not isinstance(path, str) or not path.startswith("$"):
            fail(place, f"path: wants a path that begins with '$', not {path!r}")
        self._parts = checked_path(place, path[1:])
        self._preserve = fields.get("preserveNullAndEmptyArrays", False)
        if not isinstance(self._preserve, bool):
            fail(place, f"preserveNullAndEmptyArrays: wants true or false, not {self._preserve!r}")
        index = fields.get("includeArrayIndex")
        self._index = None
        if index is not None:
            self._index = checked_path(f"{place}: includeArrayIndex", index)

    def __call__(self, documents: Iterable[Fields]) -> Iterator[Fields]:
        for document in documents:
            value: Any = document
            for part in self._parts:
                value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
            if isinstance(value, list) and value:
                for position, item in enumerate(value):
                    yield self._numbered(with_value(document, self._parts, item), position)
            elif value is None or value is MISSING or value == []:
                if self._preserve:
                    if value == []:
                        document = with_value(document, self._parts, MISSING)
                    yield self._numbered(document, None)
            else:
                yield self._numbered(document, None)

    def _numbered(self, document: Fields, position: int | None) -> Fields:
        return document if self._index is None else with_value(document, self._index, position)


class Facet:
    """A compiled $facet: several pipelines over the same documents, in one result."""

    def __init__(self, place: str, spec: Any, source: Source) -> None:
        fields = checked_mapping(place, spec, "an object of names and pipelines")
        if not fields:
            fail(place, "wants one pipeline or more")
        self.pipelines = {
            checked_name(place, name): compile_stages(stages, source, f"{place}: {name}: ", True)
            for name, stages in fields.items()
        }

    def __call__(self, documents: Iterable[Fields]) -> Iterator[Fields]:
        everything = list(documents)
        yield {
            name: list(run_stages(stages, everything)) for name, stages in self.pipelines.items()
        }


_STAGES: dict[str, Callable[[str, Any, Source], Stage]] = {
    "$match": lambda place, spec, source: Match(place, spec),
    "$project": lambda place, spec, source: _each(compile_project(place, spec)),
    "$addFields": lambda place, spec, source: _each(compile_add_fields(place, spec)),
    "$group": lambda place, spec, source: Group(place, spec),
    "$sort": lambda place, spec, source: Sort(place, spec),
    "$limit": lambda place, spec, source: Limit(place, spec),
    "$skip": _compile_skip,
    "$unwind": lambda place, spec, source: Unwind(place, spec),
    "$count": lambda place, spec, source: Count(place, spec),
    "$facet": Facet,
    "$lookup": Lookup,
}


def compile_stages(
    stages: Any, source: Source, prefix: str = "", inside_facet: bool = False
) -> list[Stage]:
    """Every stage, or a QueryError that names the place: positions count from 0."""
    if not isinstance(stages, (list, tuple)):
        raise QueryError(f"{prefix}a pipeline is a list of stages, not {kind_of(stages)}")
    compiled: list[Stage] = []
    for position, stage in enumerate(stages):
        place = f"{prefix}stage {position}"
        if not isinstance(stage, Mapping) or len(stage) != 1:
            fail(place, f"wants an object with one stage: {' '.join(_STAGES)}")
        [(name, spec)] = stage.items()
        if name not in _STAGES:
            fail(place, f"{name}: unknown stage; known: {' '.join(_STAGES)}")
        if name == "$facet" and inside_facet:
            fail(place, "$facet: not inside another $facet")
        made = _STAGES[name](f"{place}: {name}", spec, source)
        before = compiled[-1] if compiled else None
        if isinstance(made, Limit) and isinstance(before, Sort):
            compiled.pop()
            made = TopSort(before, made)
        compiled.append(made)
    return compiled


def run_stages(stages: Iterable[Stage], documents: Iterable[Fields]) -> Iterable[Fields]:
    for stage in stages:
        documents = stage(documents)
    return documents

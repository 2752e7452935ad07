"""The queries of a Collection: find, explain, find_one_and_update, update_where, delete_where.

The core runs plans (query.pxi), py/plan.py makes them. What is simple and comes often does not come
here at all: the core keeps the plans of such queries by their shape and runs them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from velocity._core.document import Document
from velocity._core.engine import IndexGone, QueryBase, QueryResult, find_index
from velocity._core.errors import ConflictError, DuplicateKeyError, NotFoundError, QueryError
from velocity._core.filter import Filter
from velocity.py.by_id import ID, answer_by_id, names_id
from velocity.py.conditions import Bound, Conditions, conditions_of
from velocity.py.ids import new_id
from velocity.py.index_bounds import Range, range_of
from velocity.py.index_use import Usable
from velocity.py.levels import Consistency
from velocity.py.metadata import read_metadata
from velocity.py.operators import Update, has_operators
from velocity.py.plan import Plan, Planner, is_type_alone
from velocity.py.query import (
    Sort,
    checked_count,
    checked_filter,
    projection_of,
    sort_of,
)

ROUNDS_MAX = 100  # attempts at a batch of all that match, before writers beside it win

Level = Consistency | str | None
Filters = Mapping[str, Any] | None
Places = dict[tuple[str, str], tuple[int, ...]]


class Queries(QueryBase):
    """What Collection has beyond documents by id. find, find_one and find_one_and_update are the
    core's; they come here, to the names with an underscore, when they know no plan."""

    __slots__ = ()

    def _find(self, filter: Any, sort: Any, limit: Any, offset: Any, fields: Any) -> QueryResult:
        filter = checked_filter(filter)
        order = sort_of(sort)
        most, skipped = checked_count("limit", limit), checked_count("offset", offset) or 0
        project = projection_of(fields)
        more = None if most is None else most + 1
        documents = self._answer(filter, sort, order, skipped, more)[0]
        has_more = most is not None and len(documents) > most
        if has_more:
            del documents[most:]
        total = None if has_more or (skipped and not documents) else skipped + len(documents)
        if project is not None:
            documents = [self._with_fields(each, project(each)) for each in documents]
        return QueryResult(documents, has_more, total, self, filter)

    def _find_first(self, filter: Any, sort: Any) -> Document | None:
        documents = self._answer(checked_filter(filter), sort, sort_of(sort), 0, 1)[0]
        return documents[0] if documents else None

    def _answer(
        self, filter: Mapping[str, Any], sort: Any, order: Sort, skip: int, limit: int | None
    ) -> tuple[list[Document], int, int, Plan]:
        """Plan and run: documents, keys and documents looked at, and the plan."""
        compiled = self._filter(filter) if filter else None
        if names_id(filter):
            return self._answer_by_id(filter, order, skip, limit)
        conditions = conditions_of(filter)
        while True:
            version = self._index_version()
            try:
                plan = self._planner().plan(
                    filter, conditions, order, None if limit is None else skip + limit
                )
                if plan.kind == "scan" and order and order[0][0] == ID:
                    return self._answer_by_id(filter, order, skip, limit)
                documents, keys, examined = self._run(plan, compiled, order, skip, limit)
            except (IndexGone, NotFoundError):
                self._check_usable()
                continue
            if plan.keep and limit != 0:
                looked = None if limit is None else skip + limit
                self._keep(plan, version, conditions, filter, sort, keys, looked)
            return documents, keys, examined, plan

    def _answer_by_id(
        self, filter: Mapping[str, Any], order: Sort, skip: int, limit: int | None
    ) -> tuple[list[Document], int, int, Plan]:
        documents, looked, way, ordered = answer_by_id(self, filter, order, skip, limit)
        plan = Plan("id", ordered=ordered, covered=way.exact and not way.rest, why=way.why)
        return documents, looked, looked, plan

    def explain(
        self,
        filter: Filters = None,
        sort: str | Sequence[Any] | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> dict[str, Any]:
        """Run the query and tell how: the plan, its bounds, and what was looked at.

        plan: "index", "union", "intersection", "scan", or "id" for a filter that names ids. index:
        names. bounds: per index, a list of the ranges of keys, in hexadecimal. order: "index" when
        documents come sorted, "sort" when they had to be, None when no order was asked for. merged:
        the number of ranges that were read side by side for the order's sake, 0 if none.
        covered: the bounds say all that the filter says.
        keys_examined, documents_examined, returned: counted while it ran. estimate: entries the
        planner expected. why: in words. candidates: the plans that were weighed.
        """
        filter = checked_filter(filter)
        order = sort_of(sort)
        most, skipped = checked_count("limit", limit), checked_count("offset", offset) or 0
        documents, keys, examined, plan = self._answer(filter, sort, order, skipped, most)
        ordering = None if not order else "index" if plan.ordered else "sort"
        return {
            "collection": self.name,
            "plan": plan.kind,
            "index": [source.index.name for source in plan.sources],
            "bounds": [
                [(begin.hex(), end.hex()) for begin, end in source.ranges]
                for source in plan.sources
            ],
            "reverse": plan.reverse,
            "order": ordering,
            "merged": len(plan.sources[0].ranges) if plan.merged else 0,
            "covered": plan.covered,
            "estimate": plan.estimate,
            "keys_examined": keys,
            "documents_examined": examined,
            "returned": len(documents),
            "why": plan.why,
            "candidates": plan.candidates,
        }

    def count(self, filter: Filters = None, *, consistency: Level = None) -> int:
        """How many documents there are, or match the filter."""
        filter = checked_filter(filter)
        if consistency is not None:
            self._check_level(consistency, False)
        if not filter:
            return len(self)
        compiled = self._filter(filter)
        if names_id(filter):
            return len(self._all(filter))
        conditions = conditions_of(filter)
        while True:
            try:
                planner = self._planner()
                ranges = planner.ranges_alone(filter, conditions)
                found = None if ranges is None else self._count_ranges(ranges)
                if found is not None:
                    return found
                plan = planner.plan(filter, conditions, (), None)
                if plan.kind == "scan":
                    return self._count_filter(compiled)
                return self._count_plan(plan, compiled)
            except (IndexGone, NotFoundError):
                self._check_usable()

    def update_where(
        self, filter: Filters, fields: Mapping[str, Any], *, consistency: Level = None
    ) -> int:
        """Update every document that matches, all or none, as `update` does; how many it were.

        A document that comes to match while this runs may be left out. When another writer changes
        one meanwhile, all is done again; ConflictError when that goes on and on.
        """
        filter = checked_filter(filter)
        if not isinstance(fields, Mapping):
            raise QueryError(f"update: wants an object, not {type(fields).__name__}")
        if consistency is not None:
            self._check_level(consistency, True)
        compute = _computing(fields)
        return self._write_all(
            filter,
            lambda each: ("rewrite", self, each.id, compute(each.fields), None, each._stamp),
        )

    def delete_where(self, filter: Filters, *, consistency: Level = None) -> int:
        """Delete every document that matches, all or none; how many it were."""
        filter = checked_filter(filter)
        if consistency is not None:
            self._check_level(consistency, True)
        return self._write_all(
            filter, lambda each: ("delete", self, each.id, None, None, each._stamp)
        )

    def _write_all(
        self, filter: Mapping[str, Any], operation: Callable[[Document], tuple[Any, ...]]
    ) -> int:
        """One batch of an operation on each document that matches; again when one has changed."""
        for _ in range(ROUNDS_MAX):
            operations = [operation(each) for each in self._all(filter)]
            try:
                return len(self._engine.apply(operations)) if operations else 0
            except ConflictError:
                continue
        raise ConflictError(
            f"collection {self.name!r}: in each of {ROUNDS_MAX} attempts another writer changed a "
            "document that matches; nothing was changed: write fewer at once, or try again"
        )

    def _all(self, filter: Mapping[str, Any]) -> list[Document]:
        return self._answer(filter, None, (), 0, None)[0]

    def _claim(
        self,
        filter: Mapping[str, Any],
        update: Mapping[str, Any],
        order: Sort,
        upsert: bool,
        return_new: bool,
    ) -> Document | None:
        """find_one_and_update in general: find, compute, write if unchanged; else again."""
        if not isinstance(update, Mapping):
            raise QueryError(f"update: wants an object, not {type(update).__name__}")
        compute = _computing(update)
        while True:
            document = self.find_one(filter, order)
            if document is None:
                if not upsert:
                    return None
                inserted = self._upsert(filter, update)
                if inserted is None:
                    continue
                return inserted if return_new else None
            written: Document | None = self._rewrite(document, compute(document.fields))
            if written is not None:
                return written if return_new else document

    def _upsert(self, filter: Mapping[str, Any], update: Mapping[str, Any]) -> Document | None:
        """Insert what the filter's equalities and the update make; None: another was quicker."""
        start: dict[str, Any] = {}
        constants = conditions_of(filter).constants()
        id = constants.pop(ID, None)
        if constants:
            start = Update({"$set": constants}).apply({})
        if has_operators(update):
            fields = Update(update).apply(start, inserting=True)
        else:
            fields = {**start, **update}
        chosen = new_id() if id is None else id
        try:
            self.insert(chosen, fields)
        except DuplicateKeyError:
            return None
        document: Document | None = self.get(chosen)
        return document

    def _planner(self) -> Planner:
        version = self._index_version()
        known = self._usable.get(None)
        if known is None or known[0] != version:
            known = self._usable[None] = (version, _usable_indexes(self))
        return Planner(len(self), known[1], _implies)

    def _keep(
        self,
        plan: Plan,
        version: int,
        conditions: Conditions,
        filter: Mapping[str, Any],
        sort: Any,
        examined: int,
        wanted: int | None,
    ) -> None:
        """Let the core answer queries of this shape by the same index from now on. examined: the
        entries that were looked at for so many documents wanted."""
        shape, _ = self._shape(filter, sort, wanted is None)
        if shape is None:
            return
        places = _places(filter)
        [source] = plan.sources
        fields = source.index.fields
        equals = [places[path, "$eq"] for path, _ in fields[: plan.equals]]
        range_of = None
        if plan.equals < len(fields) and fields[plan.equals][0] in conditions.paths:
            path, direction = fields[plan.equals]
            range_of = _range_maker(places, path, direction)
        constants = [(places[path, "$eq"][0], value) for path, value in plan.constants.items()]
        limits = [(places[path, "$eq"][0], *limited) for path, limited in plan.where.items()]
        paths = tuple(path for path in filter if path not in plan.limits | plan.constants.keys())
        of_paths = tuple(n for (path, _), each in places.items() if path in paths for n in each)
        self._keep_plan(
            shape, version, source.index, source.multikey, equals, plan.merged, range_of,
            plan.reverse, constants or None, limits or None, (paths, of_paths), examined, wanted,
        )  # fmt: skip


def _places(filter: Mapping[str, Any]) -> Places:
    """Of each path and operator, the places of its values among the filter's values: one, or those
    of $in, which are found under $eq."""
    places: Places = {}
    count = 0
    for path, wanted in filter.items():
        for operator, argument in (wanted if isinstance(wanted, dict) else {"$eq": wanted}).items():
            values = len(argument) if operator == "$in" else 1
            name = "$eq" if operator == "$in" else operator
            places[path, name] = tuple(range(count, count + values))
            count += values
    return places


def _range_maker(
    places: Places, path: str, direction: int
) -> Callable[[list[Any]], Range | None]:
    """What makes the range of a field out of a filter's values."""
    bounds = [
        (found[0], operator[:3], operator.endswith("e"))
        for (name, operator), found in places.items()
        if name == path
    ]
    low = next((bound for bound in bounds if bound[1] == "$gt"), None)
    high = next((bound for bound in bounds if bound[1] == "$lt"), None)

    def make(values: list[Any]) -> Range | None:
        return range_of(
            Bound(values[low[0]], low[2]) if low else None,
            Bound(values[high[0]], high[2]) if high else None,
            direction,
        )

    return make


def _usable_indexes(collection: Queries) -> list[Usable]:
    found = []
    for known in read_metadata(collection).get("indexes", []):
        index = find_index(collection, known["name"])
        if index is not None:
            found.append(Usable(index, index.fields, index.unique, known["where"]))
    return found


def _computing(update: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """From a document's fields to those after the update."""
    if has_operators(update):
        return Update(update).apply
    return lambda fields: {**fields, **update}


def _implies(where: Mapping[str, Any], constants: Mapping[str, Any]) -> bool:
    """Whether documents with these constant fields pass a partial index's filter. A condition on a
    path that has no constant could be failed by any value, so it must not be needed."""
    conditions = conditions_of(where)
    # Of a list in a document only one element need have the constant's value: that is enough for
    # equalities, comparisons and types, but not for what must hold for no element.
    if conditions.alternatives or not conditions.exact:
        return False
    if not set(conditions.paths) <= set(constants):
        return False
    for path, limits in conditions.paths.items():
        if not (limits.exact and limits.usable) and not is_type_alone(where.get(path)):
            return False
    flat = {path: value for path, value in constants.items() if path in conditions.paths}
    try:
        return bool(Filter(where).matches(Update({"$set": flat}).apply({})))
    except QueryError:  # of a path and one inside it: only lists have values at both
        return False

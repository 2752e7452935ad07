"""The planner: which index, if any, answers a query at least cost.

Every index is a candidate whose first fields the filter limits, or whose order is asked for.
A candidate's entries are counted by the index itself (exactly in small ranges, by whole leaves in
large ones), so there are no statistics to grow stale. Costs are in units of one document looked at
in a scan; the weights were measured (docs/performance.md).

Source: Selinger et al., Access Path Selection in a Relational Database Management System, 1979.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from math import log2
from typing import Any

from velocity._core.engine import Index
from velocity.py.conditions import Conditions, conditions_of
from velocity.py.index_bounds import Range
from velocity.py.index_use import Sort, Usable, Use, use_of

INTERSECTED_MAX = 4  # indexes that are tried two by two
COST_SEEK = 10.0  # finding the first entry of a range
COST_ENTRY = 0.3  # one entry that is only compared
COST_FETCH = 5.0  # one entry and its document
COST_SORT = 4.0  # one document that has to be sorted
COST_TURN = 0.1  # one entry of merged ranges, for each doubling of their number
SLICE = 256  # entries read at a time; then each of the merged ranges is looked up again
MATCHES_RESIDUAL = 0.25  # share of documents that pass conditions no index answers: a guess
MATCHES_UNKNOWN = 0.1  # the same of a whole filter

_TYPES: dict[Any, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "bool": (bool,),
    "date": (datetime,),
    "binData": (bytes,),
}

# What a value may be: its types, and bounds, each (value, included), or None.
End = tuple[Any, bool] | None
Limited = tuple[tuple[type, ...], End, End]


@dataclass(frozen=True)
class Source:
    """Ranges of one index, in its order."""

    index: Index
    ranges: list[Range]
    estimate: int  # entries
    multikey: int  # fields of the index that had lists when this was planned
    prefixes: list[int] | None  # Use's


@dataclass
class Plan:
    """How a query is answered."""

    kind: str  # "scan", "index", "union", "intersection"
    sources: list[Source] = field(default_factory=list)
    reverse: bool = False
    ordered: bool = False  # documents come in the order asked for
    covered: bool = False  # the ranges say all that the filter says
    multikey: bool = False  # one document may have several entries in the ranges
    cost: float = 0.0
    limits: frozenset[str] = frozenset()  # paths whose limits made the ranges
    equals: int = 0  # leading fields of the index that are limited to single values
    merged: int = 0  # leading fields in front of the order of merged ranges; 0: none are merged
    unique: bool = False  # there is one document at most
    keep: bool = False  # the plan is the same for other values in the filter, but for
    where: dict[str, Limited] = field(default_factory=dict)  # likewise
    constants: dict[str, Any] = field(default_factory=dict)  # what a partial index is limited to
    why: str = ""
    candidates: list[dict[str, Any]] = field(default_factory=list)

    @property
    def estimate(self) -> int:
        return sum(source.estimate for source in self.sources)


class Planner:
    """Plans queries of one collection as its indexes are now.

    implies(where, constants): whether all documents with these constant fields pass a partial
    index's filter.
    """

    def __init__(
        self,
        documents: int,
        indexes: Sequence[Usable],
        implies: Callable[[Mapping[str, Any], Mapping[str, Any]], bool],
    ) -> None:
        self.documents = documents
        self.indexes = indexes
        self.implies = implies

    def plan(
        self,
        filter: Mapping[str, Any],
        conditions: Conditions,
        sort: Sort,
        wanted: int | None,
    ) -> Plan:
        """The cheapest plan. wanted: documents that are enough, those skipped included."""
        plans = [self._scan(filter, sort, wanted)]
        for index in self.indexes:
            plan = self._by_index(index, filter, conditions, sort, wanted)
            if plan is not None:
                plans.append(plan)
        plans += self._unions(filter, conditions, sort, wanted)
        plans += self._intersections([plan for plan in plans if plan.kind == "index"], sort)
        best = min(plans, key=lambda plan: plan.cost)
        best.candidates = [
            {"plan": plan.kind, "index": [source.index.name for source in plan.sources],
             "cost": round(plan.cost), "entries": plan.estimate, "ordered": plan.ordered}
            for plan in plans
        ]
        best.why = _reason(best, len(plans))
        return best

    def ranges_alone(self, filter: Mapping[str, Any], conditions: Conditions) -> Plan | None:
        """A plan whose ranges say all that the filter says, so that entries can be counted without
        looking at documents: cheaper than any other, however many they are."""
        plans = (self._by_index(index, filter, conditions, (), None) for index in self.indexes)
        return next((plan for plan in plans if plan and plan.covered and not plan.multikey), None)

    def _scan(self, filter: Mapping[str, Any], sort: Sort, wanted: int | None) -> Plan:
        documents = float(self.documents)
        share = MATCHES_UNKNOWN if filter else 1.0
        looked = documents
        if wanted is not None and not sort:
            looked = min(documents, wanted / share)
        cost = COST_SEEK + looked + (documents * share * COST_SORT if sort else 0.0)
        return Plan("scan", cost=cost, ordered=not sort)

    def _by_index(
        self,
        index: Usable,
        filter: Mapping[str, Any],
        conditions: Conditions,
        sort: Sort,
        wanted: int | None,
    ) -> Plan | None:
        if index.where and not self._implied(index.where, filter, conditions):
            return None
        use = use_of(index, conditions, sort)
        if not use.used and not (sort and use.ordered):
            return None
        entries = sum(index.index.count_range(*each, exact=False) for each in use.ranges)
        partial = conditions_of(index.where or {})
        where = partial.constants()
        implied = {path for path, value in where.items() if _only(conditions, path, value)}
        limited = _limited(partial, index.where or {}, conditions)
        covered = (
            use.exact and conditions.all_exact() and use.used | implied >= set(conditions.paths)
        )
        share = 1.0 if covered else MATCHES_RESIDUAL
        cost = _cost(use, entries, share, wanted)
        if use.merged:
            afterwards = use_of(index, conditions, sort, merge=False)
            other_cost = _cost(afterwards, entries, share, wanted)
            if other_cost < cost:
                use, cost = afterwards, other_cost
        keep = (
            use.exact
            and conditions.exact
            and not conditions.alternatives
            and all(conditions.paths[path].exact for path in use.used | implied)
            and use.ordered
            and use.keep
            and implied | set(limited) >= set(partial.paths)
            and not partial.alternatives
            and partial.exact
        )
        return Plan(
            "index",
            [Source(index.index, use.ranges, entries, use.multikey, use.prefixes)],
            use.reverse,
            use.ordered,
            covered,
            use.several,
            cost,
            limits=frozenset(use.used),
            equals=len(use.values),
            merged=use.merged,
            keep=keep,
            where=limited,
            constants={path: where[path] for path in implied},
            unique=index.unique and len(use.ranges) == 1 and len(use.values) == len(index.fields),
        )

    def _implied(
        self, where: Mapping[str, Any], filter: Mapping[str, Any], conditions: Conditions
    ) -> bool:
        """Whether each document that the filter can match is in the partial index."""
        if all(name in filter and _same(filter[name], wanted) for name, wanted in where.items()):
            return True
        return self.implies(where, conditions.constants())

    def _unions(
        self, filter: Mapping[str, Any], conditions: Conditions, sort: Sort, wanted: int | None
    ) -> list[Plan]:
        """For each $or whose every alternative has an index: all of them, one after the other."""
        plans = []
        for alternatives in conditions.alternatives:
            parts = [self._best_index(filter, each) for each in alternatives]
            sources = [source for part in parts if part is not None for source in part.sources]
            if not parts or None in parts:
                continue
            cost = sum(part.cost for part in parts if part is not None)
            entries = sum(source.estimate for source in sources)
            if sort:
                cost += entries * MATCHES_RESIDUAL * COST_SORT
            plans.append(Plan("union", sources, ordered=not sort, multikey=True, cost=cost))
        return plans

    def _intersections(self, plans: list[Plan], sort: Sort) -> list[Plan]:
        """Two indexes, each of which leaves many documents that the other does not have."""
        few = sorted((plan for plan in plans if not plan.unique), key=lambda plan: plan.estimate)
        found = []
        for first, second in combinations(few[:INTERSECTED_MAX], 2):
            if first.limits & second.limits or not first.limits or not second.limits:
                continue
            both = first.estimate * second.estimate / max(self.documents, 1)
            cost = 2 * COST_SEEK + (first.estimate + second.estimate) * COST_ENTRY
            cost += both * (COST_FETCH + (COST_SORT if sort else 0.0))
            found.append(
                Plan(
                    "intersection",
                    [*first.sources, *second.sources],
                    ordered=not sort,
                    multikey=first.multikey or second.multikey,
                    cost=cost,
                )
            )
        return found

    def _best_index(self, filter: Mapping[str, Any], conditions: Conditions) -> Plan | None:
        plans = [self._by_index(index, {}, conditions, (), None) for index in self.indexes]
        return min((plan for plan in plans if plan), key=lambda plan: plan.cost, default=None)


def _cost(use: Use, entries: int, share: float, wanted: int | None) -> float:
    """Of reading its entries, of which a share of documents matches."""
    ranges = len(use.ranges)
    looked = float(entries)
    if wanted is not None and use.ordered:
        looked = min(looked, wanted / share)
    cost = COST_SEEK * ranges + looked * COST_FETCH
    if use.merged:
        cost += looked * COST_TURN * log2(max(ranges, 2)) + COST_SEEK * ranges * (looked // SLICE)
    if not use.ordered:
        cost += entries * share * COST_SORT
    return cost


def _limited(
    partial: Conditions, where: Mapping[str, Any], conditions: Conditions
) -> dict[str, Limited]:
    """Of a partial index's paths that are limited by type or to a range and have one value in the
    query, what that value may be."""
    constants = conditions.constants()
    found: dict[str, Limited] = {}
    for path, limits in partial.paths.items():
        if path not in constants:
            continue
        if is_type_alone(where.get(path)):
            found[path] = (_TYPES[where[path]["$type"]], None, None)
        elif limits.exact and limits.bounded:
            low, high = (
                (bound.value, bound.included) if bound else None
                for bound in (limits.low, limits.high)
            )
            value = (low or high or (None, False))[0]
            types = next((types for types in _TYPES.values() if type(value) in types), ())
            found[path] = (types, low, high)
    return found


def is_type_alone(condition: Any) -> bool:
    """Whether a condition asks for one type of a single value and nothing else."""
    if not isinstance(condition, Mapping) or list(condition) != ["$type"]:
        return False
    return isinstance(condition["$type"], str) and condition["$type"] in _TYPES


def _same(a: Any, b: Any) -> bool:
    """Whether two conditions are one: equal, and of the same types throughout (True is not 1)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(_same, a.values(), b.values()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _only(conditions: Conditions, path: str, value: Any) -> bool:
    limits = conditions.paths.get(path)
    return limits is not None and limits.equal == [value] and type(limits.equal[0]) is type(value)


def _reason(plan: Plan, considered: int) -> str:
    if plan.kind == "scan":
        if considered == 1:
            return "no index fits the filter or the order"
        return f"reading the whole collection is the cheapest of {considered} plans"
    parts = ["the ranges say all the filter says" if plan.covered else "the filter is checked, too"]
    merged = f", {len(plan.sources[0].ranges)} ranges merged" if plan.merged else ""
    parts.append(f"in the order asked for{merged}" if plan.ordered else "sorted afterwards")
    return f"least cost of {considered} plans; {', '.join(parts)}"

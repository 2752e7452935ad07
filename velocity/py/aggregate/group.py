"""$group: documents gathered by a key, with accumulators over each group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from velocity.py.aggregate.accumulators import ACCUMULATORS, Accumulator
from velocity.py.aggregate.expressions import Expression, compile_expression
from velocity.py.aggregate.values import (
    MISSING,
    Fields,
    checked_mapping,
    checked_name,
    fail,
    kind_of,
    value_key,
)


class Field(NamedTuple):
    """One accumulated field: its operator, and the argument as it was written and compiled."""

    name: str
    operator: str
    argument: Any
    expression: Expression
    start: Callable[[], Accumulator]


class Group:
    """A compiled $group."""

    def __init__(self, place: str, spec: Any) -> None:
        fields = checked_mapping(place, spec, "an object with _id and accumulators")
        if "_id" not in fields:
            fail(place, "_id is missing: the expression to group by; None makes one group")
        self.key_spec = fields["_id"]
        self._key = compile_expression(f"{place}: _id", self.key_spec)
        self.fields = [
            _read_field(f"{place}: {checked_name(place, name)}", name, accumulator)
            for name, accumulator in fields.items()
            if name != "_id"
        ]

    def __call__(self, documents: Iterable[Fields]) -> Iterator[Fields]:
        key_of = self._key
        groups: dict[bytes, tuple[Any, list[Accumulator]]] = {}
        expressions = [field.expression for field in self.fields]
        for document in documents:
            id = key_of(document)
            if id is MISSING:
                id = None
            key = value_key(id)
            group = groups.get(key)
            if group is None:
                group = groups[key] = id, [field.start() for field in self.fields]
            for state, expression in zip(group[1], expressions):
                state.add(expression(document))
        names = [field.name for field in self.fields]
        for id, states in groups.values():
            yield {"_id": id, **{name: state.result() for name, state in zip(names, states)}}


def _read_field(place: str, name: str, accumulator: Any) -> Field:
    if not isinstance(accumulator, Mapping) or len(accumulator) != 1:
        fail(place, f"wants an object with one accumulator: {' '.join(ACCUMULATORS)}")
    [(operator, argument)] = accumulator.items()
    if operator not in ACCUMULATORS:
        fail(place, f"{operator}: unknown accumulator; known: {' '.join(ACCUMULATORS)}")
    place = f"{place}: {operator}"
    if isinstance(argument, (list, tuple)):
        fail(place, f"wants one expression, not {kind_of(argument)}")
    if operator == "$count" and argument != {}:
        fail(place, f"wants an empty object, not {argument!r}")
    expression = compile_expression(place, argument)
    return Field(name, operator, argument, expression, ACCUMULATORS[operator])

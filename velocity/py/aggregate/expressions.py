"""Expressions: compiled once into functions from a document to a value.

"$a.b" is a path, "$$ROOT" the document, an object with one $ name an operator, any other object or
list is made of expressions, and everything else stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from velocity._core.errors import SchemaError
from velocity.py.aggregate import dates, functions
from velocity.py.aggregate.accumulators import ACCUMULATORS, NUMERIC
from velocity.py.aggregate.values import (
    MISSING,
    Fields,
    checked_mapping,
    checked_name,
    checked_path,
    fail,
    is_true,
    value_at,
)
from velocity.py.order import order_key
from velocity.py.values import copied

Expression = Callable[[Fields], Any]
Compile = Callable[[str, Any], Expression]


def compile_expression(place: str, spec: Any) -> Expression:
    """place: where the expression stands, for errors. Raises: QueryError."""
    if isinstance(spec, str):
        return _compile_text(place, spec)
    if isinstance(spec, Mapping):
        checked_mapping(place, spec, "an expression")
        if any(name.startswith("$") for name in spec):
            return _compile_operator(place, spec)
        items = {
            checked_name(place, name): compile_expression(f"{place}: {name}", inner)
            for name, inner in spec.items()
        }
        return lambda document: _object_of(items, document)
    if isinstance(spec, (list, tuple)):
        elements = [compile_expression(place, item) for item in spec]
        return lambda document: [_or_null(element(document)) for element in elements]
    return _constant(place, spec)


def _constant(place: str, value: Any) -> Expression:
    try:
        order_key(value)
    except SchemaError as error:
        fail(place, str(error))
    own = copied(value)
    return lambda _document: own


def _compile_text(place: str, text: str) -> Expression:
    if text.startswith("$$"):
        variable, *parts = text[2:].split(".")
        if variable == "REMOVE" and not parts:
            return lambda _document: MISSING
        if variable not in ("ROOT", "CURRENT"):
            fail(place, f"{text!r}: unknown variable; known: $$ROOT $$CURRENT $$REMOVE")
        if not parts:
            return lambda document: document
        path = ".".join(parts)
    elif text.startswith("$"):
        path = text[1:]
    else:
        return lambda _document: text
    parts = checked_path(place, path)
    if len(parts) == 1:
        name = parts[0]
        return lambda document: document.get(name, MISSING)
    return lambda document: value_at(document, parts)


def _object_of(items: dict[str, Expression], document: Fields) -> Fields:
    made = {name: item(document) for name, item in items.items()}
    return {name: value for name, value in made.items() if value is not MISSING}


def _or_null(value: Any) -> Any:
    return None if value is MISSING else value


def _compile_operator(place: str, spec: Mapping[str, Any]) -> Expression:
    if len(spec) != 1:
        fail(place, f"an expression has one operator, not {' '.join(spec)}")
    [(operator, argument)] = spec.items()
    inner = f"{place}: {operator}"
    if operator in functions.FUNCTIONS:
        return _compile_function(inner, operator, argument)
    if operator in _SPECIAL:
        return _SPECIAL[operator](inner, argument)
    known = " ".join(sorted([*functions.FUNCTIONS, *_SPECIAL]))
    fail(place, f"{operator}: unknown expression operator; known: {known}")


def _compile_function(place: str, operator: str, argument: Any) -> Expression:
    least, most, function = functions.FUNCTIONS[operator]
    items = list(argument) if isinstance(argument, (list, tuple)) else [argument]
    if not least <= len(items) <= (most or len(items)):
        wanted = f"{least}" if most == least else f"{least} or more" if not most else (
            f"{least} to {most}")
        fail(place, f"wants {wanted} argument{'' if wanted == '1' else 's'}, not {len(items)}")
    arguments = [compile_expression(place, item) for item in items]
    if len(arguments) == 1:
        [only] = arguments
        return lambda document: function(place, only(document))
    if len(arguments) == 2:
        left, right = arguments
        return lambda document: function(place, left(document), right(document))
    return lambda document: function(place, *[item(document) for item in arguments])


def _compile_literal(place: str, argument: Any) -> Expression:
    return _constant(place, argument)


def _named(
    place: str, argument: Any, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Expression]:
    """Compile an argument that is an object of named expressions."""
    wanted = f"an object with {' '.join((*required, *optional))}"
    spec = checked_mapping(place, argument, wanted)
    for name in spec:
        if name not in required + optional:
            fail(place, f"{name}: wants {wanted}")
    for name in required:
        if name not in spec:
            fail(place, f"{name} is missing: wants {wanted}")
    return {name: compile_expression(f"{place}: {name}", item) for name, item in spec.items()}


def _compile_cond(place: str, argument: Any) -> Expression:
    if isinstance(argument, (list, tuple)):
        if len(argument) != 3:
            fail(place, f"wants 3 arguments (if, then, else), not {len(argument)}")
        argument = dict(zip(("if", "then", "else"), argument))
    parts = _named(place, argument, ("if", "then", "else"))
    condition, then, otherwise = parts["if"], parts["then"], parts["else"]
    return lambda document: (then if is_true(condition(document)) else otherwise)(document)


def _compile_switch(place: str, argument: Any) -> Expression:
    spec = checked_mapping(place, argument, "an object with branches and default")
    if unknown := [name for name in spec if name not in ("branches", "default")]:
        fail(place, f"{unknown[0]}: wants an object with branches and default")
    branches = spec.get("branches")
    if not isinstance(branches, (list, tuple)) or not branches:
        fail(place, "branches wants a list of one or more")
    compiled = [_named(f"{place}: branches", item, ("case", "then")) for item in branches]
    default = compile_expression(place, spec["default"]) if "default" in spec else None

    def switch(document: Fields) -> Any:
        for branch in compiled:
            if is_true(branch["case"](document)):
                return branch["then"](document)
        if default is None:
            fail(place, "no branch's case was true, and there is no default")
        return default(document)

    return switch


def _compile_logic(stop_at: bool) -> Compile:
    """$and and $or: they end at the first argument that decides."""

    def compile(place: str, argument: Any) -> Expression:
        items = argument if isinstance(argument, (list, tuple)) else [argument]
        arguments = [compile_expression(place, item) for item in items]

        def decide(document: Fields) -> bool:
            for item in arguments:
                if is_true(item(document)) is stop_at:
                    return stop_at
            return not stop_at

        return decide

    return compile


def _compile_if_null(place: str, argument: Any) -> Expression:
    if not isinstance(argument, (list, tuple)) or len(argument) < 2:
        fail(place, "wants a list of two or more arguments")
    arguments = [compile_expression(place, item) for item in argument]

    def first_present(document: Fields) -> Any:
        value = None
        for item in arguments:
            value = item(document)
            if value is not None and value is not MISSING:
                break
        return value

    return first_present


def _compile_accumulated(operator: str) -> Compile:
    """$sum $avg $min $max of the arguments, or of the elements of one that is a list."""
    start = ACCUMULATORS[operator]

    def compile(place: str, argument: Any) -> Expression:
        several = isinstance(argument, (list, tuple))
        arguments = [
            compile_expression(place, item) for item in (argument if several else [argument])
        ]

        def accumulate(document: Fields) -> Any:
            values = [item(document) for item in arguments]
            if len(values) == 1 and isinstance(values[0], list):
                values = values[0]
            state = start()
            for value in values:
                state.add(value)
            return state.result()

        return accumulate

    return compile


def _compile_date(
    function: Callable[..., Any], required: tuple[str, ...], optional: tuple[str, ...]
) -> Compile:
    def compile(place: str, argument: Any) -> Expression:
        parts = _named(place, argument, required, optional)
        return lambda document: function(
            place, **{name: part(document) for name, part in parts.items()}
        )

    return compile


_SPECIAL: dict[str, Compile] = {
    "$literal": _compile_literal,
    "$cond": _compile_cond,
    "$switch": _compile_switch,
    "$and": _compile_logic(False),
    "$or": _compile_logic(True),
    "$ifNull": _compile_if_null,
    "$dateToString": _compile_date(
        dates.date_to_string, ("date",), ("format", "timezone", "onNull")
    ),
    "$dateTrunc": _compile_date(dates.date_trunc, ("date", "unit"), ("timezone",)),
    **{operator: _compile_accumulated(operator) for operator in NUMERIC},
}

"""Update operators, with MongoDB's meaning.

An Update is read once, where all that can be wrong with it alone is found, and then applied to any
number of documents' fields. A QueryError names the operator, the path and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from velocity._core.errors import QueryError
from velocity.py.operators import lists, values
from velocity.py.operators.lists import has_operators
from velocity.py.operators.paths import Fields, check_conflicts, check_path, kind_of
from velocity.py.values import copied

__all__ = ["Update", "apply_operators", "has_operators"]


class _Operator(NamedTuple):
    read: Callable[[Any], Any] | None  # checks the argument and makes what `apply` takes
    apply: Callable[[Fields, list[str], Any], None]
    on_insert: bool = False  # only where an upsert makes the document


class _Change(NamedTuple):
    operator: str
    path: str
    parts: list[str]
    argument: Any


class Update:
    """The operators of one update. $currentDate's time is that of its making."""

    def __init__(self, operators: Mapping[str, Any]) -> None:
        self._changes: list[_Change] = []
        touched: list[tuple[str, str]] = []
        now = datetime.now(timezone.utc)
        for operator, paths in operators.items():
            for path, argument in _paths_of(operator, paths):
                touched.append((operator, path))
                if operator == "$rename":
                    check_path(operator, argument)
                    touched.append((operator, argument))
                if operator == "$currentDate":
                    argument = (argument, now)
                self._changes.append(_read(operator, path, argument))
        check_conflicts(touched)

    def apply(self, fields: Mapping[str, Any], inserting: bool = False) -> Fields:
        """The fields after the operators; `fields` stay as they are.

        inserting: an upsert makes the document, so that $setOnInsert counts.
        """
        result: Fields = copied(fields)
        for operator, path, parts, argument in self._changes:
            known = _OPERATORS[operator]
            if known.on_insert and not inserting:
                continue
            try:
                known.apply(result, parts, argument)
            except QueryError as error:
                raise QueryError(f"{operator} {path!r}: {error}") from None
        return result


def apply_operators(fields: Mapping[str, Any], operators: Mapping[str, Any]) -> Fields:
    """The fields after the operators. Raises QueryError; `fields` stay as they are."""
    return Update(operators).apply(fields)


def _paths_of(operator: Any, paths: Any) -> list[tuple[str, Any]]:
    """An operator's (path, argument) pairs, refused when they cannot mean anything."""
    if not isinstance(operator, str) or not operator.startswith("$"):
        raise QueryError(f"{operator!r}: an update holds operators or plain fields, not both")
    if operator not in _OPERATORS:
        raise QueryError(f"{operator}: unknown update operator; known: {' '.join(_OPERATORS)}")
    if not isinstance(paths, Mapping):
        raise QueryError(f"{operator}: wants an object of paths and values, not {kind_of(paths)}")
    for path in paths:
        check_path(operator, path)
    return list(paths.items())


def _read(operator: str, path: str, argument: Any) -> _Change:
    read = _OPERATORS[operator].read
    if read is not None:
        try:
            argument = read(argument)
        except QueryError as error:
            raise QueryError(f"{operator} {path!r}: {error}") from None
    return _Change(operator, path, path.split("."), argument)


def _read_current_date(argument: tuple[Any, datetime]) -> datetime:
    wanted, now = argument
    if wanted is True or wanted == {"$type": "date"}:
        return now
    raise QueryError(f"wants true or {{'$type': 'date'}}, not {wanted!r}")


_OPERATORS = {
    "$set": _Operator(None, values.set_value),
    "$unset": _Operator(None, values.unset),
    "$inc": _Operator(values.read_number, values.increment),
    "$mul": _Operator(values.read_number, values.multiply),
    "$min": _Operator(None, values.set_if_less),
    "$max": _Operator(None, values.set_if_greater),
    "$rename": _Operator(None, values.rename),
    "$setOnInsert": _Operator(None, values.set_value, on_insert=True),
    "$push": _Operator(lists.read_push, lists.push),
    "$addToSet": _Operator(lists.read_add_to_set, lists.add_to_set),
    "$pull": _Operator(lists.read_pull, lists.pull),
    "$pop": _Operator(lists.read_pop, lists.pop),
    "$currentDate": _Operator(_read_current_date, values.set_value),
}

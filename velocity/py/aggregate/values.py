"""What the stages share about values: the missing one, truth, paths, and errors with a place.

A document on its way through a pipeline is a dict whose "_id" is the id. Documents are never
changed once made: a stage that changes one makes a new dict along the path of the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from velocity._core.errors import QueryError
from velocity.py.order import order_key

Fields = dict[str, Any]


class _Missing:
    """What a path leads to where there is nothing; below null in comparisons."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "missing"


MISSING: Any = _Missing()


def fail(place: str, reason: str) -> NoReturn:
    """Refuse, naming the place in the pipeline."""
    raise QueryError(f"{place}: {reason}")


def kind_of(value: Any) -> str:
    """A value's type, for error texts."""
    return "null" if value is None else type(value).__name__


def is_nullish(value: Any) -> bool:
    return value is None or value is MISSING


def is_true(value: Any) -> bool:
    """False, null, missing and zero are not; everything else is, empty strings and lists too."""
    if value is None or value is MISSING or value is False:
        return False
    return value is True or not isinstance(value, (int, float)) or value != 0


def value_key(value: Any) -> bytes:
    """The value's place in the order of values; missing comes first."""
    return b"" if value is MISSING else order_key(value)


def checked_mapping(place: str, value: Any, what: str) -> Mapping[str, Any]:
    """An object whose names are strings."""
    if not isinstance(value, Mapping):
        fail(place, f"wants {what}, not {kind_of(value)}")
    for name in value:
        if not isinstance(name, str):
            fail(place, f"{name!r}: a name is a string, not {type(name).__name__}")
    return value


def checked_name(place: str, name: Any) -> str:
    """The name of one new field: not a path."""
    if not isinstance(name, str) or not name or "." in name or name.startswith("$"):
        fail(place, f"{name!r}: wants a field's name without '.' or a leading '$'")
    return name


def checked_path(place: str, path: Any) -> list[str]:
    """The parts of a dotted path without a $."""
    if not isinstance(path, str):
        fail(place, f"{path!r}: a path is a string, not {type(path).__name__}")
    parts = path.split(".")
    for part in parts:
        if not part:
            fail(place, f"{path!r}: a path has no empty part")
        if part.startswith("$"):
            fail(place, f"{path!r}: no part of a path begins with '$' here")
    return parts


def value_at(value: Any, parts: list[str], start: int = 0) -> Any:
    """What an expression's path leads to. A list gives the list of what its objects have there."""
    for at in range(start, len(parts)):
        if type(value) is dict:
            value = value.get(parts[at], MISSING)
        elif type(value) is list:
            found = (value_at(item, parts, at) for item in value if type(item) is dict)
            return [item for item in found if item is not MISSING]
        else:
            return MISSING
    return value


def with_value(document: Any, parts: list[str], value: Any, at: int = 0) -> Fields:
    """The document with the value at a path, through objects only; MISSING takes the field out."""
    changed = dict(document) if type(document) is dict else {}
    name = parts[at]
    if at + 1 < len(parts):
        changed[name] = with_value(changed.get(name), parts, value, at + 1)
    elif value is MISSING:
        changed.pop(name, None)
    else:
        changed[name] = value
    return changed


def leaves(value: Any, parts: list[str], at: int = 0) -> list[Any]:
    """Every value that a filter's or a sort's path leads to; lists are descended, MISSING where
    there is nothing."""
    if at == len(parts):
        return [value]
    if type(value) is dict:
        return leaves(value.get(parts[at], MISSING), parts, at + 1)
    if type(value) is not list:
        return [MISSING]
    found = [leaf for item in value if type(item) is dict for leaf in leaves(item, parts, at)]
    part = parts[at]
    if part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(value):
        found += leaves(value[int(part)], parts, at + 1)
    return found or [MISSING]

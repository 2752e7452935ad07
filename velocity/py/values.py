"""Values outside the core: copies, and equality as the core means it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class HasFields(Protocol):
    """A Document or a dict of fields."""

    def get(self, name: str, default: Any = None, /) -> Any: ...


_IMMUTABLE = frozenset({str, int, float, bool, bytes, type(None)})
_PLAINLY_EQUAL = frozenset({str, int, bool, bytes, type(None)})  # == of two of one of these will do


def copied(value: Any) -> Any:
    """A copy whose objects and lists are the caller's own; other values are immutable."""
    if type(value) in _IMMUTABLE:
        return value
    if isinstance(value, Mapping):
        return {name: copied(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [copied(item) for item in value]
    return value


def values_equal(a: Any, b: Any) -> bool:
    """Whether two values are equal.

    Numbers compare across int and float, a bool is not a number, NaN equals NaN, a tuple is a
    list, objects compare whatever the order of their fields.
    """
    if type(a) is type(b) and type(a) in _PLAINLY_EQUAL:
        return bool(a == b)
    if isinstance(a, bool) or isinstance(b, bool):
        return False
    if isinstance(a, (int, float)):
        return isinstance(b, (int, float)) and (a == b or (a != a and b != b))
    if isinstance(a, (list, tuple)):
        if not isinstance(b, (list, tuple)) or len(a) != len(b):
            return False
        return all(values_equal(x, y) for x, y in zip(a, b))
    if isinstance(a, Mapping):
        if not isinstance(b, Mapping) or len(a) != len(b):
            return False
        return all(name in b and values_equal(value, b[name]) for name, value in a.items())
    return bool(a == b)


def is_object(value: Any) -> bool:
    """Whether it can be a document's fields; the usual case is told without the slower question."""
    return type(value) is dict or isinstance(value, Mapping)


def fields_match(fields: HasFields, expected: Mapping[str, Any]) -> bool:
    """Whether every field of `expected` is equal in `fields`; a missing field equals None."""
    for name, value in expected.items():
        if not values_equal(fields.get(name), value):
            return False
    return True

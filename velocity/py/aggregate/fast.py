"""Which $group the core can do by itself, in one pass over the encoded documents.

That is one with a key of nothing, a path or an object of paths, and accumulators that count, add
up, average or find extremes of a path or of a number; behind nothing, or behind one $match.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from velocity.py.aggregate.group import Group
from velocity.py.order import is_integer, is_number

_OPERATORS = frozenset({"$count", "$sum", "$avg", "$min", "$max"})
_PATHS_MAX = _FIELDS_MAX = 64  # GROUP_PATHS_MAX, GROUP_FIELDS_MAX of the core


class CoreGroup(NamedTuple):
    """A $group as the core takes it."""

    key: Any  # None, a path, or a dict of name -> path
    paths: list[str]  # the key's first
    fields: list[tuple[str, str, int, Any]]  # name, operator, index + 1 in paths or 0, number


def core_group(group: Group) -> CoreGroup | None:
    """None when only the stage itself can do it."""
    keys = _key_paths(group.key_spec)
    if keys is None or len(group.fields) > _FIELDS_MAX:
        return None
    paths = list(keys.values()) if isinstance(keys, dict) else keys
    key: Any = keys if isinstance(keys, dict) else keys[0] if keys else None
    fields: list[tuple[str, str, int, Any]] = []
    for name, operator, argument, _expression, _start in group.fields:
        if operator not in _OPERATORS:
            return None
        path = _path(argument)
        if path is not None:
            if path not in paths:
                paths.append(path)
            fields.append((name, operator, paths.index(path) + 1, None))
        elif operator == "$count" or (operator in ("$sum", "$avg") and _is_constant(argument)):
            fields.append((name, operator, 0, argument if operator != "$count" else 0))
        else:
            return None
    return CoreGroup(key, paths, fields) if len(paths) <= _PATHS_MAX else None


def _is_constant(argument: Any) -> bool:
    return is_number(argument) and (not is_integer(argument) or -(1 << 63) <= argument < 1 << 63)


def _path(expression: Any) -> str | None:
    """The path of "$a.b", but for one into the id, which is not in the encoded fields."""
    if not isinstance(expression, str) or not expression.startswith("$"):
        return None
    path = expression[1:]
    first = path.partition(".")[0]
    return None if first == "_id" or path.startswith("$") else path


def _key_paths(key: Any) -> dict[str, str] | list[str] | None:
    """Name -> path of a compound key, or a list of one path or none."""
    if key is None:
        return []
    if isinstance(key, str):
        path = _path(key)
        return None if path is None else [path]
    if not isinstance(key, Mapping) or not key:
        return None
    paths = {name: _path(expression) for name, expression in key.items()}
    known = {name: path for name, path in paths.items() if path is not None}
    return known if len(known) == len(paths) else None

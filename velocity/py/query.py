"""Query, and what a query's arguments may be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import QueryError

Sort = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Query:
    """The arguments of Collection.find as one object, for VelocityDB.query."""

    collection: str
    filter: Mapping[str, Any] = field(default_factory=dict)
    sort: str | Sequence[Any] | None = None
    limit: int | None = None
    offset: int = 0
    fields: Sequence[str] | None = None


def checked_filter(filter: Any) -> Mapping[str, Any]:
    """The filter as a mapping; None is the empty one."""
    if filter is None:
        return {}
    if not isinstance(filter, Mapping):
        raise QueryError(f"filter: wants an object, not {type(filter).__name__}")
    return filter


def checked_count(name: str, count: Any) -> int | None:
    """A limit or offset as what slices take."""
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int):
        raise QueryError(f"{name}: wants a whole number or None, not {type(count).__name__}")
    if count < 0:
        raise QueryError(f"{name}: {count} is below 0")
    return min(count, sys.maxsize)


def sort_of(sort: Any) -> Sort:
    """A sort as ((path, 1 or -1), ...): "-age", ["state", "-age"], [("age", -1)], {"age": -1}."""
    if sort is None:
        return ()
    if isinstance(sort, str):
        sort = [sort]
    elif isinstance(sort, Mapping):
        sort = list(sort.items())
    if not isinstance(sort, (list, tuple)):
        kind = type(sort).__name__
        raise QueryError(f"sort: wants a field, a list of fields or None, not {kind}")
    fields = tuple(_sort_field(place, field) for place, field in enumerate(sort))
    seen: set[str] = set()
    for path, _ in fields:
        if path in seen:
            raise QueryError(f"sort: {path!r} is named twice")
        seen.add(path)
    return fields


def _sort_field(place: int, field: Any) -> tuple[str, int]:
    direction: Any = 1
    if isinstance(field, str):
        path, direction = (field[1:], -1) if field.startswith("-") else (field, 1)
    elif isinstance(field, (list, tuple)) and len(field) == 2:
        path, direction = field
    else:
        raise QueryError(f"sort: item {place}: wants \"field\", \"-field\" or (field, 1 or -1)")
    if not isinstance(path, str) or direction not in (1, -1) or isinstance(direction, bool):
        raise QueryError(f"sort: item {place}: wants a field's name and 1 or -1")
    check_path("sort", path)
    return path, direction


def check_path(place: str, path: str) -> None:
    """Refuse a path that can name nothing."""
    if not path or any(not part for part in path.split(".")):
        raise QueryError(f"{place}: {path!r} is no path: names are joined by single dots")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise QueryError(f"{place}: {path!r:.80} must be encodable in UTF-8") from None
    if path.startswith("$"):
        raise QueryError(f"{place}: {path!r}: a field's name does not begin with $")


def projection_of(fields: Any) -> Callable[[Document], dict[str, Any]] | None:
    """What takes the fields asked for out of a document; None: all of them."""
    if fields is None:
        return None
    if isinstance(fields, str) or not isinstance(fields, (list, tuple, set, frozenset)):
        raise QueryError(f"fields: wants a list of fields, not {type(fields).__name__}")
    paths = []
    for path in fields:
        if not isinstance(path, str):
            raise QueryError(f"fields: a field is a string, not {type(path).__name__}")
        check_path("fields", path)
        paths.append(path.split("."))
    tree: dict[str, Any] = {}
    for parts in sorted(paths, key=len):
        _add_path(tree, parts)
    if all(not inner for inner in tree.values()):
        names = tuple(tree)
        return lambda document: {name: document[name] for name in names if name in document}
    return lambda document: _project(document.fields, tree)


def _add_path(tree: dict[str, Any], parts: list[str]) -> None:
    for at, part in enumerate(parts):
        if part in tree and not tree[part]:
            return  # the whole of it was asked for
        tree = tree.setdefault(part, {})
        if at == len(parts) - 1:
            tree.clear()


def _project(value: Any, tree: dict[str, Any]) -> Any:
    """The parts of an object that the tree names; of a list, of each object in it."""
    if isinstance(value, dict):
        return {
            name: _project(value[name], inner) if inner else value[name]
            for name, inner in tree.items()
            if name in value and (not inner or isinstance(value[name], (dict, list)))
        }
    return [_project(item, tree) for item in value if isinstance(item, (dict, list))]

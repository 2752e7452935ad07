"""Update operators on lists: $push $addToSet $pull $pop.

Each has a function that checks its argument once, when the update is read, and one that applies
what that made to the fields, in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from velocity._core.errors import QueryError
from velocity._core.filter import Filter
from velocity.py.operators.paths import (
    ABSENT,
    Fields,
    child,
    find_holder,
    kind_of,
    make_holder,
    store,
)
from velocity.py.order import compound_key, is_integer, order_key
from velocity.py.values import copied

PUSH_MODIFIERS = ("$each", "$slice", "$sort", "$position")


def has_operators(value: Any) -> bool:
    """Whether a value is an object with a name that begins with $."""
    if not isinstance(value, Mapping):
        return False
    return any(isinstance(name, str) and name.startswith("$") for name in value)


def _list_at(holder: Any, part: str) -> list[Any] | None:
    """The list there; None when nothing is."""
    old = child(holder, part)
    if old is ABSENT:
        return None
    if not isinstance(old, list):
        raise QueryError(f"the value there is not a list but {kind_of(old)}")
    return old


def _each(argument: Any, modifiers: tuple[str, ...]) -> list[Any]:
    """The items to add: those of $each, or the argument itself."""
    if not has_operators(argument):
        return [argument]
    for name in argument:
        if name not in modifiers:
            raise QueryError(f"{name}: unknown modifier; known: {' '.join(modifiers)}")
    if "$each" not in argument:
        raise QueryError(f"{next(iter(argument))}: wants $each beside it")
    items = argument["$each"]
    if not isinstance(items, (list, tuple)):
        raise QueryError(f"$each wants a list, not {kind_of(items)}")
    return list(items)


class Push(NamedTuple):
    """A $push that was read: add the items, then sort, then cut."""

    items: list[Any]
    position: int | None
    sort_key: Callable[[Any], bytes] | None
    slice: int | None


def read_push(argument: Any) -> Push:
    items = _each(argument, PUSH_MODIFIERS)
    if not has_operators(argument):
        return Push(items, None, None, None)
    for name in ("$slice", "$position"):
        if name in argument and not is_integer(argument[name]):
            raise QueryError(f"{name} wants a whole number, not {argument[name]!r}")
    key = _read_sort(argument["$sort"]) if "$sort" in argument else None
    return Push(items, argument.get("$position"), key, argument.get("$slice"))


def _read_sort(sort: Any) -> Callable[[Any], bytes]:
    """The key of elements for 1 or -1 (by the whole element) or {path: 1 or -1, ...}."""
    if is_integer(sort) and sort in (1, -1):
        return lambda item: compound_key([(item, sort)])
    if not isinstance(sort, Mapping) or not sort:
        raise QueryError(f"$sort wants 1, -1 or an object of paths with 1 or -1, not {sort!r}")
    for path, direction in sort.items():
        if not isinstance(path, str) or not all(path.split(".")):
            raise QueryError(f"$sort {path!r}: a path is a string without empty parts")
        if not is_integer(direction) or direction not in (1, -1):
            raise QueryError(f"$sort {path!r}: wants 1 or -1, not {direction!r}")
    fields = [(path.split("."), direction) for path, direction in sort.items()]
    return lambda item: compound_key(
        [(_value_inside(item, parts), direction) for parts, direction in fields]
    )


def _value_inside(item: Any, parts: list[str]) -> Any:
    """What a path leads to in an element; None when nothing, or when it is no object."""
    value = item if isinstance(item, dict) else ABSENT
    for part in parts:
        value = child(value, part)
    return None if value is ABSENT else value


def push(root: Fields, parts: list[str], change: Push) -> None:
    holder = make_holder(root, parts)
    items = list(_list_at(holder, parts[-1]) or ())
    # Python's slices count positions as $position does: from the end when below 0.
    at = len(items) if change.position is None else change.position
    items[at:at] = copied(change.items)
    if change.sort_key:
        items.sort(key=change.sort_key)
    if change.slice is not None:
        items = items[: change.slice] if change.slice >= 0 else items[change.slice :]
    store(holder, parts[-1], items)


def read_add_to_set(argument: Any) -> list[Any]:
    return _each(argument, ("$each",))


def add_to_set(root: Fields, parts: list[str], items: list[Any]) -> None:
    holder = make_holder(root, parts)
    old = _list_at(holder, parts[-1]) or []
    known = {order_key(item) for item in old}
    added = []
    for item in items:
        key = order_key(item)
        if key not in known:
            known.add(key)
            added.append(copied(item))
    store(holder, parts[-1], [*old, *added])


def read_pull(argument: Any) -> Callable[[Any], bool]:
    """Whether an element goes: by conditions on it or on its fields, or by being equal."""
    if isinstance(argument, Mapping):
        matches: Callable[[Any], bool] = Filter.of_value(argument).matches_value
        return matches
    key = order_key(argument)
    return lambda item: order_key(item) == key


def pull(root: Fields, parts: list[str], goes: Callable[[Any], bool]) -> None:
    holder = find_holder(root, parts)
    old = _list_at(holder, parts[-1])
    if old is not None:
        store(holder, parts[-1], [item for item in old if not goes(item)])


def read_pop(argument: Any) -> int:
    if not isinstance(argument, (int, float)) or argument not in (1, -1) or argument is True:
        raise QueryError(f"wants 1 (the last element) or -1 (the first), not {argument!r}")
    return int(argument)


def pop(root: Fields, parts: list[str], end: int) -> None:
    holder = find_holder(root, parts)
    old = _list_at(holder, parts[-1])
    if old is not None:
        store(holder, parts[-1], old[:-1] if end == 1 else old[1:])

"""Update operators on one value: $set $unset $inc $mul $min $max $rename.

Each takes the fields, the parts of a path and its argument, and changes the fields in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from velocity._core.errors import QueryError
from velocity.py.operators.paths import (
    ABSENT,
    Fields,
    child,
    find_holder,
    kind_of,
    make_holder,
    store,
)
from velocity.py.order import INT_MAX, INT_MIN, is_number, order_key
from velocity.py.values import copied


def set_value(root: Fields, parts: list[str], value: Any) -> None:
    store(make_holder(root, parts), parts[-1], copied(value))


def unset(root: Fields, parts: list[str], _value: Any) -> None:
    holder, last = find_holder(root, parts), parts[-1]
    if child(holder, last) is ABSENT:
        return
    if isinstance(holder, list):
        store(holder, last, None)  # a list keeps its length
    else:
        del holder[last]


def read_number(argument: Any) -> Any:
    if not is_number(argument):
        raise QueryError(f"wants a number, not {kind_of(argument)}")
    return argument


def _calculate(
    root: Fields, parts: list[str], start: Any, compute: Callable[[Any], Any]
) -> None:
    """Put compute(value) where the path leads; `start` where nothing is yet."""
    holder = make_holder(root, parts)
    old = child(holder, parts[-1])
    if old is ABSENT:
        store(holder, parts[-1], start)
        return
    if not is_number(old):
        raise QueryError(f"the value there is not a number but {kind_of(old)}")
    try:
        new = compute(old)
    except OverflowError:
        raise QueryError("the result does not fit a float") from None
    if isinstance(new, int) and not INT_MIN <= new <= INT_MAX:
        raise QueryError(f"the result {new} does not fit 64 bits")
    store(holder, parts[-1], new)


def increment(root: Fields, parts: list[str], amount: Any) -> None:
    _calculate(root, parts, amount, lambda old: old + amount)


def multiply(root: Fields, parts: list[str], factor: Any) -> None:
    zero = 0.0 if isinstance(factor, float) else 0
    _calculate(root, parts, zero, lambda old: old * factor)


def _set_if(
    root: Fields, parts: list[str], value: Any, better: Callable[[bytes, bytes], bool]
) -> None:
    """Set when nothing is there, or better(new, old) of the places in the order of values."""
    holder = make_holder(root, parts)
    old = child(holder, parts[-1])
    if old is ABSENT or better(order_key(value), order_key(old)):
        store(holder, parts[-1], copied(value))


def set_if_less(root: Fields, parts: list[str], value: Any) -> None:
    _set_if(root, parts, value, lambda new, old: new < old)


def set_if_greater(root: Fields, parts: list[str], value: Any) -> None:
    _set_if(root, parts, value, lambda new, old: new > old)


def rename(root: Fields, parts: list[str], target: Any) -> None:
    new_parts = target.split(".")
    for path in (parts, new_parts):
        _refuse_lists(root, path)
    holder = find_holder(root, parts)
    value = child(holder, parts[-1])
    if value is ABSENT:
        return
    del holder[parts[-1]]
    new_holder = make_holder(root, new_parts)
    if isinstance(new_holder, dict):
        new_holder.pop(new_parts[-1], None)  # the renamed field comes last, as a new one does
    store(new_holder, new_parts[-1], value)


def _refuse_lists(root: Fields, parts: list[str]) -> None:
    holder: Any = root
    for part in parts:
        if isinstance(holder, list):
            raise QueryError("the way leads through a list, where nothing can be renamed")
        holder = child(holder, part)

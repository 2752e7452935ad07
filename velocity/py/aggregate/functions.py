"""Expression operators that are plain functions of their arguments' values.

Each takes the place, for errors, and its arguments; MISSING stands for what is not there. A null or
missing argument of arithmetic gives null.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from velocity.py.aggregate.dates import DATE_PARTS
from velocity.py.aggregate.values import MISSING, fail, is_nullish, is_true, kind_of, value_key
from velocity.py.order import INT_MAX, INT_MIN, is_integer, is_number

_PLAIN = frozenset({str, int})  # types whose own order is that of values
ROUND_PLACES = range(-20, 101)


def _any_nullish(values: tuple[Any, ...]) -> bool:
    return any(value is None or value is MISSING for value in values)


def _check_numbers(place: str, values: tuple[Any, ...]) -> None:
    for value in values:
        if not is_number(value):
            fail(place, f"wants numbers, not {kind_of(value)}")


def _fitted(result: Any) -> Any:
    """A whole number past 64 bits becomes a float."""
    if isinstance(result, int) and not INT_MIN <= result <= INT_MAX:
        return float(result)
    return result


def _shifted(place: str, moment: datetime, milliseconds: float) -> datetime:
    try:
        return moment + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError):
        fail(place, "the result is no time that can be stored")


def add(place: str, *values: Any) -> Any:
    if _any_nullish(values):
        return None
    moments = [value for value in values if isinstance(value, datetime)]
    if len(moments) > 1:
        fail(place, "adds numbers to one time at most")
    numbers = tuple(value for value in values if not isinstance(value, datetime))
    _check_numbers(place, numbers)
    total = _fitted(sum(numbers))
    return _shifted(place, moments[0], total) if moments else total


def subtract(place: str, left: Any, right: Any) -> Any:
    if _any_nullish((left, right)):
        return None
    if isinstance(left, datetime):
        if isinstance(right, datetime):
            return (left - right) // timedelta(milliseconds=1)
        _check_numbers(place, (right,))
        return _shifted(place, left, -right)
    _check_numbers(place, (left, right))
    return _fitted(left - right)


def multiply(place: str, *values: Any) -> Any:
    if _any_nullish(values):
        return None
    _check_numbers(place, values)
    return _fitted(math.prod(values))


def divide(place: str, left: Any, right: Any) -> Any:
    if _any_nullish((left, right)):
        return None
    _check_numbers(place, (left, right))
    if right == 0:
        fail(place, "cannot divide by zero")
    return left / right


def modulo(place: str, left: Any, right: Any) -> Any:
    """With the sign of the dividend, as in C."""
    if _any_nullish((left, right)):
        return None
    _check_numbers(place, (left, right))
    if right == 0:
        fail(place, "cannot divide by zero")
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) % abs(right) * (-1 if left < 0 else 1)
    return math.nan if math.isinf(left) else math.fmod(left, right)


def absolute(place: str, value: Any) -> Any:
    if is_nullish(value):
        return None
    _check_numbers(place, (value,))
    return _fitted(abs(value))


def _whole(rounding: Callable[[Any], int]) -> Callable[[str, Any], Any]:
    def apply(place: str, value: Any) -> Any:
        if is_nullish(value):
            return None
        _check_numbers(place, (value,))
        if isinstance(value, int) or not math.isfinite(value):
            return value
        return float(rounding(value))

    return apply


def round_number(place: str, value: Any, digits: Any = 0) -> Any:
    """Half to even; digits below 0 round before the point."""
    if _any_nullish((value, digits)):
        return None
    _check_numbers(place, (value,))
    if not is_integer(digits) or digits not in ROUND_PLACES:
        fail(place, f"wants -20 to 100 digits, not {digits!r}")
    if isinstance(value, float) and not math.isfinite(value):
        return value
    return _fitted(round(value, digits))


def compare(left: Any, right: Any) -> int:
    """Below 0, 0, above 0, in the order of values of all types."""
    if type(left) is type(right) and type(left) in _PLAIN:
        return int(left > right) - int(left < right)
    a, b = value_key(left), value_key(right)
    return (a > b) - (a < b)


def _comparison(holds: Callable[[int], bool]) -> Callable[[str, Any, Any], bool]:
    return lambda _place, left, right: holds(compare(left, right))


def is_not(_place: str, value: Any) -> bool:
    return not is_true(value)


def _list_in(place: str, value: Any, what: str = "a list") -> list[Any]:
    if not isinstance(value, list):
        fail(place, f"wants {what}, not {kind_of(value)}")
    return value


def is_in(place: str, value: Any, items: Any) -> bool:
    key = value_key(value)
    return any(value_key(item) == key for item in _list_in(place, items, "a list to look in"))


def size(place: str, value: Any) -> int:
    return len(_list_in(place, value))


def element_at(place: str, items: Any, position: Any) -> Any:
    if _any_nullish((items, position)):
        return None
    _list_in(place, items)
    if not is_integer(position):
        fail(place, f"wants a whole number as position, not {kind_of(position)}")
    return items[position] if -len(items) <= position < len(items) else MISSING


def concatenate_lists(place: str, *values: Any) -> Any:
    if _any_nullish(values):
        return None
    return [item for value in values for item in _list_in(place, value)]


def merge_objects(place: str, *values: Any) -> Any:
    merged: dict[str, Any] = {}
    for value in values:
        if not is_nullish(value):
            if not isinstance(value, dict):
                fail(place, f"wants objects, not {kind_of(value)}")
            merged.update(value)
    return merged


def _check_text(place: str, value: Any) -> str:
    if not isinstance(value, str):
        fail(place, f"wants strings, not {kind_of(value)}")
    return value


def concatenate(place: str, *values: Any) -> Any:
    if _any_nullish(values):
        return None
    return "".join(_check_text(place, value) for value in values)


def lower(place: str, value: Any) -> str:
    """ASCII letters only, as MongoDB; null gives an empty string."""
    text = "" if is_nullish(value) else _check_text(place, value)
    return "".join(c.lower() if c.isascii() else c for c in text)


def upper(place: str, value: Any) -> str:
    text = "" if is_nullish(value) else _check_text(place, value)
    return "".join(c.upper() if c.isascii() else c for c in text)


def substring(place: str, value: Any, start: Any, count: Any) -> str:
    """By characters."""
    text = "" if is_nullish(value) else _check_text(place, value)
    for number in (start, count):
        if not is_integer(number) or number < 0:
            fail(place, f"wants whole numbers from 0 as start and count, not {number!r}")
    return text[start : start + count]


def text_size(place: str, value: Any) -> int:
    return len(_check_text(place, value))


def split(place: str, value: Any, separator: Any) -> Any:
    if _any_nullish((value, separator)):
        return None
    if not _check_text(place, separator):
        fail(place, "wants a separator that is not empty")
    return _check_text(place, value).split(separator)


Function = Callable[..., Any]

# name: (least arguments, most or 0 for any number, function)
FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "$add": (1, 0, add),
    "$subtract": (2, 2, subtract),
    "$multiply": (1, 0, multiply),
    "$divide": (2, 2, divide),
    "$mod": (2, 2, modulo),
    "$abs": (1, 1, absolute),
    "$ceil": (1, 1, _whole(math.ceil)),
    "$floor": (1, 1, _whole(math.floor)),
    "$round": (1, 2, round_number),
    "$cmp": (2, 2, lambda _place, left, right: compare(left, right)),
    "$eq": (2, 2, _comparison(lambda order: order == 0)),
    "$ne": (2, 2, _comparison(lambda order: order != 0)),
    "$gt": (2, 2, _comparison(lambda order: order > 0)),
    "$gte": (2, 2, _comparison(lambda order: order >= 0)),
    "$lt": (2, 2, _comparison(lambda order: order < 0)),
    "$lte": (2, 2, _comparison(lambda order: order <= 0)),
    "$not": (1, 1, is_not),
    "$in": (2, 2, is_in),
    "$size": (1, 1, size),
    "$isArray": (1, 1, lambda _place, value: isinstance(value, list)),
    "$arrayElemAt": (2, 2, element_at),
    "$concatArrays": (1, 0, concatenate_lists),
    "$mergeObjects": (1, 0, merge_objects),
    "$concat": (1, 0, concatenate),
    "$toLower": (1, 1, lower),
    "$toUpper": (1, 1, upper),
    "$substrCP": (3, 3, substring),
    "$strLenCP": (1, 1, text_size),
    "$split": (2, 2, split),
    **{f"${name}": (1, 1, function) for name, function in DATE_PARTS.items()},
}

"""Accumulators of $group, and of expressions over lists.

Sums are exact for ints and, for floats, kept in two doubles (Knuth's TwoSum), so that the order of
the documents does not show; group.c does the same steps and gets the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from velocity.py.aggregate.values import MISSING, value_key
from velocity.py.order import INT_MAX, INT_MIN, is_number


class Accumulator(Protocol):
    def add(self, value: Any) -> None: ...
    def result(self) -> Any: ...


class _Total:
    """Numbers added up; anything else is passed over."""

    __slots__ = ("count", "error", "floats", "high", "ints", "special")

    def __init__(self) -> None:
        self.count = 0  # numbers
        self.floats = 0  # of them floats
        self.ints = 0  # sum of the ints
        self.high = self.error = 0.0  # sum of the finite floats
        self.special = 0.0  # of the infinite ones and NaN

    def add(self, value: Any) -> None:
        if not is_number(value):
            return
        self.count += 1
        if isinstance(value, int):
            self.ints += value
            return
        self.floats += 1
        if math.isfinite(value):
            self._add_finite(value)
        else:
            self.special += value

    def _add_finite(self, value: float) -> None:
        high = self.high + value
        shadow = high - self.high
        self.error += (self.high - (high - shadow)) + (value - shadow)
        self.high = high

    def as_float(self) -> float:
        """The whole sum."""
        if self.special != 0.0:  # also when it is NaN
            return self.special
        whole = _Total()
        whole.high, whole.error = self.high, self.error
        ints = float(self.ints)
        whole._add_finite(ints)
        whole._add_finite(float(self.ints - int(ints)))
        return whole.high + whole.error if math.isfinite(whole.high) else whole.high


class Sum:
    """Ints stay an int, unless there are floats or the sum is past 64 bits."""

    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total = _Total()

    def add(self, value: Any) -> None:
        self._total.add(value)

    def result(self) -> Any:
        ints = self._total.ints
        if not self._total.floats and INT_MIN <= ints <= INT_MAX:
            return ints
        return self._total.as_float()


class Average:
    """A float; null when there was no number."""

    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total = _Total()

    def add(self, value: Any) -> None:
        self._total.add(value)

    def result(self) -> Any:
        return self._total.as_float() / self._total.count if self._total.count else None


class Smallest:
    """By the order of all types, passing over null and missing; null when there was none."""

    __slots__ = ("_key", "_value")

    def __init__(self) -> None:
        self._key: bytes | None = None
        self._value: Any = None

    def _better(self, key: bytes, best: bytes) -> bool:
        return key < best

    def add(self, value: Any) -> None:
        if value is None or value is MISSING:
            return
        key = value_key(value)
        if self._key is None or self._better(key, self._key):
            self._key, self._value = key, value

    def result(self) -> Any:
        return self._value


class Largest(Smallest):
    __slots__ = ()

    def _better(self, key: bytes, best: bytes) -> bool:
        return key > best


class Count:
    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def add(self, value: Any) -> None:
        self._count += 1

    def result(self) -> int:
        return self._count


class First:
    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: Any = None  # a 1-tuple once there is one

    def add(self, value: Any) -> None:
        if self._value is None:
            self._value = (value,)

    def result(self) -> Any:
        return None if self._value is None or self._value[0] is MISSING else self._value[0]


class Last(First):
    __slots__ = ()

    def add(self, value: Any) -> None:
        self._value = (value,)


class Push:
    """Every value but the missing ones."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        if value is not MISSING:
            self._values.append(value)

    def result(self) -> list[Any]:
        return self._values


class AddToSet(Push):
    """Every different value once; in the order in which they came."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        super().__init__()
        self._known: set[bytes] = set()

    def add(self, value: Any) -> None:
        key = value_key(value)
        if value is not MISSING and key not in self._known:
            self._known.add(key)
            self._values.append(value)


NUMERIC = ("$sum", "$avg", "$min", "$max")
ACCUMULATORS: dict[str, Callable[[], Accumulator]] = {
    "$sum": Sum,
    "$avg": Average,
    "$min": Smallest,
    "$max": Largest,
    "$count": Count,
    "$first": First,
    "$last": Last,
    "$push": Push,
    "$addToSet": AddToSet,
}

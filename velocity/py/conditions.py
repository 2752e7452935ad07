"""What a filter says of each path, for the planner: equalities and ranges of values.

Only what an index can answer is taken from the filter; `exact` tells whether that is all of it. The
filter itself has been checked by the time this is called (filter.pyx), so nothing is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_SPECIAL = set("\\.^$*+?{}[]|()")
_QUANTIFIERS = set("*?{")
_SCALARS = (type(None), bool, int, float, str, bytes, datetime)
_LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True)
class Bound:
    """One end of a range; included: the value itself is in it."""

    value: Any
    included: bool


@dataclass
class Limits:
    """What is known of the values at one path: one of `equal`, or between two bounds."""

    equal: list[Any] | None = None
    low: Bound | None = None
    high: Bound | None = None
    exact: bool = True

    def meet(self, other: Limits) -> None:
        """Both hold. What cannot be said with one set of limits is left to the filter."""
        if self.equal is None and other.equal is not None:
            self.equal = other.equal
            self.exact = self.exact and other.exact and not self.bounded
            self.low = self.high = None
            return
        clash = other.equal is not None or (self.equal is not None and other.bounded)
        if self.equal is None:
            clash |= bool((self.low and other.low) or (self.high and other.high))
            self.low = self.low or other.low
            self.high = self.high or other.high
        self.exact = self.exact and other.exact and not clash

    @property
    def bounded(self) -> bool:
        return self.low is not None or self.high is not None

    @property
    def usable(self) -> bool:
        return self.equal is not None or self.bounded


@dataclass
class Conditions:
    """A filter as the planner sees it: limits by path, which must all hold, and for each $or its
    alternatives. exact: `paths` say everything."""

    paths: dict[str, Limits] = field(default_factory=dict)
    alternatives: list[list[Conditions]] = field(default_factory=list)
    exact: bool = True

    def all_exact(self) -> bool:
        return self.exact and not self.alternatives and all(
            limits.exact and limits.usable for limits in self.paths.values()
        )

    def constants(self) -> dict[str, Any]:
        """The paths that can have one value only."""
        return {
            path: limits.equal[0]
            for path, limits in self.paths.items()
            if limits.equal is not None and len(limits.equal) == 1
        }


def conditions_of(filter: Mapping[str, Any]) -> Conditions:
    """What the planner can know of a filter."""
    found = Conditions()
    _collect(filter, found)
    return found


def _collect(filter: Mapping[str, Any], found: Conditions) -> None:
    for name, wanted in filter.items():
        if name == "$and":
            for each in wanted:
                _collect(each, found)
        elif name == "$or":
            found.alternatives.append([conditions_of(each) for each in wanted])
        elif name.startswith("$"):
            found.exact = False
        else:
            limits = _limits_of(wanted)
            if name in found.paths:
                found.paths[name].meet(limits)
            else:
                found.paths[name] = limits


def _limits_of(wanted: Any) -> Limits:
    if not isinstance(wanted, Mapping) or not any(
        isinstance(key, str) and key.startswith("$") for key in wanted
    ):
        return _one_of([wanted])
    limits: Limits | None = None
    for operator, argument in wanted.items():
        one = _limits_of_operator(operator, argument, wanted)
        if limits is None:
            limits = one
        else:
            limits.meet(one)
    return limits if limits is not None else Limits(exact=False)


def _limits_of_operator(operator: str, argument: Any, wanted: Mapping[str, Any]) -> Limits:
    if operator == "$eq":
        return _one_of([argument])
    if operator == "$in":
        return _one_of(list(argument))
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        return _range_of(operator, argument)
    if operator == "$regex" and isinstance(argument, str) and "$options" not in wanted:
        return _prefix_of(argument)
    return Limits(exact=False)


def _one_of(values: list[Any]) -> Limits:
    """Lists match as a whole or by an element, and objects whatever the order of their fields: both
    are left to the filter."""
    if all(isinstance(value, _SCALARS) for value in values):
        return Limits(equal=values)
    return Limits(exact=False)


def _range_of(operator: str, argument: Any) -> Limits:
    if argument is None or not isinstance(argument, _SCALARS) or argument != argument:
        return Limits(exact=False)
    bound = Bound(argument, operator.endswith("e"))
    if operator.startswith("$gt"):
        return Limits(low=bound)
    return Limits(high=bound)  # the range leaves out what is not a number, as the filter does


def _prefix_of(pattern: str) -> Limits:
    """A pattern that begins with ^ and characters that stand for themselves only fits strings that
    begin with them."""
    if not pattern.startswith("^") or "|" in pattern:
        return Limits(exact=False)
    literals: list[str] = []
    rest = iter(pattern[1:])
    for character in rest:
        if character == "\\":
            character = next(rest, "")
            if not character or character.isalnum():
                break  # a class, or a reference
        elif character in _SPECIAL:
            if character in _QUANTIFIERS:
                del literals[-1:]
            break
        literals.append(character)
    prefix = "".join(literals)
    after = _after_prefix(prefix)
    if not prefix or after is None:
        return Limits(exact=False)
    return Limits(low=Bound(prefix, True), high=Bound(after, False), exact=False)


def _after_prefix(prefix: str) -> str | None:
    """The first string after all that begin with the prefix, in the order of code points."""
    while prefix:
        code = ord(prefix[-1])
        if code < _LAST_CODE_POINT:
            return prefix[:-1] + chr(0xE000 if code == 0xD7FF else code + 1)
        prefix = prefix[:-1]
    return None

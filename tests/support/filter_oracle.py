"""Filters evaluated the plain way, on Python values: what the compiled ones are held against.

Written from MongoDB's documentation of its query operators, not from the core: it knows nothing of
encodings. No care for speed, none for errors: filters are taken to be valid.
"""

from __future__ import annotations

import math
import re
from datetime import datetime

MISSING = object()
_CLASSES = ((bool, 6), (int, 1), (float, 1), (str, 2), (dict, 3), (list, 4), (tuple, 4), (bytes, 5),
            (datetime, 7))
_TYPES = {
    "null": lambda v: v is None,
    "bool": lambda v: isinstance(v, bool),
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "double": lambda v: isinstance(v, float),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "binData": lambda v: isinstance(v, bytes),
    "date": lambda v: isinstance(v, datetime),
}


def value_class(value):
    """Where a type stands in the order of types."""
    if value is None or value is MISSING:
        return 0
    return next(number for kind, number in _CLASSES if isinstance(value, kind))


def order(a, b):
    """-1, 0 or 1: two values in the one order of all values."""
    if value_class(a) != value_class(b):
        return -1 if value_class(a) < value_class(b) else 1
    if value_class(a) == 0:
        return 0
    if value_class(a) == 1:
        if a != a or b != b:
            return (b != b) - (a != a)
    elif isinstance(a, str):
        a, b = a.encode(), b.encode()
    elif isinstance(a, list):
        for x, y in zip(a, b):
            if order(x, y):
                return order(x, y)
        a, b = len(a), len(b)
    elif isinstance(a, dict):
        for (name, x), (other, y) in zip(sorted(a.items()), sorted(b.items())):
            if order(name, other):
                return order(name, other)
            if order(x, y):
                return order(x, y)
        a, b = len(a), len(b)
    return (a > b) - (a < b)


def places(value, parts):
    """What a path leads to, each with whether the last part was a position in a list."""
    if not parts:
        return [(value, False)]
    if isinstance(value, dict):
        return places(value.get(parts[0], MISSING), parts[1:])
    if not isinstance(value, list):
        return [(MISSING, False)]
    found = []
    if parts[0].isdigit() and int(parts[0]) < len(value) and str(int(parts[0])) == parts[0]:
        there = value[int(parts[0])]
        found += [(there, True)] if len(parts) == 1 else places(there, parts[1:])
    for element in value:
        if isinstance(element, dict):
            found += places(element, parts)
    return found


def compares(op, value, wanted):
    if value_class(value) != value_class(wanted):
        return False
    numbers = [x for x in (value, wanted) if isinstance(x, float) and math.isnan(x)]
    if numbers:
        return len(numbers) == 2 and op in ("$gte", "$lte")
    result = order(value, wanted)
    return {"$gt": result > 0, "$gte": result >= 0, "$lt": result < 0, "$lte": result <= 0}[op]


def pattern_of(argument, options=""):
    if isinstance(argument, re.Pattern):
        return argument
    flags = 0
    for letter in options:
        flags |= getattr(re, letter.upper())
    return re.compile(argument, flags)


def is_pattern(value):
    return isinstance(value, re.Pattern) or (isinstance(value, dict) and "$regex" in value)


def equals_or_fits(value, wanted):
    """Equality, or the pattern that stands in its place."""
    if isinstance(wanted, dict) and "$regex" in wanted:
        wanted = pattern_of(wanted["$regex"], wanted.get("$options", ""))
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.search(value) is not None
    return order(value, wanted) == 0


def has_remainder(value, divisor, remainder):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if not math.isfinite(value) or not -(2**63) <= int(value) < 2**63:
        return False
    return math.fmod(int(value), int(divisor)) == int(remainder) if abs(value) < 2**50 else \
        (abs(int(value)) % abs(int(divisor))) * (1 if value >= 0 else -1) == int(remainder)


def one_value(op, value, argument, operators):
    """An operator on one value; no list is looked into."""
    if op == "$eq":
        return order(value, argument) == 0
    if op in ("$gt", "$gte", "$lt", "$lte"):
        return compares(op, value, argument)
    if op == "$in":
        return any(equals_or_fits(value, wanted) for wanted in argument)
    if op == "$exists":
        return value is not MISSING
    if value is MISSING:
        return False
    if op == "$type":
        wanted = argument if isinstance(argument, list) else [argument]
        return any(_TYPES[name](value) for name in wanted)
    if op == "$size":
        return isinstance(value, list) and len(value) == argument
    if op == "$mod":
        return has_remainder(value, *argument)
    if op == "$regex":
        return equals_or_fits(value, pattern_of(argument, operators.get("$options", "")))
    assert op == "$elemMatch", op
    return isinstance(value, list) and any(element_matches(v, argument) for v in value)


def element_matches(element, condition):
    operators = condition and all(name.startswith("$") for name in condition)
    if operators and not set(condition) & {"$and", "$or", "$nor"}:
        return conditions_hold(condition, lambda op, argument, operators: one_value(
            op, element, argument, operators))
    return isinstance(element, dict) and matches(element, condition)


def conditions_hold(operators, test):
    """All operators of one object; test says of one that is not composed of others, given those
    beside it."""
    for op, argument in operators.items():
        if op == "$options":
            continue
        if op == "$ne":
            holds = not test("$eq", argument, operators)
        elif op == "$nin":
            holds = not test("$in", argument, operators)
        elif op == "$exists" and not argument:
            holds = not test("$exists", True, operators)
        elif op == "$not":
            inner = {"$regex": argument} if is_pattern(argument) else argument
            inner = argument if isinstance(argument, dict) else inner
            holds = not conditions_hold(inner, test)
        elif op == "$all":
            holds = bool(argument) and all(
                test("$elemMatch", wanted["$elemMatch"], {})
                if isinstance(wanted, dict) and "$elemMatch" in wanted else test("$in", [wanted], {})
                for wanted in argument)
        else:
            holds = test(op, argument, operators)
        if not holds:
            return False
    return True


def field_matches(document, path, condition):
    found = places(document, path.split("."))

    def test(op, argument, operators):
        for value, at_position in found:
            if one_value(op, value, argument, operators):
                return True
            looks_inside = op not in ("$exists", "$size", "$elemMatch")
            if looks_inside and isinstance(value, list) and not at_position:
                if any(one_value(op, element, argument, operators) for element in value):
                    return True
        return False

    if isinstance(condition, dict) and condition and all(n.startswith("$") for n in condition):
        return conditions_hold(condition, test)
    return test("$in", [condition], {})


def matches(document, spec):
    """Whether a document matches a filter."""
    for name, condition in spec.items():
        if name == "$and":
            holds = all(matches(document, branch) for branch in condition)
        elif name in ("$or", "$nor"):
            holds = any(matches(document, branch) for branch in condition) == (name == "$or")
        else:
            holds = field_matches(document, name, condition)
        if not holds:
            return False
    return True

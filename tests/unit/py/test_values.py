"""Equality outside the core is the core's: the same cases are put to compare-and-swap."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

import velocity
from velocity.py.values import copied, fields_match, values_equal

NAN = float("nan")
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
PAIRS = [
    (1, 1.0, True),
    (2**53 + 1, float(2**53), False),
    (1, True, False),
    (0, False, False),
    (True, True, True),
    (None, False, False),
    (NAN, NAN, True),
    (NAN, 1.0, False),
    (0.0, -0.0, True),
    ("a", "a", True),
    ("a", b"a", False),
    (b"a", b"a", True),
    ([1, (2.0, 3)], (1, [2, 3.0]), True),
    ([1], [True], False),
    ([1], [1, 1], False),
    ([], {}, False),
    ([], None, False),
    ({"a": 1, "b": [NAN]}, {"b": [NAN], "a": 1.0}, True),
    ({"a": None}, {}, False),
    (NOON, NOON.astimezone(timezone(timedelta(hours=2))), True),
    (NOON, NOON + timedelta(microseconds=1), False),
    (NOON, 5, False),
]


@pytest.mark.parametrize(("a", "b", "equal"), PAIRS, ids=repr)
def test_equal(a, b, equal):
    assert values_equal(a, b) is equal
    assert values_equal(b, a) is equal
    with velocity.open() as db:
        jobs = db.create_collection("jobs")
        jobs.put("p", {"v": a})
        assert jobs.compare_and_swap("p", {"v": b}, {}).success is equal


def test_fields():
    assert fields_match({"a": 1, "b": 2}, {"a": 1})
    assert fields_match({"a": 1}, {"missing": None})
    assert not fields_match({"a": 1}, {"a": None})
    assert fields_match({}, {})


def test_copies_are_deep():
    value = {"a": [1, {"b": (2, 3)}]}
    copy = copied(value)
    assert copy == {"a": [1, {"b": [2, 3]}]}
    copy["a"][1]["b"].append(4)
    assert value == {"a": [1, {"b": (2, 3)}]}

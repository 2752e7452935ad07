"""What the planner takes from a filter as ranges of an index never loses or adds a document."""

from __future__ import annotations

import re

import pytest

import velocity
from support.filter_oracle import matches

WORDS = ["", "a", "ab", "abb", "abc", "ac", "b", "ba", "aB", "A", "a1", "a.b", "a\\", "a|b", "\ud7ff", "\ud7ffa", "\ue000",
         "\U0010ffff", "\U0010ffffa"]  # fmt: skip
PATTERNS = [
    "^a", "^ab", "^ab*", "^ab?c", "^ab{0}c", "^ab+", "^a|b", "^(a|b)", "^a\\.b", "^a\\d", "^a\\\\", "^a.b", "^a[b]", "b", "^",
    "^\ud7ff", "^\U0010ffff", "^a$", "^\\ba", "^ab\\*", "^a\\|b",
]  # fmt: skip
CONDITIONS = [
    {"$gt": 5, "$eq": 3}, {"$eq": 3, "$gt": 5}, {"$gt": 1, "$eq": 3}, {"$eq": 3, "$in": [1, 2]}, {"$in": [1, 3], "$eq": 3},
    {"$gt": 1, "$gte": 3}, {"$gte": 3, "$gt": 4}, {"$lt": 5, "$lte": 2}, {"$gt": 3, "$lt": 3}, {"$gte": 3, "$lte": 3},
    {"$gt": 3, "$lte": "a"}, {"$gte": float("nan")}, {"$lte": float("nan")}, {"$eq": float("nan")}, {"$gt": None},
    {"$gte": None}, {"$in": []}, {"$in": [None, 3]}, {"$gt": 2, "$ne": 3}, {"$gte": True, "$lt": 3}, {"$gt": ""},
]  # fmt: skip
VALUES = [None, 1, 2, 3, 3.0, 3.5, 4, 5, 6, float("nan"), float("inf"), -1, "", "a", "b", True, False, b"", [], [3], [1, 6], {}]


@pytest.fixture(params=["v", "-v"])
def filled(request, monkeypatch):
    """An index before any scan."""
    monkeypatch.setattr("velocity.py.plan.COST_FETCH", 0)
    monkeypatch.setattr("velocity.py.plan.COST_SEEK", 0)

    def fill(values):
        c = velocity.open().create_collection("c")
        c.put_many((f"d{n}", {"v": value}) for n, value in enumerate(values))
        c.put("missing", {})
        c.create_index(request.param)
        return c

    return fill


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("options", [None, "i"])
def test_patterns(filled, pattern, options):
    c = filled(WORDS)
    spec = {"v": {"$regex": pattern} | ({"$options": options} if options else {})}
    compiled = re.compile(pattern, re.IGNORECASE if options else 0)
    wanted = [word for word in WORDS if compiled.search(word)]
    assert sorted(each["v"] for each in c.find(spec)) == sorted(wanted)
    assert c.count(spec) == len(wanted)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_several_conditions_on_a_field(filled, condition, lists):
    c = filled([value for value in VALUES if lists or not isinstance(value, list)])
    spec = {"v": condition}
    wanted = sorted(each.id for each in c.scan() if matches(each.fields, spec))
    for _ in range(2):
        assert sorted(each.id for each in c.find(spec, limit=50)) == wanted
    assert c.count(spec) == len(wanted)


def test_null_and_lists_with_nothing_at_the_path(monkeypatch):
    """Seen once: the index has such a list under null, and the filter does not match it."""
    monkeypatch.setattr("velocity.py.plan.COST_FETCH", 0)
    values = {"empty": [], "list": [{"x": 1}], "object": {"x": 2}, "null": {"x": None}, "bare": [{}]}
    c = velocity.open().create_collection("c")
    c.put_many((id, {"a": value}) for id, value in values.items())
    c.create_index("a.x")
    for value in (1, 1, None, None):  # also by the plan that the value before has left
        for spec in ({"a.x": value}, {"a.x": {"$in": [value, 7]}}):
            wanted = sorted(each.id for each in c.scan() if matches(each.fields, spec))
            assert sorted(each.id for each in c.find(spec, limit=5)) == wanted
            assert c.count(spec) == len(wanted)

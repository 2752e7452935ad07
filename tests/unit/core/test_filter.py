"""Each filter operator, with the examples of MongoDB's documentation, and what each refuses."""

from __future__ import annotations

import re
import threading
import time

import pytest

import velocity
from velocity import QueryError
from velocity._core.filter import Filter

INVENTORY = [
    {"item": "journal", "qty": 25, "size": {"h": 14, "w": 21, "uom": "cm"}, "status": "A",
     "tags": ["blank", "red"], "dim_cm": [14, 21]},
    {"item": "notebook", "qty": 50, "size": {"h": 8.5, "w": 11, "uom": "in"}, "status": "A",
     "tags": ["red", "blank"], "dim_cm": [14, 21]},
    {"item": "paper", "qty": 100, "size": {"h": 8.5, "w": 11, "uom": "in"}, "status": "D",
     "tags": ["red", "blank", "plain"], "dim_cm": [14, 21]},
    {"item": "planner", "qty": 75, "size": {"h": 22.85, "w": 30, "uom": "cm"}, "status": "D",
     "tags": ["blank", "red"], "dim_cm": [22.85, 30]},
    {"item": "postcard", "qty": 45, "size": {"h": 10, "w": 15.25, "uom": "cm"}, "status": "A",
     "tags": ["blue"], "dim_cm": [10, 15.25],
     "instock": [{"warehouse": "B", "qty": 15}, {"warehouse": "C", "qty": 35}]},
    {"item": None}, {},
]  # fmt: skip

EXAMPLES = [
    ({}, "journal notebook paper planner postcard None missing"),
    ({"status": "D"}, "paper planner"),
    ({"status": {"$in": ["A", "D"]}}, "journal notebook paper planner postcard"),
    ({"status": "A", "qty": {"$lt": 30}}, "journal"),
    ({"$or": [{"status": "A"}, {"qty": {"$lt": 30}}]}, "journal notebook postcard"),
    ({"status": "A", "$or": [{"qty": {"$lt": 30}}, {"item": {"$regex": "^p"}}]},
     "journal postcard"),
    ({"size": {"h": 14, "w": 21, "uom": "cm"}}, "journal"),
    ({"size": {"w": 21, "h": 14, "uom": "cm"}}, "journal"),  # whatever the order, other than there
    ({"size.uom": "in"}, "notebook paper"),
    ({"size.h": {"$lt": 15}, "size.uom": "in", "status": "D"}, "paper"),
    ({"tags": ["red", "blank"]}, "notebook"),
    ({"tags": {"$all": ["red", "blank"]}}, "journal notebook paper planner"),
    ({"tags": "red"}, "journal notebook paper planner"),
    ({"dim_cm": {"$gt": 25}}, "planner"),
    ({"dim_cm": {"$gt": 15, "$lt": 20}}, "journal notebook paper postcard"),
    ({"dim_cm": {"$elemMatch": {"$gt": 22, "$lt": 30}}}, "planner"),
    ({"dim_cm.1": {"$gt": 25}}, "planner"),
    ({"tags": {"$size": 3}}, "paper"),
    ({"instock": {"warehouse": "B", "qty": 15}}, "postcard"),
    ({"instock": {"$elemMatch": {"qty": 15, "warehouse": "B"}}}, "postcard"),
    ({"instock": {"$elemMatch": {"qty": 15, "warehouse": "C"}}}, ""),
    ({"instock.qty": 15, "instock.warehouse": "C"}, "postcard"),
    ({"instock.0.qty": {"$lte": 20}}, "postcard"),
    ({"instock.1.qty": {"$lte": 20}}, ""),
    ({"item": None}, "None missing"),
    ({"item": {"$type": 10}}, "None"),
    ({"item": {"$exists": False}}, "missing"),
    ({"item": {"$ne": None}}, "journal notebook paper planner postcard"),
    ({"qty": {"$nin": [25, 50, 75]}}, "paper postcard None missing"),
    ({"qty": {"$mod": [50, 0]}}, "notebook paper"),
    ({"qty": {"$not": {"$gt": 45}}}, "journal postcard None missing"),
    ({"item": {"$not": re.compile("^p")}}, "journal notebook None missing"),
    ({"item": {"$in": [re.compile("^no"), "paper"]}}, "notebook paper"),
    ({"item": re.compile("CARD$", re.I)}, "postcard"),
    ({"item": {"$regex": "CARD$", "$options": "i"}}, "postcard"),
    ({"$nor": [{"status": "A"}, {"qty": 100}]}, "planner None missing"),
    ({"qty": {"$type": "number"}, "size.h": {"$type": ["double"]}}, "notebook paper planner"),
    ({"tags": {"$type": "array"}, "dim_cm": {"$type": "float"}}, "planner postcard"),
    ({"tags": {"$all": []}}, ""),
    ({"tags": {"$in": []}}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "items"), EXAMPLES, ids=str)
def test_examples_of_the_documentation(spec, items):
    compiled = Filter(spec)
    found = [str(d.get("item", "missing")) for d in INVENTORY if compiled.matches(d)]
    assert " ".join(found) == items


REFUSED = [
    (5, "a filter must be a dict or another Mapping, not int"),
    ({1: 2}, "a field's name must be a str, not int"),
    ({"$foo": 1}, r"\$foo: no operator that may stand here"),
    ({"age": {"$foo": 1}}, r"age: \$foo: no operator"),
    ({"age": {"$gt": 1, "b": 2}}, r"age: operators and fields in one object \(\$gt, b\)"),
    ({"a..b": 1}, r"a\.\.b: a path is"),
    ({"": 1}, "'': a path is"),
    ({"\ud800": 1}, "lone surrogate"),
    ({"age": {"$gte": 2**63}}, r"age: \$gte: an int must be"),
    ({"age": object()}, "age: a value of type 'object'"),
    ({"age": {"$in": 3}}, r"age: \$in: wants a list, not int"),
    ({"age": {"$in": [1, object()]}}, r"age: \$in: \[1\]: a value of type"),
    ({"age": {"$in": [{"$gt": 1}]}}, r"age: \$in: \$gt: no operator but \$regex"),
    ({"name": {"$regex": "("}}, r"name: \$regex: bad pattern '\('"),
    ({"name": {"$regex": "a", "$options": "q"}}, r"\$options: 'q' is no option"),
    ({"name": {"$options": "i"}}, r"name: \$options: stands beside \$regex only"),
    ({"name": {"$regex": 5}}, r"name: \$regex: wants a pattern"),
    ({"a": {"$size": -1}}, r"a: \$size: .* 0 or more, not -1"),
    ({"a": {"$size": 1.5}}, r"a: \$size: .* not 1.5"),
    ({"a": {"$mod": [0, 1]}}, r"a: \$mod: the divisor must not be 0"),
    ({"a": {"$mod": [4]}}, r"a: \$mod: wants a list of two numbers"),
    ({"a": {"$mod": [float("nan"), 0]}}, r"a: \$mod: the divisor must be a number that fits"),
    ({"a": {"$type": "text"}}, r"a: \$type: 'text' is no type; known: null"),
    ({"a": {"$type": []}}, r"a: \$type: .* empty list"),
    ({"a": {"$exists": "yes"}}, r"a: \$exists: wants True or False, not str"),
    ({"a": {"$not": 5}}, r"a: \$not: wants an object of operators or a pattern, not 5"),
    ({"a": {"$all": 1}}, r"a: \$all: wants a list"),
    ({"a": {"$elemMatch": 1}}, r"a: \$elemMatch: wants an object"),
    ({"$or": []}, r"\$or: wants a list of one or more filters"),
    ({"$or": [{"a": 1}, {"b": {"$size": "x"}}]}, r"\$or: \[1\]: b: \$size: the size must be"),
    ({"a": {"$in": list(range(3)), "$nin": ["x" * 2**23, "y" * 2**23]}}, "bytes of values"),
    ({"$or": [{"a": n} for n in range(10001)]}, "may have 10000 conditions"),
]


@pytest.mark.parametrize(("spec", "says"), REFUSED, ids=lambda v: str(v)[:60])
def test_what_cannot_be_understood_is_refused_with_its_place(spec, says):
    with pytest.raises(QueryError, match=says):
        Filter(spec)


@pytest.mark.parametrize("wrap", [lambda f: {"$and": [f]}, lambda f: {"a": {"$elemMatch": f}}])
def test_depth_is_bounded(wrap):
    spec = {"a": 1}
    for _ in range(100):
        spec = wrap(spec)
    Filter(spec)
    with pytest.raises(QueryError, match="nested more than 100 deep"):
        Filter(wrap(spec))


def test_a_catastrophic_pattern_is_bounded():
    slow = Filter({"name": {"$regex": r"^(?:(?:x|x|x)*)*\1?(?=.*y)(x|xx)+(x|xx)+(x|xx)+$"}})
    assert not slow.matches({"name": 5})
    began = time.monotonic()
    with pytest.raises(QueryError, match=r"name: \$regex: .* took longer than 1 s"):
        slow.matches({"name": "x" * 4000 + "z"})
    assert time.monotonic() - began < 30


def test_values():
    assert Filter.of_value({"$gt": 3}).matches_value(5)
    assert not Filter.of_value({"$gt": 3}).matches_value([5])
    assert Filter.of_value({"a": {"$gt": 3}, "b": 1}).matches_value({"a": 4, "b": 1.0})
    assert not Filter.of_value({"a": 1}).matches_value([{"a": 1}])
    assert Filter.of_value([1, 2]).matches_value([1, 2])
    assert Filter.of_value(re.compile("x")).matches_value("axb")
    with pytest.raises(QueryError, match="value of type 'object'"):
        Filter.of_value(object())


def test_a_filter_is_of_one_collection():
    with velocity.open() as db:
        a, b = db.create_collection("a"), db.create_collection("b")
        with pytest.raises(ValueError, match="another collection"):
            b._count_filter(a._filter({"n": 1}))


def test_scans_of_patterns_count_and_skip_what_python_decides():
    with velocity.open() as db:
        c = db.create_collection("c")
        c.put_many((f"d{n:05}", {"n": n, "text": f"number {n}"}) for n in range(9000))
        spec = {"text": {"$regex": r"[0-9]+7$"}, "n": {"$lt": 5000}}
        wanted = {f"d{n:05}" for n in range(10, 5000) if n % 10 == 7}
        assert c.count(spec) == len(wanted)
        assert {d.id for d in c._scan_filter(spec)} == wanted
        assert len(c._scan_filter(spec, 20, 10)) == 20
        assert len(c._scan_filter(spec, 20, len(wanted) - 5)) == 5
        assert c._scan_filter(spec, 0) == []


def test_scans_beside_writers():
    """A document that matches throughout is found, one that never matches is not."""
    with velocity.open() as db:
        c = db.create_collection("c")
        c.put_many((f"d{n}", {"n": n, "keep": n % 2 == 0}) for n in range(5000))
        stop = threading.Event()

        def write():
            n = 0
            while not stop.is_set():
                n += 1
                c.update(f"d{n % 5000}", {f"extra {n % 300}": n})
                c.put(f"new {n}", {"n": n})

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(20):
                found = c._scan_filter({"keep": True, "missing.too": None})
                assert {d.id for d in found} == {f"d{n}" for n in range(0, 5000, 2)}
        finally:
            stop.set()
            writer.join()

"""Every kind of value: exactly back from memory and from disk, and what may not be stored."""

from __future__ import annotations

import enum
import functools
from collections import OrderedDict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings

from support import strategies
from support.same import same
from velocity import SchemaError

NAN = float("nan")
UTC = timezone.utc
VALUES = {
    "none": None,
    "true": True,
    "false": False,
    "zero": 0,
    "small ints": [-200, -129, -128, -17, -16, -1, 1, 111, 112, 127, 128, 255, 256],
    "int edges": [
        2**15 - 1,
        2**15,
        -(2**15) - 1,
        2**31 - 1,
        2**31,
        -(2**31),
        -(2**31) - 1,
        2**53 + 1,
    ],
    "int limits": [2**63 - 1, -(2**63)],
    "floats": [
        0.0,
        -0.0,
        1.0,
        1.5,
        -2.25,
        1e308,
        5e-324,
        2.0**53,
        float("inf"),
        float("-inf"),
        NAN,
    ],
    "texts": ["", "a", "x" * 63, "x" * 64, "x" * 255, "x" * 256, "x" * 70000, "\0", "line\nbreak"],
    "unicode": ["é", "€" * 100, "\U0001f600", "ñ" * 128, "\uffff", "\u0301combining", "混" * 30000],
    "bytes": [b"", b"\0", bytes(range(256)), b"x" * 70000],
    "times": [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 30, 1, 2, 3, 4, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2020, 6, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(2020, 6, 1, tzinfo=timezone(-timedelta(hours=11, minutes=30))),
    ],
    "lists": [[], [[]], [1, "a", None, [2, [3, {}]]], list(range(1000)), [None] * 300],
    "objects": [
        {},
        {"": {}},
        {"a": {"b": {"c": [1, {"d": None}]}}},
        {f"k{n}": n for n in range(1000)},
    ],
    "text like numbers": ["1", "1.0", "true", "null", "NaN"],
}


@pytest.mark.parametrize("name", VALUES)
def test_round_trip(name, users):
    value = VALUES[name]
    users.put("a", {"value": value, name: value})
    assert same(users["a"].fields, {"value": value, name: value})
    assert same(users["a"]["value"], value)
    assert same(users.get_many(["a"])[0].to_dict()["value"], value)
    assert same(next(iter(users.scan())).get(name), value)


def test_round_trip_through_a_reopen(durable):
    users = durable.open().create_collection("users")
    for name, value in VALUES.items():
        users.put(name, {"value": value, name: [value]})
    users = durable.reopen()["users"]
    for name, value in VALUES.items():
        assert same(users[name].fields, {"value": value, name: [value]}), name


def test_types_stay_what_they_were(users):
    users.put("a", {"int": 1, "float": 1.0, "bool": True, "text": "1", "bytes": b"1"})
    assert {name: type(value) for name, value in users["a"].items()} == {
        "int": int,
        "float": float,
        "bool": bool,
        "text": str,
        "bytes": bytes,
    }


def test_tuples_come_back_as_lists(users):
    users.put("a", {"n": (1, (2, ()), {"x": (3,)})})
    assert same(users["a"]["n"], [1, [2, []], {"x": [3]}])


def test_mappings_come_back_as_dicts(users):
    users.put("a", OrderedDict(b=1, a=OrderedDict(c=2)))
    assert same(users["a"].fields, {"b": 1, "a": {"c": 2}})


@functools.lru_cache
def made_documents():
    """Many made documents, id -> fields."""
    made = {}

    @settings(max_examples=150)
    @given(strategies.ids, strategies.documents)
    def make(id, fields):
        made[id] = fields

    make()
    return made


def test_any_document_in_one_database(durable):
    """Names are shared by a collection, and kept across a reopen."""
    expected = made_documents()
    users = durable.open().create_collection("users")
    for id, fields in expected.items():
        users.put(id, fields)
    assert {doc.id for doc in users.scan()} == expected.keys()
    check_documents(users, expected)
    check_documents(durable.reopen()["users"], expected)


def check_documents(users, expected):
    for id, fields in expected.items():
        assert same(users[id].fields, fields)
        for name, value in fields.items():
            assert same(users[id][name], value)


def nested(depth, leaf=1):
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def test_nesting_has_a_limit_that_is_an_error(users):
    users.put("a", {"n": nested(100)})
    assert users["a"].fields == {"n": nested(100)}
    for depth in (200, 5000, 100_000):
        with pytest.raises(SchemaError, match="nest|deep|depth"):
            users.put("b", {"n": nested(depth)})
    assert "b" not in users


def test_a_list_that_holds_itself(users):
    endless = []
    endless.append(endless)
    with pytest.raises(SchemaError):
        users.put("a", {"n": endless})
    assert len(users) == 0


class Color(enum.Enum):
    RED = 1


WRONG = [
    ({"n": 2**63}, ["n"]),
    ({"n": -(2**63) - 1}, ["n"]),
    ({"n": 10**400}, ["n"]),
    ({"when": datetime(2024, 1, 1)}, ["when", "zone"]),
    ({"when": date(2024, 1, 1)}, ["when", "date"]),
    ({"n": {1, 2}}, ["n", "set"]),
    ({"n": Decimal(1)}, ["n", "Decimal"]),
    ({"n": 1j}, ["n", "complex"]),
    ({"n": object()}, ["n", "object"]),
    ({"n": Color.RED}, ["n", "Color"]),
    ({"n": {5: 1}}, ["n", "int"]),
    ({"a": {"b": [1, 2, 3, {1}]}}, ["a.b[3]", "set"]),
    ({"a": [{"b": {"c": object()}}]}, ["a[0].b.c", "object"]),
    ({"a": [0, [1, 2**64]]}, ["a[1][1]"]),
    ({"n": "\ud800"}, ["n"]),
    ({"n": ["ok", {"x": "\udfff"}]}, ["n[1].x"]),
]


@pytest.mark.parametrize(("fields", "named"), WRONG, ids=lambda value: ascii(value)[:40])
def test_wrong_values_name_their_place(fields, named, users):
    users.put("a", {"kept": 1})
    calls = {
        "insert": lambda: users.insert("b", fields),
        "put": lambda: users.put("a", fields),
        "update": lambda: users.update("a", fields),
        "replace": lambda: users.replace("a", fields),
        "compare_and_swap": lambda: users.compare_and_swap("b", value=fields),
        "put_many": lambda: users.put_many([("c", {}), ("a", fields)]),
        "add": lambda: users.add(fields),
    }
    for name, call in calls.items():
        with pytest.raises(SchemaError) as caught:
            call()
        for word in named:
            assert word in str(caught.value), (name, str(caught.value))
    assert {doc.id: doc.fields for doc in users.scan()} == {"a": {"kept": 1}}
    assert users["a"].version == 1


def test_a_wrong_name(users):
    with pytest.raises(SchemaError):
        users.put("a", {"\ud800": 1})
    with pytest.raises(ValueError, match="a"):
        users.put("a", {"a": {"\ud800": 1}})
    assert len(users) == 0


LARGEST = (16 << 20) - 7  # one field: its count, number and tag take a byte each, the size four


def test_the_largest_document(durable):
    users = durable.open().create_collection("users")
    payload = bytes(range(256)) * (LARGEST // 256 + 1)
    users.put("a", {"x": payload[:LARGEST]})
    users.put("small", {"x": 1})
    with pytest.raises(SchemaError, match="16"):
        users.put("a", {"x": payload[: LARGEST + 1]})
    with pytest.raises(SchemaError, match="16"):
        users.update("a", {"y": 1})
    users.put("text", {"x": "é" * (LARGEST // 2)})
    assert users["a"]["x"] == payload[:LARGEST]
    users = durable.reopen()["users"]
    assert users["a"]["x"] == payload[:LARGEST]
    assert users["a"].version == 1
    assert users["text"]["x"] == "é" * (LARGEST // 2)
    assert users["small"].fields == {"x": 1}


def test_more_names_than_a_collection_numbers(durable):
    """Past 65,535 distinct names a record carries its names itself."""
    users = durable.open().create_collection("users")
    for part in range(7):
        users.put(f"p{part}", {f"name {part} {n}": n for n in range(10_000)})
    users.update("p6", {"name 6 9999": "new", "name 6 0": "first", "late": 1})
    check_many_names(users)
    check_many_names(durable.reopen()["users"])


def check_many_names(users):
    assert users["p0"].fields == {f"name 0 {n}": n for n in range(10_000)}
    last = users["p6"].fields
    assert len(last) == 10_001
    assert (last["name 6 9999"], last["name 6 0"]) == ("new", "first")
    assert (last["name 6 5000"], last["late"]) == (5000, 1)
    assert users.count({"name 6 5000": 5000, "late": 1}) == 1
    result = users.compare_and_swap("p6", {"late": 1, "name 6 5000": 5000}, {"late": 1})
    assert result.success

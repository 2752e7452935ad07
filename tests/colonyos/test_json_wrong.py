"""Wrong JSON and wrong values: SchemaError, which names the type and the field."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from enum import IntEnum

import pytest

from support.json_cases import FIELDS, TYPES, attribute_of, fields_of
from velocity import SchemaError
from velocity.py.colonyos import GPU, Conditions, FunctionSpec, Location, Process, WorkflowSpec

BY_NAME = {each.__name__: each for each in TYPES}
WRONG = {  # of each kind, values that JSON can hold but the field cannot
    "s": [1, True, ["x"], {}], "i": ["1", 1.0, True, [1], {}], "f": ["1.5", True, [1.5]],
    "b": [1, 0, "true", []], "l": [{}, "x", 1], "d": [[], "x", 1], "*": [{}, "x", 1, [[]]],
    "%": [[], "x", 1, {"k": []}], "t": [1, "", "2026-11-24", "0001-01-01T00:00:00", True, []],
}  # fmt: skip


def wrong_values(kind):
    if kind in BY_NAME:
        return [[], "x", 1, True]
    return WRONG.get(kind[0], [])


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_of_a_wrong_type_is_named(name):
    for key, kind, _ in fields_of(name):
        for value in wrong_values(kind):
            named = re.escape(f"{name}.{key}")
            with pytest.raises(SchemaError, match=named):
                BY_NAME[name].from_dict({key: value})
            with pytest.raises(SchemaError, match=named):
                BY_NAME[name].from_json(json.dumps({key: value}))
            made = BY_NAME[name]()
            setattr(made, attribute_of(key), value)
            with pytest.raises(SchemaError, match=named):
                made.to_dict()
            if value is not True and not (kind == "b" and value in (0, 1)):  # numbers stand for these
                with pytest.raises(SchemaError, match=named):
                    made.to_json()


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '"x"', "{} {}", "{'a': 1}", '{"a": NaN}',
                                  b"\xff{}", '{"size": 1e999}', '{"a":' * 100_000])  # fmt: skip
def test_text_that_is_no_json_object(text):
    with pytest.raises(SchemaError, match="^File: "):
        BY_NAME["File"].from_json(text)


@pytest.mark.parametrize("value", [None, [], "{}", 1, Process()])
def test_from_dict_wants_a_dict(value):
    with pytest.raises(SchemaError, match="^Process: wants an object"):
        Process.from_dict(value)


@pytest.mark.parametrize("value", [None, 1, {}])
def test_from_json_wants_text(value):
    with pytest.raises(SchemaError, match="^Process: "):
        Process.from_json(value)


@pytest.mark.parametrize("name", ["conditions", "fs"])
@pytest.mark.parametrize("value", [GPU(), Conditions, {}, "x"])
def test_an_object_of_another_type_is_not_written(name, value):
    spec = FunctionSpec(**{name: value})
    for write in (spec.to_dict, spec.to_json):
        with pytest.raises(SchemaError, match=f"FunctionSpec.{name}"):
            write()
    with pytest.raises(SchemaError, match="WorkflowSpec.functionspecs"):
        WorkflowSpec(functionspecs=[value]).to_json()


class Opaque:
    """What nobody can write."""


CYCLE: list = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize("value, place", [
    (math.nan, ""), (math.inf, ""), (b"x", ""), ({1}, ""), (Opaque(), ""), (datetime(2026, 1, 1), ""),
    ({"a": [1, {"b": b"x"}]}, ".a[1].b"), ([math.nan], "[0]"), ({1: 2}, ""), ({"a": {None: 1}}, ".a"),
    ([0] * 20 + [{1: 1}], "[20]"), ([0] * 20 + [math.inf], "[20]"), ({str(k): {2: 1} for k in range(20)}, ".0"),
])  # fmt: skip
def test_what_json_cannot_hold_is_named_with_its_place(value, place):
    for field, given, at in (("args", [value], f"args[0]{place}"), ("kwargs", {"k": value}, f"kwargs.k{place}")):
        spec = FunctionSpec(**{field: given})
        for write in (spec.to_dict, spec.to_json):
            with pytest.raises(SchemaError, match=re.escape(f"FunctionSpec.{at}: ")):
                write()
        with pytest.raises(SchemaError, match=re.escape(f"FunctionSpec.{at}: ")):
            FunctionSpec.from_dict({field: given})


def test_values_that_never_end_or_are_too_long():
    with pytest.raises(SchemaError, match="Process.in: nested too deeply"):
        Process(input=[CYCLE]).to_json()
    with pytest.raises(SchemaError, match="Process: .*digits"):  # more than Python writes
        Process(input=[10**5000]).to_json()


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400])
def test_floats_are_finite(value):
    for act in (lambda: Location.from_dict({"long": value}), Location(long=value).to_json, Location(long=value).to_dict):
        with pytest.raises(SchemaError, match="Location.long"):
            act()


@pytest.mark.parametrize("text", [
    "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
    "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z",
    "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60", "2026-01-01T00:00:00+0000", "20260101T000000Z",
    "9999-12-31T23:59:59-00:01", "2026-01-01T00:00:00Z ", "٢٠٢٦-01-01T00:00:00Z", "2026-W01-1T00:00:00Z",
])  # fmt: skip
def test_what_is_no_time(text):
    with pytest.raises(SchemaError, match="Process.endtime"):
        Process.from_dict({"endtime": text})


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), "2026-01-01T00:00:00Z", 0])
def test_times_to_be_written_are_aware(value):
    process = Process(endtime=value)
    for write in (process.to_dict, process.to_json):
        with pytest.raises(SchemaError, match="Process.endtime"):
            write()


def test_subclasses_of_plain_types_are_written_as_such():
    class State(IntEnum):
        """States, as a program may have them."""

        DONE = 2

    class Name(str):
        """Text, as a program may have it."""

    process = Process(Name("id"), state=State.DONE, input=[State.DONE, Name("x"), {Name("k"): True}])
    for read in (Process.from_json(process.to_json()), Process.from_dict(json.loads(json.dumps(process.to_dict())))):
        assert read == Process("id", state=2, input=[2, "x", {"k": True}])

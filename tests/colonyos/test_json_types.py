"""The types' JSON: which keys there are, what is left out, and that all comes back as it was."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.json_cases import ANYTHING, FIELDS, TYPES, attribute_of, fields_of, objects
from velocity.py import colonyos
from velocity.py.colonyos import (
    ZERO_TIME,
    BlueprintDefinitionSpec,
    Conditions,
    Filesystem,
    FunctionSpec,
    Process,
    SchemaProperty,
    User,
    ValidationSchema,
)

ZERO_TEXT = "0001-01-01T00:00:00Z"
EMPTY = {"s": "", "i": 0, "f": 0.0, "b": False, "t": ZERO_TIME, "l": [], "d": {}, "a": None}
EMPTY_JSON = EMPTY | {"t": ZERO_TEXT}
NOT_EMPTY = {
    "s": "x", "i": 7, "f": 1.5, "b": True, "l": [1, "a"], "d": {"k": [None]}, "a": 0,
    "t": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
}  # fmt: skip
BY_NAME = {each.__name__: each for each in TYPES}


def empty(kind):
    if kind[0] in "*%":
        return [] if kind[0] == "*" else {}
    return BY_NAME[kind]() if kind in BY_NAME else EMPTY[kind]


def example(kind, depth=3):
    """A value of the kind with something in every field."""
    if kind[0] == "*":
        return [example(kind[1:], depth)]
    if kind[0] == "%":
        return {"a key": example(kind[1:], depth)}
    return full(kind, depth - 1) if kind in BY_NAME else copy.deepcopy(NOT_EMPTY[kind])


def full(name, depth=3):
    """An object with something in every field, to a depth: one type holds itself."""
    made = BY_NAME[name]()
    for key, kind, _ in fields_of(name):
        if depth > 0 or kind.strip("*%") not in BY_NAME:
            setattr(made, attribute_of(key), example(kind, depth))
    return made


def test_the_types_are_those_of_the_specification():
    assert set(BY_NAME) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_attributes_are_the_keys_in_order_and_empty_by_default(name):
    fields = fields_of(name)
    made = BY_NAME[name]()
    assert [each.name for each in dataclasses.fields(made)] == [attribute_of(key) for key, _, _ in fields]
    for key, kind, optional in fields:
        value = getattr(made, attribute_of(key))
        if optional and kind in BY_NAME:
            assert value is None  # left out, and may hold itself
        elif name == "BlueprintDefinition" and key == "kind":
            assert value == "BlueprintDefinition"
        else:
            assert value == empty(kind) and type(value) is type(empty(kind)), key


@pytest.mark.parametrize("name", FIELDS)
def test_empty_optional_keys_are_left_out_and_all_others_written(name):
    written = BY_NAME[name]().to_dict()
    assert set(written) == {key for key, _, optional in fields_of(name) if not optional}
    assert json.loads(BY_NAME[name]().to_json()) == written
    for key, kind, optional in fields_of(name):
        if not optional and kind in EMPTY_JSON and (name, key) != ("BlueprintDefinition", "kind"):
            assert written[key] == EMPTY_JSON[kind]
    assert set(full(name).to_dict()) == {key for key, _, _ in fields_of(name)}


@pytest.mark.parametrize("name", FIELDS)
def test_missing_and_null_keys_are_the_default_and_unknown_ones_are_nothing(name):
    cls = BY_NAME[name]
    nulls = {key: None for key, _, _ in fields_of(name)}
    for read in (cls.from_dict({}), cls.from_json("{}"), cls.from_dict(nulls), cls.from_json(json.dumps(nulls))):
        assert read == cls()
    made = full(name)
    extended = made.to_dict() | {"no key of ours": [1], "processID": "x"}
    assert cls.from_dict(extended) == cls.from_json(json.dumps(extended)) == made


@pytest.mark.parametrize("name", FIELDS)
def test_nothing_is_shared(name):
    made = full(name)
    before = copy.deepcopy(made)
    written = made.to_dict()
    read = BY_NAME[name].from_dict(written)
    scramble(written)
    assert made == read == before
    first, second = BY_NAME[name](), BY_NAME[name]()
    for each in dataclasses.fields(first):
        value = getattr(first, each.name)
        if isinstance(value, (list, dict)) or dataclasses.is_dataclass(value):
            assert value is not getattr(second, each.name)


def scramble(value):
    """Change every list and dict in a value."""
    for each in list(value.values() if isinstance(value, dict) else value):
        if isinstance(each, (list, dict)):
            scramble(each)
    if isinstance(value, dict):
        value["scrambled"] = 1
    else:
        value.append("scrambled")


@pytest.mark.parametrize("cls", TYPES, ids=lambda each: each.__name__)
@settings(max_examples=12)  # of nested values in every field
@given(data=st.data())
def test_what_is_written_is_read_back(cls, data):
    made = data.draw(objects(cls))
    written, text = made.to_dict(), made.to_json()
    assert json.loads(text) == json.loads(json.dumps(written, allow_nan=False)) == written
    assert text.isascii()
    assert cls.from_dict(written) == cls.from_json(text) == cls.from_json(text.encode()) == made
    assert made == copy.copy(made) == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))
    assert eval(repr(made), vars(colonyos) | {"datetime": __import__("datetime")}) == made


@given(ANYTHING)
def test_free_form_values_come_back_as_they_were(value):
    spec = FunctionSpec(args=[value], kwargs={"k": value})
    for read in (FunctionSpec.from_json(spec.to_json()), FunctionSpec.from_dict(spec.to_dict())):
        assert repr(read) == repr(spec)  # 1, 1.0 and True are told apart


def test_integers_of_any_size_and_lone_surrogates():
    spec = FunctionSpec(args=[10**30, -(2**64)], label="\ud800")
    assert FunctionSpec.from_json(spec.to_json()) == spec


def test_input_and_output_are_in_and_out():
    process = Process(input=[1], output=[{"a": "b"}])
    written = process.to_dict()
    assert (written["in"], written["out"]) == ([1], [{"a": "b"}])
    assert not {"input", "output"} & set(written) and '"input"' not in process.to_json()
    read = Process.from_dict({"in": [2], "out": [3], "input": [4], "output": [5]})
    assert (read.input, read.output) == ([2], [3])


def test_optional_values_that_are_not_empty_are_written():
    assert SchemaProperty(default=0, items=SchemaProperty()).to_dict() == {"default": 0, "items": {}}
    assert SchemaProperty(default="", properties={"a": SchemaProperty("string")}).to_dict() == {
        "default": "", "properties": {"a": {"type": "string"}},
    }  # fmt: skip
    assert BlueprintDefinitionSpec(schema=ValidationSchema()).to_dict()["schema"] == {}
    assert SchemaProperty.from_json('{"items": {"items": {"type": "x"}}}').items.items.type == "x"


def test_tuples_are_lists_and_none_is_the_default():
    spec = FunctionSpec(args=(1, (2,)), kwargs=None, fs=None, conditions=Conditions(executornames=None, gpu=None))
    for read in (FunctionSpec.from_dict(spec.to_dict()), FunctionSpec.from_json(spec.to_json())):
        assert read == FunctionSpec(args=[1, [2]], fs=Filesystem())
        assert read.conditions.executornames == []


def test_numbers_without_a_fraction_may_stand_for_floats():
    place = colonyos.Location.from_json('{"long": 18, "lat": -1.5}')
    assert repr(place.long) == "18.0" and place.lat == -1.5
    assert colonyos.Location(long=18).to_json() == place.to_json().replace("-1.5", "0.0")


def test_a_subclass_has_its_own_fields():
    @dataclasses.dataclass
    class Member(User):
        """A user of the tests."""

        badge: int = 0

    User().to_json()
    made = Member(name="a", badge=3)
    assert Member.from_json(made.to_json()) == Member.from_dict(made.to_dict()) == made
    assert made.to_dict()["badge"] == 3 and "badge" not in User().to_dict()


def test_a_bound_method_from_before_the_first_use_works():
    @dataclasses.dataclass
    class Fresh(User):
        """A type that nobody has written yet."""

    write = Fresh(name="a").to_json
    assert write() == write() and json.loads(write())["name"] == "a"


@pytest.mark.parametrize("text, time", [
    (ZERO_TEXT, ZERO_TIME),
    ("2026-11-24T20:41:30Z", datetime(2026, 11, 24, 20, 41, 30)),
    ("2026-11-24T20:41:30.5Z", datetime(2026, 11, 24, 20, 41, 30, 500_000)),
    ("2026-11-24T20:41:30.000001Z", datetime(2026, 11, 24, 20, 41, 30, 1)),
    ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999)),
])  # fmt: skip
def test_times_are_written_in_utc_with_the_digits_they_need(text, time):
    time = time.replace(tzinfo=timezone.utc)
    assert Process(starttime=time).to_dict()["starttime"] == text
    assert json.loads(Process(starttime=time).to_json())["starttime"] == text
    assert Process.from_dict({"starttime": text}).starttime == time
    elsewhere = timezone(timedelta(hours=-3))
    if time is not ZERO_TIME and time != ZERO_TIME:
        assert Process(starttime=time.astimezone(elsewhere)).to_dict()["starttime"] == text


@pytest.mark.parametrize("text, time", [
    ("2026-11-24T20:41:30.123456789Z", datetime(2026, 11, 24, 20, 41, 30, 123_456)),
    ("2026-11-24T20:41:30.9999999Z", datetime(2026, 11, 24, 20, 41, 30, 999_999)),
    ("2026-11-24T20:41:30.1+02:00", datetime(2026, 11, 24, 18, 41, 30, 100_000)),
    ("2026-11-24T20:41:30-09:30", datetime(2026, 11, 25, 6, 11, 30)),
    ("2026-11-24t20:41:30.12z", datetime(2026, 11, 24, 20, 41, 30, 120_000)),
    ("0001-01-01T01:00:00+01:00", ZERO_TIME),
    ("0000-12-31T19:03:58-04:56", ZERO_TIME),  # ZERO_TIME in New York, as Go writes it
    ("0001-01-01T00:30:00+01:00", ZERO_TIME),
])  # fmt: skip
def test_times_are_read_with_any_offset_and_nine_digits(text, time):
    read = Process.from_dict({"starttime": text}).starttime
    assert read == time.replace(tzinfo=timezone.utc) and read.tzinfo is timezone.utc


def test_datetimes_are_read_as_they_are():
    time = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert Process.from_dict({"starttime": time}).starttime.isoformat() == "2026-01-01T10:00:00+00:00"

"""Schemas as objects: made by add_field, from dicts and dataclasses, and what is refused."""

from __future__ import annotations

import enum
import typing
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import Any, ClassVar, Literal, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity import Field, FieldType, Schema, SchemaError

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


def test_fields_in_order_and_what_they_say():
    schema = (
        Schema("processes")
        .add_field("id", FieldType.STRING, required=True, indexed=True, unique=True)
        .add_field("state", "string", required=True, indexed=True, default="waiting")
        .add_field("priority", "INT", default=2.0)
        .add_field("text", FieldType.STRING, fulltext=True)
    )
    assert (schema.name, schema.strict, len(schema), list(schema.fields)) == (
        "processes", False, 4, ["id", "state", "priority", "text"])
    assert schema["id"] == Field("id", FieldType.STRING, required=True, indexed=True, unique=True)
    assert type(schema["priority"].default) is int and schema["priority"].default == 2
    assert "text" in schema and "other" not in schema
    assert repr(schema) == (
        "Schema('processes', id STRING required indexed unique, state STRING required indexed default 'waiting', "
        "priority INT default 2, text STRING fulltext)"
    )
    assert repr(Schema(strict=True)) == "Schema(strict)"


def test_to_dict_and_back():
    schema = Schema("x", strict=True)
    schema.add_field("t", FieldType.TIME, default="2026-01-31T12:00:00Z").add_field("l", FieldType.ARRAY, default=(1,))
    d = schema.to_dict()
    assert d == {"name": "x", "strict": True, "fields": {
        "t": {"type": "TIME", "default": NOON}, "l": {"type": "ARRAY", "default": [1]}}}
    assert Schema.from_dict(d) == schema
    d["fields"]["l"]["default"].append(2)  # a copy of its own
    assert schema["l"].default == [1]
    assert Schema.from_dict({"fields": {"a": "int", "b": FieldType.BOOL, "c": {"type": "Time", "required": True}}}) == (
        Schema().add_field("a", "int").add_field("b", "bool").add_field("c", "time", required=True))


fields = st.fixed_dictionaries(
    {"type": st.sampled_from(list(FieldType))},
    optional={"required": st.booleans(), "indexed": st.booleans(), "unique": st.booleans()},
)


@given(st.text(), st.booleans(), st.dictionaries(st.from_regex(r"[a-z ]{1,5}", fullmatch=True), fields))
def test_round_trip(name, strict, given):
    schema = Schema.from_dict({"name": name, "strict": strict, "fields": given})
    assert Schema.from_dict(schema.to_dict()) == schema
    assert (schema == Schema.from_dict({**schema.to_dict(), "strict": not strict})) is False


def test_equal_means_the_same_in_the_same_order():
    a, b = Schema().add_field("a", "int"), Schema().add_field("b", "int")
    assert a.add_field("b", "int") != b.add_field("a", "int")
    assert Schema().add_field("a", "bool", default=True) != Schema().add_field("a", "bool", default=False)
    assert Schema() != {}


@pytest.mark.parametrize(("make", "why"), [
    (lambda: Schema(1), "name is a str, not int"),
    (lambda: Schema(strict=1), "strict wants a bool, not int"),
    (lambda: Schema().add_field(1, "int"), "name is a str, not int"),
    (lambda: Schema().add_field("", "int"), "field '': a name is not empty"),
    (lambda: Schema().add_field("a.b", "int"), "field 'a.b': a name is not empty, has no dot"),
    (lambda: Schema().add_field("$a", "int"), "does not begin with"),
    (lambda: Schema().add_field("\ud800", "int"), "not valid Unicode"),
    (lambda: Schema().add_field("a", "number"), "field 'a': unknown type 'number'; known: STRING INT"),
    (lambda: Schema().add_field("a", int), "field 'a': unknown type <class 'int'>"),
    (lambda: Schema().add_field("a", "int").add_field("a", "int"), "has a field 'a' already"),
    (lambda: Schema().add_field("a", "int", required=1), "field 'a': required wants a bool, not int"),
    (lambda: Schema().add_field("a", "int", default="x"), "default: field 'a' wants INT, not str"),
    (lambda: Schema().add_field("a", "time", default=datetime(2026, 1, 1)), "default: a: a datetime must say its time zone"),
    (lambda: Schema().add_field("a", "int", default=1, unique=True), "unique field can have no default"),
    (lambda: Schema().add_field("a", "int", fulltext=True), "fulltext wants STRING"),
    (lambda: Schema.from_dict([]), "made of a dict, not list"),
    (lambda: Schema.from_dict({"title": "x"}), "a schema: unknown setting 'title'; known: name strict fields"),
    (lambda: Schema.from_dict({"fields": ["a"]}), "fields: wants a dict of names and fields, not list"),
    (lambda: Schema.from_dict({"fields": {"a": {}}}), "field 'a': its type is missing"),
    (lambda: Schema.from_dict({"fields": {"a": {"type": "int", "size": 1}}}), "field 'a': unknown setting 'size'"),
    (lambda: Schema.from_dict({"fields": {"a": {"type": "int", "name": "b"}}}), "field 'a': unknown setting 'name'"),
    (lambda: Schema.from_dataclass(int), "wants a dataclass, not <class 'int'>"),
])
def test_what_cannot_be_is_refused(make, why):
    with pytest.raises(SchemaError, match=why):
        make()


def test_at_most_a_thousand_fields():
    schema = Schema.from_dict({"fields": {f"f{n}": "int" for n in range(1000)}})
    with pytest.raises(SchemaError, match="at most 1000 fields"):
        schema.add_field("more", "int")


class Color(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Plain(enum.Enum):
    A = "a"


@dataclass(frozen=True)
class Address:
    city: str = "Oslo"


UserId = typing.NewType("UserId", str)


@dataclass
class User:
    id: UserId = field(metadata={"indexed": True, "unique": True})
    name: str
    age: int = 0
    score: float = 1
    active: bool = True
    since: datetime = NOON
    photo: bytes = b""
    nick: Optional[str] = None  # noqa: UP007, UP045
    mail: Union[str, None] = "none"  # noqa: UP007
    ratio: Union[int, float] = 0.5  # noqa: UP007
    tags: list[str] = field(default_factory=list)
    pair: tuple[int, int] = (1, 2)
    words: Sequence[str] = ()
    data: dict[str, Any] = field(default_factory=dict)
    more: Mapping[str, int] = field(default_factory=dict)
    home: Address = field(default_factory=dict)
    work: Address = Address()
    color: Color = Color.RED
    level: Level = Level.LOW
    plain: Plain = Plain.A
    word: Literal["a", "b"] = "a"
    anything: Any = field(default=None, metadata={"type": FieldType.OBJECT, "required": False, "note": 1})
    text: str = field(default="", metadata={"fulltext": True, "required": True})
    shared: ClassVar[int] = 3


def test_from_a_dataclass():
    schema = Schema.from_dataclass(User)
    assert schema.name == "User" and not schema.strict
    assert list(schema.fields) == [name for name in User.__dataclass_fields__ if name != "shared"]
    assert [f.name for f in schema if f.required] == ["id", "name", "text"]
    assert schema["id"] == Field("id", FieldType.STRING, required=True, indexed=True, unique=True)
    assert schema["text"] == Field("text", FieldType.STRING, required=True, default="", fulltext=True)
    assert {f.name: (f.type.name, f.default) for f in schema if f.name not in ("id", "text")} == {
        "name": ("STRING", None), "age": ("INT", 0), "score": ("FLOAT", 1.0), "active": ("BOOL", True),
        "since": ("TIME", NOON), "photo": ("BYTES", b""), "nick": ("STRING", None), "mail": ("STRING", "none"),
        "ratio": ("FLOAT", 0.5), "tags": ("ARRAY", []), "pair": ("ARRAY", [1, 2]), "words": ("ARRAY", []),
        "data": ("OBJECT", {}), "more": ("OBJECT", {}), "home": ("OBJECT", {}), "work": ("OBJECT", {"city": "Oslo"}),
        "color": ("STRING", "red"), "level": ("INT", 1), "plain": ("STRING", "a"), "word": ("STRING", "a"),
        "anything": ("OBJECT", None),
    }
    assert Schema.from_dataclass(User, "people", strict=True).name == "people"
    assert Schema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize(("hint", "default", "why"), [
    (Any, None, "field 'x': no field type stands for typing.Any; name one"),
    (date, None, "no field type stands for <class 'datetime.date'>"),
    (Union[int, str], 1, "no field type stands for"),  # noqa: UP007
    ("Missing", 1, "the types cannot be read: name 'Missing' is not defined"),
    (str, field(default_factory=uuid.uuid4), "field 'x': default_factory=uuid4 cannot be kept"),
    (int, "text", "default: field 'x' wants INT, not str"),
])
def test_dataclasses_that_cannot_be_schemas(hint, default, why):
    model = dataclass(type("Model", (), {"__annotations__": {"x": hint}, "x": default}))
    with pytest.raises(SchemaError, match=why):
        Schema.from_dataclass(model)

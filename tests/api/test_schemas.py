"""Collections under a schema: every way to write, defaults, reopening, creating."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import velocity
from support.files import image
from support.store import Store, contents
from velocity import (
    BatchOperation,
    CASRequest,
    Document,
    DuplicateKeyError,
    FieldType,
    Schema,
    SchemaError,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
SCHEMA = (
    Schema("people")
    .add_field("name", FieldType.STRING, required=True)
    .add_field("age", FieldType.INT, default=0)
    .add_field("height", FieldType.FLOAT)
    .add_field("since", FieldType.TIME)
)
ANN = {"name": "Ann", "age": 30}


@pytest.fixture
def people(db):
    people = db.create_collection("people", SCHEMA)
    people.insert("ann", ANN)
    return people


# Each gives the fields to another way of writing a whole document to id "new" or "ann".
WHOLE = {
    "insert": lambda db, fields: db["people"].insert("new", fields),
    "insert a Document": lambda db, fields: db["people"].insert(Document("new", fields)),
    "insert any Mapping": lambda db, fields: db["people"].insert("new", MappingProxyType(fields)),
    "add": lambda db, fields: db["people"].add(fields),
    "put a new one": lambda db, fields: db["people"].put("new", fields),
    "put": lambda db, fields: db["people"].put("ann", fields),
    "[]": lambda db, fields: db["people"].__setitem__("new", fields),
    "setdefault": lambda db, fields: db["people"].setdefault("new", fields),
    "replace": lambda db, fields: db["people"].replace("ann", fields),
    "insert_many": lambda db, fields: db["people"].insert_many([("fine", {"name": "x"}), ("new", fields)]),
    "put_many": lambda db, fields: db["people"].put_many([("fine", {"name": "x"}), Document("new", fields)]),
    "many": lambda db, fields: db["people"].put_many([(f"n{n}", fields if n == 900 else {"name": "x"}) for n in range(1000)]),
    "compare_and_swap": lambda db, fields: db["people"].compare_and_swap("new", None, fields),
    "CASRequest": lambda db, fields: db.compare_and_swap("people", CASRequest(key="new", value=fields)),
    "replacing swap": lambda db, fields: db["people"].compare_and_swap("ann", ANN, fields, replace=True),
    "batch": lambda db, fields: db.batch([
        BatchOperation("put", "people", id="fine", fields={"name": "x"}),
        BatchOperation("insert", "people", id="new", fields=fields)]),
    "transact": lambda db, fields: db.transact(then=[BatchOperation("put", "people", id="new", fields=fields)]),
    "transaction": lambda db, fields: in_transaction(db, "insert", "new", fields),
    "put in a transaction": lambda db, fields: in_transaction(db, "put", "ann", fields),
    "replace in a transaction": lambda db, fields: in_transaction(db, "replace", "ann", fields),
    "swap in a transaction": lambda db, fields: in_transaction(db, "compare_and_swap", "new", None, fields),
}
# And these change some fields of "ann".
PART = {
    "update": lambda db, fields: db["people"].update("ann", fields),
    "$set": lambda db, fields: db["people"].update("ann", {"$set": fields}),
    "compare_and_swap": lambda db, fields: db["people"].compare_and_swap("ann", {"name": "Ann"}, fields),
    "by version": lambda db, fields: db["people"].compare_and_swap("ann", None, fields, expected_version=1),
    "batch": lambda db, fields: db.batch([
        BatchOperation("put", "people", id="fine", fields={"name": "x"}),
        BatchOperation("update", "people", id="ann", fields=fields)]),
    "transaction": lambda db, fields: in_transaction(db, "update", "ann", fields),
    "swap in a transaction": lambda db, fields: in_transaction(db, "compare_and_swap", "ann", {"age": 30}, fields),
}


def in_transaction(db, verb, *args):
    with db.transaction() as tx:
        getattr(tx, verb)("people", *args)


def written(people, id):
    return people[id].fields if id in people else next(d.fields for d in people.scan() if d.id != "ann")


@pytest.mark.parametrize("way", WHOLE)
def test_whole_documents_are_checked_and_filled(db, people, way):
    before = contents(people)
    for fields, why in [
        ({"age": 1}, "field 'name' is required and wants STRING, but is missing"),
        ({"name": None}, "field 'name' is required and wants STRING, not None"),
        ({"name": "x", "age": "1"}, "field 'age' wants INT, not str"),
    ]:
        with pytest.raises(SchemaError, match=f"collection 'people', document '.*': {why}"):
            WHOLE[way](db, fields)
        assert contents(people) == before
    WHOLE[way](db, {"name": "x", "height": 2, "since": "2026-01-31T13:00:00+01:00", "more": 1})
    id = "ann" if people["ann"].fields != ANN else "new"
    if way == "many":
        id = "n900"
    fields = written(people, id)
    assert fields == {"name": "x", "height": 2.0, "since": NOON, "more": 1, "age": 0}
    assert type(fields["height"]) is float


@pytest.mark.parametrize("way", PART)
def test_parts_are_checked_and_not_filled(db, people, way):
    people.evolve(Schema.from_dict(SCHEMA.to_dict()).add_field("late", "int"))
    before = contents(people)
    for fields, why in [
        ({"name": None}, "field 'name' is required and wants STRING, not None"),
        ({"age": True}, "field 'age' wants INT, not bool"),
        ({"since": "noon"}, "field 'since' wants TIME, not str that is no RFC 3339"),
    ]:
        with pytest.raises(SchemaError, match=f"collection 'people', document 'ann': {why}"):
            PART[way](db, fields)
        assert contents(people) == before
    PART[way](db, {"age": 31.0, "height": 1, "since": "2026-01-31T12:00:00Z", "more": 1.0})
    assert people["ann"].fields == {"name": "Ann", "age": 31, "height": 1.0, "since": NOON, "more": 1.0}
    assert type(people["ann"]["age"]) is int and type(people["ann"]["height"]) is float


def test_a_swap_gives_what_is_stored(db, people):
    assert people.compare_and_swap("new", None, {"name": "x", "height": 1}).current_value == {"name": "x", "height": 1.0, "age": 0}
    assert people.compare_and_swap("ann", ANN, {"age": 7.0}).current_value == {"name": "Ann", "age": 7}
    with db.transaction() as tx:
        assert tx.compare_and_swap("people", "newer", None, {"name": "x"}).current_value == {"name": "x", "age": 0}
        tx.put("people", "put", {"name": "y", "height": 3})
        assert tx.get("people", "put").fields == {"name": "y", "height": 3.0, "age": 0}


def test_what_an_operator_takes_away(people):
    with pytest.raises(SchemaError, match="field 'name' is required and wants STRING, but is missing"):
        people.update("ann", {"$unset": {"name": 1}})
    with pytest.raises(SchemaError, match="field 'name' is required"):
        people.update("ann", {"$rename": {"name": "title"}})
    with pytest.raises(SchemaError, match="field 'age' wants INT, not float that"):
        people.update("ann", {"$inc": {"age": 0.5}})
    with pytest.raises(SchemaError, match="field 'age' wants INT, not dict"):
        people.update("ann", {"$set": {"age": {"years": 1}}})
    people.update("ann", {"$unset": {"age": 1}})
    assert people["ann"].fields == {"name": "Ann"}  # a default is for documents that are given whole
    people.update("ann", {"$inc": {"age": 2.0}})
    assert people["ann"].fields == {"name": "Ann", "age": 2}
    assert type(people["ann"]["age"]) is int


def test_a_refused_batch_writes_nothing_anywhere(db, people):
    others = db.create_collection("others")
    with pytest.raises(SchemaError, match="collection 'people', document 'c'"):
        db.batch([
            BatchOperation("put", "others", id="a", fields={"name": 1}),
            BatchOperation("put", "people", id="b", fields={"name": "b"}),
            BatchOperation("put", "people", id="c", fields={"name": 1}),
        ])
    assert len(others) == 0 and list(people) == ["ann"]


def test_several_writes_of_one_document_in_a_batch(db, people):
    db.batch([
        BatchOperation("put", "people", id="a", fields={"name": "a", "height": 1}),
        BatchOperation("update", "people", id="a", fields={"age": 2.0}),
        BatchOperation("update", "people", id="a", fields={"since": "2026-01-31T12:00:00Z"}),
    ])
    assert people["a"].fields == {"name": "a", "height": 1.0, "age": 2, "since": NOON}


def test_none_fits_what_is_not_required(people):
    people.put("ann", {"name": "Ann", "age": None, "height": None, "since": None})
    assert people["ann"].fields == {"name": "Ann", "age": None, "height": None, "since": None}


def test_strict(db):
    people = db.create_collection("people", Schema(strict=True).add_field("a", "int"))
    with pytest.raises(SchemaError, match="document 'x': field 'b' is not in the schema, which is strict; its value is of type list"):
        people.put("x", {"a": 1, "b": []})
    with pytest.raises(SchemaError, match="field 'b' is not in the schema"):
        people.put_many([("y", {}), ("x", {"b": 1})])
    people.put("x", {"a": 1})
    with pytest.raises(SchemaError, match="field 'b' is not in the schema"):
        people.update("x", {"b": None})
    assert contents(people) == {"x": (1, {"a": 1})}


def test_creating(db):
    people = db.create_collection("people", SCHEMA.to_dict())
    assert people.schema == SCHEMA and db["people"].schema == SCHEMA
    assert db.create_collection("people", SCHEMA, if_not_exists=True) is people
    assert db.create_collection("people", if_not_exists=True) is people
    with pytest.raises(SchemaError, match="'people' has another schema; evolve changes it"):
        db.create_collection("people", Schema(), if_not_exists=True)
    with pytest.raises(DuplicateKeyError):
        db.create_collection("people", SCHEMA)
    with pytest.raises(SchemaError, match="unknown type"):
        db.create_collection("others", {"fields": {"a": "number"}})
    with pytest.raises(SchemaError, match="made of a dict, not str"):
        db.create_collection("others", "name")
    assert db.list_collections() == ["people"]
    assert db.create_collection("others").schema is None
    db.drop_collection("people")
    db.create_collection("people").put("x", {"name": 1})


def test_a_schema_given_is_a_schema_kept(db):
    schema = Schema().add_field("a", "int")
    people = db.create_collection("people", schema)
    schema.add_field("b", "int", required=True)
    people.schema.add_field("b", "int", required=True)
    people.put("x", {})
    assert list(people.schema.fields) == ["a"]


def test_reopening(durable):
    db = durable.open()
    people = db.create_collection("people", SCHEMA)
    people.insert("ann", {"name": "Ann", "height": 2})
    crashed = Store(durable.mode, image(durable.path, durable.path.parent / "crashed"))
    for found in (crashed.open(), durable.reopen(db)):
        people = found["people"]
        assert people.schema == SCHEMA
        with pytest.raises(SchemaError):
            people.insert("bob", {"name": 1})
        people.insert("bob", {"name": "Bob"})
        assert people["bob"].fields == {"name": "Bob", "age": 0}
    crashed.close()
    crashed.verify()


def test_names_are_cut_only_inside_the_message(db):
    long = "n" * 1000
    people = db.create_collection("c" * 255, Schema().add_field(long, "int"))
    with pytest.raises(SchemaError) as caught:
        people.insert("i" * 1024, {long: "x"})
    text = str(caught.value)
    assert "c" * 255 in text and "i" * 1024 in text and "n" * 200 in text and "wants INT, not str" in text


@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.dictionaries(
    st.sampled_from(["name", "age", "height", "x"]),
    st.one_of(st.none(), st.integers(-3, 3), st.booleans(), st.sampled_from(["s", 1.0, 1.5, math.inf])), max_size=4)), max_size=12))
def test_against_a_model(writes):
    """put and update against a dict and a checker that knows this one schema."""
    model = {}
    with velocity.open() as db:
        people = db.create_collection("people", SCHEMA)
        for id, merge, fields in writes:
            wanted = None if merge and id not in model else stored(model.get(id, {}) if merge else {"age": 0}, fields, merge)
            try:
                (people.update if merge else people.put)(id, fields)
            except (SchemaError, velocity.NotFoundError):
                assert wanted is None
            else:
                model[id] = wanted
            assert {doc.id: doc.fields for doc in people.scan()} == model


def stored(base, fields, merge):
    out = dict(base)
    for name, value in fields.items():
        number = type(value) in (int, float)
        fits = {
            "name": type(value) is str,
            "age": value is None or number and not math.isinf(value) and value == int(value),
            "height": value is None or number,
            "x": True,
        }
        if not fits[name]:
            return None
        out[name] = value
    return out if merge or "name" in fields else None

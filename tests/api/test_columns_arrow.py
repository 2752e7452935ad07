"""Arrow tables, streams and data frames of a collection."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest

import velocity

numpy = pytest.importorskip("numpy")
pyarrow = pytest.importorskip("pyarrow")
UTC = timezone.utc
ANN = {
    "name": "Ånn", "age": 30, "height": 1.7, "ok": True, "born": datetime(1990, 5, 6, tzinfo=UTC),
    "raw": b"\x00\xff", "tags": ["a", "b"], "address": {"city": "Oslo", "zip": 150}, "n": 1,
}  # fmt: skip
BOB = {"name": "Bob", "age": None, "n": 2.5, "tags": [], "late": "yes"}


@pytest.fixture
def users():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.insert("ann", ANN)
        users.insert("bob", BOB)
        yield users


def by_id(table):
    return {row.pop("_id"): row for row in table.to_pylist()}


def test_all_fields(users):
    table = users.to_arrow()
    table.validate(full=True)
    assert table.column_names == ["_id", *ANN, "late"]
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types == {
        "_id": "large_string", "name": "large_string", "age": "int64", "height": "double", "ok": "bool",
        "born": "timestamp[us, tz=UTC]", "raw": "large_binary", "tags": "list<item: string>",
        "address": "struct<city: string, zip: int64>", "n": "double", "late": "large_string",
    }  # fmt: skip
    assert by_id(table) == {
        "ann": ANN | {"late": None},
        "bob": dict.fromkeys(ANN) | BOB,
    }


def test_fields_and_filter(users):
    table = users.to_arrow(["address.city", "_id", "n"], {"n": {"$lt": 2}})
    assert table.to_pylist() == [{"_id": "ann", "address.city": "Oslo", "n": 1.0}]
    assert users.to_arrow([]).column_names == ["_id"]
    assert users.to_arrow(("nothing",)).to_pydict()["nothing"] == [None, None]


def test_nothing_there():
    with velocity.open() as db:
        users = db.create_collection("users")
        table = db.to_arrow("users")
        table.validate(full=True)
        assert table.num_rows == 0 and str(table.schema.field("_id").type) == "large_string"
        users.insert("a", {})
        assert users.to_arrow().to_pylist() == [{"_id": "a"}]


def test_nulls_at_the_ends_and_in_the_middle_of_every_type():
    with velocity.open() as db:
        users = db.create_collection("users")
        values = {name: ANN[name] for name in ("name", "age", "height", "ok", "born", "raw")}
        for number in range(100):
            users.insert(f"u{number}", {k: v for at, (k, v) in enumerate(values.items()) if number % (at + 2)})
        table = users.to_arrow()
        table.validate(full=True)
        for id, row in by_id(table).items():
            for at, (name, value) in enumerate(values.items()):
                assert row[name] == (value if int(id[1:]) % (at + 2) else None)


def test_values_that_do_not_go_together(users):
    users.insert("carl", {"age": "old"})
    with pytest.raises(velocity.QueryError, match="'age'"):
        users.to_arrow()
    assert users.to_arrow(["name"]).num_rows == 3


@pytest.mark.parametrize("fields", ["name", 5, [5], ["a..b"], ["n", "n"], ["_id", "_id"]])
def test_bad_fields(users, fields):
    with pytest.raises(velocity.QueryError, match="fields|path"):
        users.to_arrow(fields)


def test_stream(users):
    table = pyarrow.table(users)
    assert table.equals(users.to_arrow())
    reader = pyarrow.RecordBatchReader.from_stream(users)
    assert reader.read_all().num_rows == 2


def test_more_fields_than_a_table_has():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.insert("a", {f"f{number}": 1 for number in range(10_001)})
        with pytest.raises(velocity.QueryError, match="10000 fields"):
            users.to_arrow()
        assert users.to_arrow(["f1", "f10000"]).to_pylist() == [{"_id": "a", "f1": 1, "f10000": 1}]


def test_data_frame(users):
    pytest.importorskip("pandas")
    frame = users.to_pandas().set_index("_id")
    assert frame.loc["ann", "name"] == "Ånn" and frame.loc["ann", "address"] == ANN["address"]
    assert math.isnan(frame.loc["bob", "age"]) and frame.loc["ann", "born"] == ANN["born"]
    assert list(users.to_pandas(["n"], {"n": 1}).columns) == ["_id", "n"]

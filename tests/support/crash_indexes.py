"""A schema and indexes of the collections in crash runs, and what must hold of them whatever was lost.

Definitions are on disk when they are acknowledged, in every mode; entries are made from what documents are there.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import velocity
from support.filter_oracle import matches
from support.index_model import expected, held
from velocity import FieldType, Schema

SCHEMA = Schema().add_field("key", FieldType.STRING, unique=True)
OF_SCHEMA = "key_1_unique"
LATE = {
    "steps": {"fields": ["step"]},
    "some": {"fields": ["kind", "-step"], "where": {"kind": {"$gt": 0}}},
}
MADE = "made after the crash"


def key_of(id: str) -> str:
    """A value that no other document has, and that each has before and after it was deleted."""
    return f"key of {id}"


def check_indexes(db: velocity.VelocityDB, wanted: Iterable[tuple[str, str]] = ()) -> None:
    """Every index agrees with the documents; those wanted, (collection, index), are there if the collection is."""
    names = db.list_collections()
    found = {(name, info.name) for name in names for info in db[name].indexes}
    missing = [(name, index) for name, index in wanted if name in names and (name, index) not in found]
    assert not missing, f"indexes that are gone: {missing}"
    for name in names:
        _check_collection(db[name])


def _check_collection(collection: velocity.Collection) -> None:
    documents = {document.id: document.fields for document in collection.scan()}
    for info in collection.indexes:
        inside = {id: d for id, d in documents.items() if matches(d, info.where or {})}
        assert held(collection, info.name) == expected(inside, info.fields), (collection.name, info)
        assert info.entries == len(inside)
        for field in ("key", "kind"):
            values = {repr(d.get(field)): d.get(field) for d in documents.values()}
            for value in list(values.values())[:2]:
                these = {id for id, d in documents.items() if d.get(field) == value}
                assert {each.id for each in collection.find({field: value})} == these
                assert collection.count({field: value}) == len(these)


def check_refused(db: velocity.VelocityDB) -> None:
    """What a schema and its unique index refuse after the crash, too."""
    for name in db.list_collections():
        collection = db[name]
        if collection.schema is None:
            assert OF_SCHEMA not in [info.name for info in collection.indexes]
            continue
        assert collection.schema == SCHEMA
        with pytest.raises(velocity.SchemaError):
            collection.put(MADE, {"key": 5})
        holder = next((each for each in collection.scan() if "key" in each), None)
        if holder is not None:
            with pytest.raises(velocity.UniqueError):
                collection.put(MADE, {"key": holder["key"]})
        assert MADE not in collection

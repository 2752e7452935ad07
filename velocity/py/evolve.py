"""Putting a collection under its schema: when it is opened, and when another schema is to hold.

The schema is part of the collection's metadata (metadata.py). `filling` beside it says that
documents which were there before it may still lack its defaults: what a crash leaves of that is
done when the database is opened.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from velocity._core.engine import evolve_schema, fill_documents, set_schema
from velocity._core.errors import MemoryLimitError, SchemaError, UniqueError
from velocity.py import indexes
from velocity.py.metadata import Metadata, change_metadata, read_metadata
from velocity.py.schema import Field, FieldType, Schema

# MongoDB's names of the types that a field's values have: one value each, unlike a list's.
_TYPES = {
    FieldType.STRING: "string",
    FieldType.INT: "number",
    FieldType.FLOAT: "number",
    FieldType.BOOL: "bool",
    FieldType.TIME: "date",
    FieldType.BYTES: "binData",
}

if TYPE_CHECKING:
    from velocity.py.collection import Collection

_changing = threading.Lock()  # one collection at a time is put under a schema


def first_metadata(schema: Schema | None) -> Metadata:
    """What a new collection under a schema is created with."""
    if schema is None:
        return {}
    indexes = list(_indexes(schema).values())
    return {"schema": schema.to_dict(), **({"indexes": indexes} if indexes else {})}


def make_ready(collection: Collection) -> None:
    """Put a collection that was just opened or created under its schema, before it is used."""
    if collection._ready:
        return
    with _changing:
        if collection._ready:
            return
        metadata = read_metadata(collection)
        schema = stored_schema(metadata)
        if schema is not None:
            set_schema(collection, schema._compiled())
        indexes.build(collection)
        collection._set_ready()
        if metadata.get("filling"):
            try:
                _fill(collection)
            except (MemoryLimitError, UniqueError):
                pass  # it stays open to be done: by evolve, or when opened again


def stored_schema(metadata: Metadata) -> Schema | None:
    """The schema that metadata holds."""
    schema = metadata.get("schema")
    return None if schema is None else Schema.from_dict(schema)


def evolve(collection: Collection, schema: Schema | None) -> None:
    """Put a live collection under another schema: all of it, or nothing when something is refused.

    Raises SchemaError that names the first documents which do not fit, UniqueError.
    """
    with _changing:
        before = stored_schema(read_metadata(collection))
        old, new = _indexes(before), _indexes(schema)
        made = _make_indexes(collection, [new[name] for name in new if name not in old])
        try:
            _put_under(collection, schema)
        except BaseException:
            _drop_indexes(collection, made)
            raise
        _drop_indexes(collection, [name for name in old if name not in new])
        if schema is not None:
            _fill(collection)


def _put_under(collection: Collection, schema: Schema | None) -> None:
    """The schema and what is stored of it, or SchemaError."""
    wrong = evolve_schema(
        collection,
        None if schema is None else schema._compiled(),
        lambda: change_metadata(collection, lambda m: _keep(m, schema)),
    )
    if wrong:
        raise SchemaError(
            f"collection {collection.name!r} has documents that do not fit the new schema; "
            "nothing was changed: " + "; ".join(f"{id!r}: {why}" for id, why in wrong)
        )


def _indexes(schema: Schema | None) -> dict[str, Metadata]:
    """The indexes that a schema's fields have, by name, as metadata holds them."""
    found = {}
    for field in schema or ():
        if field.indexed or field.unique:
            name = f"{field.name}_1_unique" if field.unique else f"{field.name}_1"
            found[name] = {
                "name": name,
                "fields": [[field.name, 1]],
                "unique": field.unique,
                "where": _where(field),
            }
    return found


def _where(field: Field) -> Metadata | None:
    """What documents the index of a field holds: of a unique one that may be missing, those that
    have it. (The elements of a list may be of any types.)"""
    if not field.unique or field.required or field.type not in _TYPES:
        return None
    return {field.name: {"$type": _TYPES[field.type]}}


def _make_indexes(collection: Collection, wanted: list[Metadata]) -> list[str]:
    """Create those that are not there; their names. On failure none is left."""
    there = {index.name for index in collection.indexes}
    made: list[str] = []
    try:
        for index in wanted:
            fields = [path for path, _ in index["fields"]]
            name = collection.create_index(
                fields, index["unique"], index["where"], index["name"]
            )
            if name not in there:
                made.append(name)
    except BaseException:
        _drop_indexes(collection, made)
        raise
    return made


def _drop_indexes(collection: Collection, names: list[str]) -> None:
    there = {index.name for index in collection.indexes}
    for name in names:
        if name in there:
            collection.drop_index(name)


def _keep(metadata: Metadata, schema: Schema | None) -> None:
    metadata.pop("filling", None)
    metadata.pop("schema", None)
    if schema is not None:
        metadata.update(schema=schema.to_dict(), filling=True)


def _fill(collection: Collection) -> None:
    fill_documents(collection)
    change_metadata(collection, lambda m: m.pop("filling", None))

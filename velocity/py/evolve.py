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
from velocity.py.metadata import Metadata, change_metadata, read_metadata
from velocity.py.schema import Schema

if TYPE_CHECKING:
    from velocity.py.collection import Collection

_changing = threading.Lock()  # one collection at a time is put under a schema


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

    Raises SchemaError that names the first documents which do not fit.
    """
    with _changing:
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
        if schema is not None:
            _fill(collection)


def _keep(metadata: Metadata, schema: Schema | None) -> None:
    metadata.pop("filling", None)
    metadata.pop("schema", None)
    if schema is not None:
        metadata.update(schema=schema.to_dict(), filling=True)


def _fill(collection: Collection) -> None:
    fill_documents(collection)
    change_metadata(collection, lambda m: m.pop("filling", None))

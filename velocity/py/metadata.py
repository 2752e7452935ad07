"""What the manifest keeps with a collection for the layers above the core: its schema and indexes.

Bytes of it: a format version (1), the size of the names (u32, little-endian), the names, and a
body as documents have (docs/formats.md), so that any value that can be stored can be in it:

    {"schema": {...}, "indexes": [{"name", "fields": [[path, 1 or -1], ...], "unique", "where"}]}

A key that is not there means that there is none. Keys this version does not know are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from velocity._core.codec import Codec
from velocity._core.engine import CollectionBase
from velocity._core.errors import CorruptionError

FORMAT = 1
_HEAD = 5  # bytes before the names

Metadata = dict[str, Any]

_changing = threading.Lock()  # held from reading what is there to storing what it becomes


def pack(metadata: Metadata) -> bytes:
    """Metadata as bytes; none at all when there is nothing to say."""
    if not metadata:
        return b""
    codec = Codec()
    body = codec.encode(metadata)
    names = codec.export_names()
    return bytes([FORMAT]) + len(names).to_bytes(4, "little") + names + body


def unpack(data: bytes) -> Metadata:
    """The metadata of bytes. Raises ValueError when they are none."""
    if not data:
        return {}
    if data[0] != FORMAT:
        raise ValueError(f"format version {data[0]} is unknown: written by a newer version")
    names_end = _HEAD + int.from_bytes(data[1:_HEAD], "little")
    codec = Codec()
    codec.import_names(data[_HEAD:names_end])
    codec.validate(data[names_end:])
    return codec.decode(data[names_end:])


def read_metadata(collection: CollectionBase) -> Metadata:
    """A collection's metadata, a dict of the caller's own. Raises CorruptionError."""
    try:
        return unpack(collection._engine.metadata(collection))
    except ValueError as error:
        text = f"the schema and indexes of collection {collection.name!r} cannot be read: {error}"
        raise CorruptionError(text) from None


def change_metadata(collection: CollectionBase, change: Callable[[Metadata], object]) -> None:
    """Let `change` edit a collection's metadata and store it, durably, one change at a time.

    Raises StorageError: then nothing was changed. SchemaError past 1 MiB.
    """
    with _changing:
        metadata = read_metadata(collection)
        change(metadata)
        collection._engine.set_metadata(collection, pack(metadata))

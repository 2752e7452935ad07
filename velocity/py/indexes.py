"""Secondary indexes: naming, creating, dropping, listing, and building them at open.

What they are stands in the collection's metadata (metadata.py); what is in them is the core's and
built anew at every open. docs/indexes.md has the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from velocity._core.engine import CollectionBase, Engine, create_index, drop_index, find_index
from velocity._core.errors import NotFoundError, QueryError, SchemaError
from velocity.py.by_id import names_id
from velocity.py.metadata import Metadata, change_metadata, read_metadata

FIELDS_MAX = 32

Fields = str | Iterable[str]


@dataclass(frozen=True)
class IndexInfo:
    """One index of a collection. `fields` as create_index takes them: "-" means descending."""

    name: str
    fields: tuple[str, ...]
    unique: bool
    where: Mapping[str, Any] | None
    multikey: bool  # some document has, or had, a list in one of the fields
    entries: int
    memory: int  # bytes

    @property
    def bytes_per_entry(self) -> float:
        """Memory for each entry, its key included."""
        return self.memory / self.entries if self.entries else 0.0


def parse_fields(fields: Fields) -> list[tuple[str, int]]:
    """[(path, 1 or -1)] of "state" or ["state", "-priority"]."""
    if isinstance(fields, str):
        fields = [fields]
    try:
        named = list(fields)
    except TypeError:
        kind = type(fields).__name__
        raise SchemaError(f"fields must be a str or a list of str, not {kind}") from None
    parsed = []
    for field in named:
        if not isinstance(field, str):
            raise SchemaError(f"fields: {field!r:.80} must be a str, not {type(field).__name__}")
        path = field.removeprefix("-")
        try:
            path.encode()
        except UnicodeEncodeError:
            raise SchemaError(f"fields: {field!r:.80} must be encodable in UTF-8") from None
        if path.partition(".")[0] == "_id":
            raise SchemaError(f"fields: {field!r:.80}: ids are in order without an index")
        parsed.append((path, -1 if field.startswith("-") else 1))
    if not 1 <= len(parsed) <= FIELDS_MAX:
        raise SchemaError(f"fields: an index has 1 to {FIELDS_MAX} fields, not {len(parsed)}")
    return parsed


def default_name(fields: list[tuple[str, int]]) -> str:
    """As MongoDB names them: state_1_priority_-1."""
    return "_".join(f"{path}_{direction}" for path, direction in fields)


def _definitions(metadata: Metadata) -> list[dict[str, Any]]:
    definitions: list[dict[str, Any]] = metadata.get("indexes", [])
    return definitions


def _definition(collection: CollectionBase, name: str) -> dict[str, Any] | None:
    for known in _definitions(read_metadata(collection)):
        if known["name"] == name:
            return known
    return None


def create(
    collection: CollectionBase,
    fields: Fields,
    unique: bool,
    where: Mapping[str, Any] | None,
    name: str | None,
) -> str:
    """Build an index and keep its definition; returns its name."""
    parsed = parse_fields(fields)
    if not isinstance(unique, bool):
        raise SchemaError(f"unique must be a bool, not {type(unique).__name__}")
    if where is not None and not isinstance(where, Mapping):
        raise QueryError(f"where must be a filter, a dict, not {type(where).__name__}")
    if where is not None and names_id(where):
        raise QueryError("where: _id: what documents an index has cannot depend on their ids")
    if name is None:
        name = default_name(parsed)
    definition = {
        "name": name,
        "fields": [list(field) for field in parsed],
        "unique": unique,
        "where": where,
    }
    if not create_index(collection, name, parsed, unique, where):
        if _definition(collection, name) == definition:
            return name
        raise SchemaError(
            f"collection {collection.name!r} has an index {name!r} with another definition, or it "
            "is being built; drop it first or choose another name"
        )
    try:
        change_metadata(
            collection,
            lambda metadata: metadata.__setitem__(
                "indexes", [*_definitions(metadata), definition]
            ),
        )
    except BaseException:
        drop_index(collection, name)
        raise
    return name


def drop(collection: CollectionBase, name: str) -> None:
    """Forget an index. Raises NotFoundError."""

    def remove(metadata: Metadata) -> None:
        kept = [known for known in _definitions(metadata) if known["name"] != name]
        if len(kept) == len(_definitions(metadata)):
            raise NotFoundError(f"collection {collection.name!r} has no index {name!r}")
        if kept:
            metadata["indexes"] = kept
        else:
            del metadata["indexes"]

    change_metadata(collection, remove)
    drop_index(collection, name)


def infos(collection: CollectionBase) -> list[IndexInfo]:
    """The indexes that are ready, in the order in which they were created."""
    found = []
    for known in _definitions(read_metadata(collection)):
        index = find_index(collection, known["name"])
        if index is not None:
            found.append(
                IndexInfo(
                    name=index.name,
                    fields=tuple(
                        path if direction > 0 else f"-{path}" for path, direction in index.fields
                    ),
                    unique=index.unique,
                    where=known["where"],
                    multikey=index.multikey,
                    entries=index.entries,
                    memory=index.memory,
                )
            )
    return found


def build(collection: CollectionBase, alone: bool = False) -> None:
    """Build the indexes that a collection's metadata names and that are not there."""
    for known in _definitions(read_metadata(collection)):
        fields = [(path, direction) for path, direction in known["fields"]]
        create_index(
            collection, known["name"], fields, known["unique"], known["where"], alone=alone
        )


def build_all(engine: Engine) -> None:
    """Build the indexes of all collections. Requires: nobody else uses the engine yet."""
    for name in engine.list_collections():
        build(CollectionBase(engine, name), alone=True)

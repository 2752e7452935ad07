"""Store: what every group of the adapter's methods stands on.

It opens the database, makes the collections and their indexes, numbers what is added, and runs
steps of several documents as one transaction, again when another writer came between.

Any thread may use it: it has no lock, and nothing in it changes but that close() ends it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, TypeVar

from velocity._core.document import Document
from velocity._core.errors import (
    ConfigError,
    ConflictError,
    DatabaseClosedError,
    DuplicateKeyError,
    QueryError,
    SchemaError,
    UniqueError,
)
from velocity.py.collection import Collection
from velocity.py.colonyos.collections import LAYOUTS, Layout
from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.identifiers import random_id
from velocity.py.colonyos.sequence import sequence_of
from velocity.py.config import Config
from velocity.py.database import VelocityDB
from velocity.py.levels import Consistency
from velocity.py.transaction import Transaction

T = TypeVar("T")
S = TypeVar("S", bound="Store")

_making = threading.Lock()  # held while collections are made: two cannot build one index at once
ATTEMPTS_MAX = 1000  # of one step: each means that another writer's step was done


class Data:
    """The collections, by name."""

    colonies: Collection
    users: Collection
    executors: Collection
    locations: Collection
    functions: Collection
    processes: Collection
    processgraphs: Collection
    attributes: Collection
    generators: Collection
    generatorargs: Collection
    crons: Collection
    logs: Collection
    files: Collection
    snapshots: Collection
    blueprints: Collection
    blueprintdefinitions: Collection
    blueprinthistory: Collection
    security: Collection

    def __init__(self, db: VelocityDB) -> None:
        self.db = db
        for name in LAYOUTS:
            setattr(self, name, db.collection(name))
        self.sequence = sequence_of(db, self.security)


class Step(Transaction):
    """A transaction that finds documents by a query, too."""

    def __enter__(self) -> Step:
        super().__enter__()
        return self

    def get(self, collection: str, id: str, default: Any = None) -> Any:
        """As a transaction's; a string that can be no id is nobody's."""
        try:
            return super().get(collection, id, default)
        except SchemaError:
            return default

    def find(
        self, collection: str, filter: Mapping[str, Any], sort: str | list[str] | None = None,
        limit: int | None = None,
    ) -> list[Document]:
        """What matches and was committed, each remembered as if it had been read by its id.

        A document that begins to match before the commit is not noticed: it comes after this step.
        """
        found = self._db.collection(collection).find(filter, sort=sort, limit=limit).documents
        for document in found:
            self.remember(collection, document)
        return found

    def remember(self, collection: str, document: Document) -> None:
        """Have the commit check that a document, found outside of this step, has not changed."""
        self._remember(collection, document)

    def remove(self, collection: str, filter: Mapping[str, Any] | None = None) -> list[str]:
        """Delete what matches now, or all there is; the ids.

        For filters on fields that never change: that what was found still matches is not checked,
        so that writers on its documents cannot keep a large step from coming to its end.
        """
        handle = self._db.collection(collection)
        found = list(handle) if filter is None else [each.id for each in handle.find(filter)]
        ids = [id for id in found if not self._has_deleted(collection, id)]
        for id in ids:
            self._delete(collection, id)
        return ids


class Store:
    """The adapter's collections in one database."""

    def __init__(
        self,
        config: Config | VelocityDB,
        *,
        consistency: Mapping[str, Consistency | str] | None = None,
    ) -> None:
        """consistency: levels by collection name, for those that shall not have the usual one."""
        self._levels = _levels(consistency)
        self._open: Data | None = None
        self._owned = not isinstance(config, VelocityDB)
        self._db = config if isinstance(config, VelocityDB) else VelocityDB(config)
        try:
            self._make_collections()
            self._open = Data(self._db)
        except BaseException:
            if self._owned:
                self._db.close()
            raise

    def __enter__(self: S) -> S:
        _ = self._data
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the adapter, and close the database if the adapter opened it. Idempotent."""
        self._open = None
        if self._owned:
            self._db.close()

    def initialize(self) -> None:
        """Make the collections and indexes that are missing; opening has done so already."""
        _ = self._data
        self._make_collections()

    @property
    def db(self) -> VelocityDB:
        """The database beneath, for queries and watches of one's own."""
        return self._data.db

    @property
    def _data(self) -> Data:
        data = self._open
        if data is None:
            raise DatabaseClosedError("the adapter is closed")
        return data

    def _make_collections(self) -> None:
        with _making:
            for name, layout in LAYOUTS.items():
                self._make_collection(name, layout)

    def _make_collection(self, name: str, layout: Layout) -> None:
        collection = self._db.create_collection(
            name,
            layout.schema(name),
            consistency=self._levels.get(name, layout.level),
            if_not_exists=True,
        )
        there = {index.name for index in collection.indexes}
        for index in layout.indexes:
            if index.name not in there:
                collection.create_index(
                    list(index.fields), unique=index.unique, where=index.where, name=index.name
                )

    def _atomically(self, step: Callable[[Step], T]) -> T:
        """Run a step as one transaction, again while others change what it has read.

        Raises ConflictError when that happened a thousand times in a row.
        """
        db = self._data.db
        for _ in range(ATTEMPTS_MAX - 1):
            try:
                with Step(db) as run:
                    return step(run)
            except ConflictError:
                continue
        with Step(db) as run:
            return step(run)


def now() -> datetime:
    """The time, to be read once in a step."""
    return datetime.now(timezone.utc)


def ago(*, days: int = 0, seconds: int = 0) -> datetime:
    """The time so long ago; ZERO_TIME when that is before all time."""
    try:
        return now() - timedelta(days=days, seconds=seconds)
    except OverflowError:
        return ZERO_TIME


def checked(value: Any, type_: type[T], what: str) -> T:
    """An argument that has to be of a type. Raises SchemaError."""
    if not isinstance(value, type_):
        raise SchemaError(f"{what}: wants {type_.__name__}, not {type(value).__name__}")
    return value


def id_or_new(id: Any, what: str) -> str:
    """The id, or a new one for an empty one. Raises SchemaError when it is no string."""
    return checked(id, str, what) or random_id()


def insert_once(collection: Collection, id: str, fields: Mapping[str, Any], what: str) -> None:
    """Insert. Raises DuplicateKeyError, which says what already exists: its id or its name."""
    try:
        collection.insert(id, fields)
    except (DuplicateKeyError, UniqueError):
        raise DuplicateKeyError(f"{what} already exists") from None


def checked_int(value: Any, what: str) -> int:
    """A whole number; True and False are none. Raises SchemaError."""
    if isinstance(value, bool):
        raise SchemaError(f"{what}: wants int, not bool")
    return checked(value, int, what)


def check_texts(**arguments: Any) -> None:
    """Arguments, by their names, that have to be strings of Unicode. Raises SchemaError."""
    for what, value in arguments.items():
        if not checked(value, str, what).isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise SchemaError(f"{what}: {value!r} is not valid Unicode") from None


def document_by_id(collection: Collection, id: str) -> Document | None:
    """The document; None, too, for a string that can be no id."""
    try:
        document: Document | None = collection.get(id)
    except SchemaError:
        return None
    return document


def delete_by_id(collection: Collection, id: str) -> None:
    """Delete the document, if there is one; a string that can be no id is nobody's."""
    try:
        collection.delete(id)
    except SchemaError:
        return


def checked_count(count: Any, what: str = "count") -> int:
    """A number of results that may be given at most. Raises SchemaError, QueryError below 0."""
    number = checked_int(count, what)
    if number < 0:
        raise QueryError(f"{what}: wants a number from 0, not {number}")
    return number


def _levels(given: Mapping[str, Consistency | str] | None) -> dict[str, Consistency]:
    levels = {}
    for name, level in (given or {}).items():
        if name not in LAYOUTS:
            names = ", ".join(LAYOUTS)
            raise ConfigError(f"consistency: {name!r} is no collection; allowed: {names}")
        try:
            levels[name] = Consistency(level)
        except ValueError:
            allowed = ", ".join(each.value for each in Consistency)
            text = f"consistency: {name}: {level!r} is not possible; allowed: {allowed}"
            raise ConfigError(text) from None
    return levels

"""Collection: a handle on one collection, a MutableMapping of id -> Document.

The hot methods are CollectionBase's, in the core, with no Python frame around them; here is what is
built on them. A handle may be used from any thread, for as long as its database is open.
"""

from __future__ import annotations

import sys
from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
    ValuesView,
)
from itertools import islice
from typing import Any

from velocity._core.document import Document
from velocity._core.engine import CASResult
from velocity._core.errors import (
    ConflictError,
    ConsistencyError,
    DuplicateKeyError,
    MemoryLimitError,
    NotFoundError,
    QueryError,
    SchemaError,
)
from velocity.py import indexes as _indexes
from velocity.py.aggregate import aggregate
from velocity.py.columns import Columns
from velocity.py.evolve import evolve, stored_schema
from velocity.py.ids import new_id
from velocity.py.levels import Consistency, choices
from velocity.py.metadata import read_metadata
from velocity.py.operators import Update
from velocity.py.queries import Queries
from velocity.py.results import CASRequest
from velocity.py.schema import Schema, schema_of
from velocity.py.search import SearchHit, search
from velocity.py.watch import ChangeEvent, Watch

CHUNK = 256  # documents a scan reads at a time: enough to hide the call, little to hold
FIRST = 32   # and at first, so that it soon gives one
_REQUIRED: Any = object()


class Collection(Queries, Columns, MutableMapping[str, Any]):  # type: ignore[misc]
    """Documents by id. `update` is the document verb, not MutableMapping's."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<velocity.Collection {self.name!r}, {self.consistency.value}>"

    @property
    def consistency(self) -> Consistency:
        """The level that writes have, and reads unless they name a weaker one."""
        return Consistency.of_level(self.level)

    @property
    def schema(self) -> Schema | None:
        """What the documents must be like, None: anything. A copy: `evolve` changes it."""
        return stored_schema(read_metadata(self))

    def evolve(self, schema: Schema | Mapping[str, Any] | None) -> None:
        """Put the collection under another schema while it is used; None: under none.

        Documents that are there get the defaults of fields they lack. Raises SchemaError naming
        documents that do not fit the new schema: then nothing was changed.
        """
        evolve(self, None if schema is None else schema_of(schema))

    def add(
        self,
        fields: Mapping[str, Any],
        *,
        ttl: float | None = None,
        consistency: Consistency | str | None = None,
    ) -> str:
        """Insert under a new id, which is returned: ids sort by the time they were made."""
        id = new_id()
        self.insert(id, fields, ttl=ttl, consistency=consistency)
        return id

    def scan(
        self,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
        *,
        consistency: Consistency | str | None = None,
    ) -> Iterator[Document]:
        """Documents in the order of their ids' UTF-8 bytes; `start` is included, `end` is not.

        Each is given as it is when it is reached, and none twice: those put ahead of the scan
        meanwhile are met, and those put behind it are not. limit: most documents to give.
        """
        most = checked_limit(limit)
        if consistency is not None:
            self._check_level(consistency, False)
        bounds = self._bounds(prefix, start, end)
        return islice(self._documents(*bounds, reverse, most), most)

    def __iter__(self) -> Iterator[str]:
        return self._each_id(*self._bounds(None, None, None), False)

    def _slices(
        self, low: bytes, high: bytes | None, reverse: bool, most: int | None = None
    ) -> Iterator[list[str]]:
        """The ids of a range in their order, a slice at a time, as they are when it is reached;
        those of expired documents may be among them. most: how many will do."""
        size = FIRST if most is None else min(most, CHUNK)
        while size:
            try:
                ids = self._ids_slice(low, high, reverse, size)
            except MemoryLimitError:  # no room for the tree of ids
                ids = self._ids(low, high)
                size = len(ids) + 1
                if reverse:
                    ids.reverse()
            for at in range(0, len(ids), CHUNK):
                yield ids[at : at + CHUNK]
            if len(ids) < size:
                return
            last = ids[-1].encode("utf-8", "surrogatepass")
            low, high = (low, last) if reverse else (last + b"\0", high)
            size = CHUNK

    def _each_id(self, low: bytes, high: bytes | None, reverse: bool) -> Iterator[str]:
        due = self._due()  # before the ids are read: what is removed after that was there
        for ids in self._slices(low, high, reverse):
            if due:
                ids = [document.id for document in self.get_many(ids) if document is not None]
            yield from ids
            due = self._due()

    def _documents(
        self, low: bytes, high: bytes | None, reverse: bool = False, most: int | None = None
    ) -> Iterator[Document]:
        for ids in self._slices(low, high, reverse, most):
            for document in self.get_many(ids):
                if document is not None:
                    yield document

    def create_index(
        self,
        fields: _indexes.Fields,
        unique: bool = False,
        where: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> str:
        """Build an index on one field or several, "-" before a descending one; returns its name.

        Others may write meanwhile. Paths are dotted; a list is indexed by each element, for one
        field of a document; a missing field as None. unique: no two documents with equal values.
        where: a filter; only documents that match are in the index.
        The same index twice is one. Raises UniqueError for a unique one over duplicates (it names
        some), SchemaError for documents or definitions that cannot be; then nothing has changed.
        """
        return _indexes.create(self, fields, unique, where, name)

    def drop_index(self, name: str) -> None:
        """Drop an index. Raises NotFoundError when there is none of that name."""
        _indexes.drop(self, name)

    @property
    def indexes(self) -> list[_indexes.IndexInfo]:
        """The collection's indexes, in the order in which they were created."""
        return _indexes.infos(self)

    def aggregate(
        self,
        pipeline: Sequence[Mapping[str, Any]],
        *,
        consistency: Consistency | str | None = None,
    ) -> list[dict[str, Any]]:
        """What comes out of a pipeline of MongoDB's stages; each document's "_id" is its id.

        The whole pipeline is checked before anything is read. Raises: QueryError, naming the place.
        """
        if consistency is not None:
            self._check_level(consistency, False)
        return aggregate(self, pipeline, lambda name: Collection(self._engine, name))

    def values(self) -> ValuesView[Document]:
        return _Values(self)

    def items(self) -> ItemsView[str, Document]:
        return _Items(self)

    def pop(self, id: str, default: Any = _REQUIRED) -> Any:
        """Take the document out and return it. Of several threads, one gets it."""
        while True:
            document = self.get(id)
            if document is None:
                if default is _REQUIRED:
                    raise NotFoundError(f"collection {self.name!r} has no document {id!r}")
                return default
            if self._delete_exactly(document):
                return document

    def popitem(self) -> tuple[str, Document]:
        """Take any document out: (id, document). Raises NotFoundError when there is none."""
        while True:
            for id in self:
                document = self.get(id)
                if document is not None and self._delete_exactly(document):
                    return id, document
            if not len(self):
                raise NotFoundError(f"collection {self.name!r} is empty")

    def watch(
        self,
        filter: Mapping[str, Any] | None = None,
        since: int | ChangeEvent | None = None,
    ) -> Watch:
        """An iterator of the changes made from now on, or after `since`, each once, in order.

        filter: only changes after which the document matches; removals come always. since: a
        sequence or an event: what was acknowledged after it, also before a restart. Raises
        HistoryLostError when that is no longer kept.
        """
        return Watch(self, filter, since)

    def search(
        self,
        text: str,
        fields: str | Iterable[str] | Mapping[str, float] | None = None,
        limit: int = 10,
    ) -> list[SearchHit]:
        """The documents that fit a text best, by BM25, in the fields declared with fulltext=True.

        text: words, "phrases", begin*, near~1, +must, -not, field:word, word^2. fields: which, and
        how much each counts: names, "title^2", or a dict. Everything acknowledged before the call
        is found. Raises QueryError for a text that makes no sense.
        """
        return search(self, text, fields, limit)

    def _siblings(self) -> list[Collection]:
        """All collections of the database."""
        return [Collection(self._engine, name) for name in self._engine.list_collections()]

    def _delete_exactly(self, document: Document) -> bool:
        """Delete the document if it is still this one."""
        try:
            self._engine.apply([("delete", self, document.id, None, None, document._stamp)])
        except ConflictError:
            return False
        return True

    def setdefault(self, id: str, default: Mapping[str, Any] | None = None) -> Document:
        """The document of this id; where there is none, insert these fields first."""
        while True:
            document: Document | None = self.get(id)
            if document is not None:
                return document
            try:
                self.insert(id, {} if default is None else default)
            except DuplicateKeyError:
                continue  # another was quicker: its document counts

    def clear(self) -> None:
        """Delete every document that is there now."""
        ids = self._ids()
        for at in range(0, len(ids), CHUNK):
            self.delete_many(ids[at : at + CHUNK])

    def _check_level(self, consistency: Any, write: bool) -> None:
        """Refuse a level that this collection cannot give. The core calls it when one is named."""
        try:
            wanted = Consistency(consistency)
        except ValueError:
            raise ConsistencyError(
                f"{consistency!r} is no consistency level; allowed: {choices(Consistency)}"
            ) from None
        if wanted.level == self.level or (wanted.level < self.level and not write):
            return
        rule = "writes use that level" if write else "reads use that level or a weaker one"
        raise ConsistencyError(
            f"collection {self.name!r} is {self.consistency.value}, not {wanted.value}: {rule}"
        )

    def _swap_request(self, request: Any, consistency: Any) -> CASResult:
        """compare_and_swap with one CASRequest. The core calls it when the id is no id."""
        if not isinstance(request, CASRequest):
            raise SchemaError(f"an id must be a str, not {type(request).__name__}")
        return self.compare_and_swap(
            request.key,
            request.expected,
            request.value,
            request.expected_version,
            request.replace,
            request.ttl,
            consistency,
        )

    def _apply_operators(
        self, id: str, operators: Mapping[str, Any], ttl: float | None
    ) -> int:
        """Read, compute, write if unchanged; again when another writer was between."""
        update = Update(operators)
        while True:
            document = self.get(id)
            if document is None:
                raise NotFoundError(f"collection {self.name!r} has no document {id!r}")
            fields = update.apply(document.fields)
            rewrite = ("rewrite", self, id, fields, ttl, document._stamp)
            try:
                return self._engine.apply([rewrite])[0]
            except ConflictError:
                continue


def checked_limit(limit: Any) -> int | None:
    """The limit as what islice takes."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise QueryError(f"limit: wants a whole number or None, not {type(limit).__name__}")
    if limit < 0:
        raise QueryError(f"limit: {limit} is below 0")
    return min(limit, sys.maxsize)


class _Values(ValuesView[Document]):
    """Documents in chunks; one that goes meanwhile is left out instead of raising."""

    __slots__ = ()
    _mapping: Collection

    def __iter__(self) -> Iterator[Document]:
        return self._mapping._documents(*self._mapping._bounds(None, None, None))


class _Items(ItemsView[str, Document]):
    """As _Values, with the ids."""

    __slots__ = ()
    _mapping: Collection

    def __iter__(self) -> Iterator[tuple[str, Document]]:
        for document in self._mapping.values():
            yield document.id, document

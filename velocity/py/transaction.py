"""Transaction: optimistic and serializable.

Reads remember what they saw: documents by stamp, scans and counts by the collection's change count.
Writes are kept back and seen by the transaction's own reads. The commit is one batch of the engine:
every remembered stamp as a check, then the writes; a check that fails is a ConflictError.

One thread at a time uses a transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from velocity._core.document import Document
from velocity._core.engine import CollectionBase, fitted_fields
from velocity._core.errors import (
    ConflictError,
    DuplicateKeyError,
    NotFoundError,
    SchemaError,
    VelocityError,
)
from velocity._core.filter import Filter
from velocity.py.collection import CHUNK, checked_limit
from velocity.py.ids import new_id
from velocity.py.operators import apply_operators, has_operators
from velocity.py.results import TransactionCASResult
from velocity.py.values import copied, fields_match, is_object

if TYPE_CHECKING:
    from velocity.py.database import VelocityDB

Op = tuple[str, CollectionBase, str | None, Mapping[str, Any] | None, float | None, int | None]


class _State(NamedTuple):
    """A document as the transaction sees it: None and 0 when it is not there."""

    document: Document | None
    version: int


class Transaction:
    """Reads and writes of any collections that take effect together when the block ends well."""

    def __init__(self, db: VelocityDB) -> None:
        self._db = db
        self._ended = ""  # why it can no longer be used
        self._read: dict[tuple[str, str], _State] = {}  # as first read: repeatable
        self._written: dict[str, dict[str, _State]] = {}
        self._counts: dict[str, int] = {}  # change counts at the first scan or count
        self._ops: list[Op] = []

    def __enter__(self) -> Transaction:
        self._check_active()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ended:
            return
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def commit(self) -> None:
        """Check all reads and apply all writes as one batch. Raises ConflictError: run again."""
        self._check_active()
        self._ended = "was committed"
        ops: list[Op] = []
        for name, count in self._counts.items():
            ops.append(("unchanged", self._db.collection(name), None, None, None, count))
        for (name, id), state in self._read.items():
            stamp = 0 if state.document is None else state.document._stamp
            ops.append(("check", self._db.collection(name), id, None, None, stamp))
        self._db._engine.apply(ops + self._ops)

    def rollback(self) -> None:
        """Forget the writes; a later call on the transaction raises VelocityError."""
        self._check_active()
        self._ended = "was rolled back"

    def get(self, collection: str, id: str, default: Any = None) -> Any:
        """The document, with this transaction's own writes, or `default`."""
        document = _given(self._state(collection, id))
        return default if document is None else document

    def get_many(self, collection: str, ids: Iterable[str]) -> list[Document | None]:
        """As the collection's, with this transaction's own writes."""
        if isinstance(ids, str) or not isinstance(ids, Iterable):
            raise SchemaError(f"get_many takes an iterable of ids, not {type(ids).__name__}")
        return [_given(self._state(collection, id)) for id in ids]

    def contains(self, collection: str, id: str) -> bool:
        """Whether there is such a document."""
        return self._state(collection, id).document is not None

    def insert(
        self,
        collection: str,
        id: str | Document,
        fields: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
    ) -> int:
        """As the collection's insert; DuplicateKeyError is raised here, not at the commit."""
        if isinstance(id, Document):
            fields, id = id.fields, id.id
        if self._state(collection, id).document is not None:
            raise DuplicateKeyError(f"collection {collection!r} has a document {id!r} already")
        return self._write("insert", collection, id, fields, ttl)

    def add(
        self, collection: str, fields: Mapping[str, Any], *, ttl: float | None = None
    ) -> str:
        """Insert under a new id, which is returned."""
        id = new_id()
        self.insert(collection, id, fields, ttl=ttl)
        return id

    def put(
        self, collection: str, id: str, fields: Mapping[str, Any], *, ttl: float | None = None
    ) -> int:
        """Insert or replace; returns the version that it will have."""
        return self._write("put", collection, id, fields, ttl)

    def replace(
        self, collection: str, id: str, fields: Mapping[str, Any], *, ttl: float | None = None
    ) -> int:
        """As the collection's replace; NotFoundError is raised here, not at the commit."""
        self._present(collection, id)
        return self._write("replace", collection, id, fields, ttl)

    def update(
        self, collection: str, id: str, fields: Mapping[str, Any], *, ttl: float | None = None
    ) -> int:
        """Merge fields, or apply update operators to what this transaction sees."""
        old = self._present(collection, id).to_dict()
        if has_operators(_mapping(fields)):
            new = apply_operators(old, fields)
        else:
            new = {**old, **_mapping(fields)}
        return self._write("rewrite", collection, id, new, ttl)

    def delete(self, collection: str, id: str) -> bool:
        """Delete; whether it was there."""
        state = self._state(collection, id)
        if state.document is None:
            return False
        self._delete(collection, id)
        return True

    def compare_and_swap(
        self,
        collection: str,
        id: str,
        expected: Mapping[str, Any] | None = None,
        value: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
        replace: bool = False,
        ttl: float | None = None,
    ) -> TransactionCASResult:
        """As the collection's, on what this transaction sees."""
        document, version = self._state(collection, id)
        changes = _mapping(value, "value")
        if expected is not None:
            _mapping(expected, "expected")
        if expected_version is not None:
            _check_version(expected_version)
        if expected is None and expected_version is None:
            holds = document is None
        else:
            holds = document is not None and expected_version in (None, version)
            holds = holds and fields_match(document or {}, expected or {})
        current = None if document is None else copied(document.to_dict())
        if not holds:
            return TransactionCASResult(False, version, current)
        new = dict(changes) if current is None or replace else {**current, **changes}
        kind = "put" if current is None else "replace" if replace else "rewrite"
        version = self._write(kind, collection, id, new, ttl)
        written = self._written[collection][id].document
        assert written is not None
        return TransactionCASResult(True, version, copied(written.to_dict()))

    def scan(
        self,
        collection: str,
        prefix: str | None = None,
        start: str | None = None,
        end: str | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Document]:
        """As the collection's scan, with the writes made so far.

        Any other writer's change to the collection before the commit is a conflict.
        """
        self._remember_count(collection)
        handle = self._db.collection(collection)
        most = checked_limit(limit)
        written = dict(self._written.get(collection, {}))
        bounds = handle._bounds(prefix, start, end)
        theirs = (id for id in handle._each_id(*bounds, reverse) if id not in written)
        ours = sorted(
            (
                id
                for id, state in written.items()
                if state.document is not None and _in_range(id, prefix, start, end)
            ),
            reverse=reverse,
        )
        ids = merge(theirs, ours, reverse=reverse)
        return islice(self._documents(collection, ids, written), most)

    def _documents(
        self, collection: str, ids: Iterator[str], written: dict[str, _State]
    ) -> Iterator[Document]:
        handle = self._db.collection(collection)
        while chunk := list(islice(ids, CHUNK)):
            self._check_active()
            for id, theirs in zip(chunk, handle.get_many(chunk)):
                document = _given(written[id]) if id in written else theirs
                if document is not None:
                    yield document

    def count(self, collection: str, filter: Mapping[str, Any] | None = None) -> int:
        """As the collection's count, with the writes made so far; conflicts as scan's."""
        self._remember_count(collection)
        total = self._db.collection(collection).count(filter)
        written = self._written.get(collection)
        if written:
            wanted = Filter({} if filter is None else filter)
            for id, state in written.items():
                before = self._read[collection, id]
                total += _matches(state, wanted) - _matches(before, wanted)
        return total

    def _check_active(self) -> None:
        if self._ended:
            raise VelocityError(f"the transaction {self._ended}: start another")

    def _remember_count(self, collection: str) -> None:
        """Before the read it guards. An older count stays: a change since is a conflict anyway."""
        self._check_active()
        handle = self._db.collection(collection)
        if collection not in self._counts:
            self._counts[collection] = handle.change_count

    def _state(self, collection: str, id: str) -> _State:
        self._check_active()
        if not isinstance(collection, str) or not isinstance(id, str):
            self._db.collection(collection).get(id)  # says what is wrong with them
        written = self._written.get(collection)
        if written is not None and id in written:
            return written[id]
        state = self._read.get((collection, id))
        if state is None:
            document = self._db.collection(collection).get(id)
            state = _State(document, 0 if document is None else document.version)
            self._read[collection, id] = state
        return state

    def _remember(self, collection: str, document: Document) -> None:
        """As if the document had been read by its id. Raises ConflictError if another one was."""
        self._check_active()
        found = _State(document, document.version)
        read = self._read.setdefault((collection, document.id), found).document
        if read is None or read._stamp != document._stamp:
            raise ConflictError(f"{collection} {document.id!r} changed while it was read")

    def _present(self, collection: str, id: str) -> Document:
        document = self._state(collection, id).document
        if document is None:
            raise NotFoundError(f"collection {collection!r} has no document {id!r}")
        return document

    def _delete(self, collection: str, id: str) -> None:
        self._ops.append(("delete", self._db.collection(collection), id, None, None, None))
        self._written.setdefault(collection, {})[id] = _State(None, 0)

    def _has_deleted(self, collection: str, id: str) -> bool:
        written = self._written.get(collection, {}).get(id)
        return written is not None and written.document is None

    def _write(
        self,
        kind: str,
        collection: str,
        id: str,
        fields: Mapping[str, Any] | None,
        ttl: float | None,
    ) -> int:
        """Keep a write back; the version that the document will have."""
        version = self._state(collection, id).version + 1
        handle = self._db.collection(collection)
        own = copied(fitted_fields(handle, id, _mapping(fields), kind != "rewrite"))
        op: Op = (kind, handle, id, own, ttl, None)
        _refuse_unstorable(self._db, op)
        self._ops.append(op)
        document = Document(id, own)._as_version(version)
        self._written.setdefault(collection, {})[id] = _State(document, version)
        return version


class _Judged(Exception):
    """Ends a batch that is only to be judged."""


def _refuse_unstorable(db: VelocityDB, op: Op) -> None:
    """Have the core encode an operation, which raises SchemaError for what may not be stored.

    The batch breaks off after it, so that nothing is applied.
    """

    def batch() -> Iterator[Op]:
        yield op
        raise _Judged

    try:
        db._engine.apply(batch())
    except _Judged:
        pass


def _mapping(fields: Any, what: str = "fields") -> Mapping[str, Any]:
    if not is_object(fields):
        raise SchemaError(f"{what}: wants an object, not {type(fields).__name__}")
    known: Mapping[str, Any] = fields
    return known


def _check_version(version: Any) -> None:
    if isinstance(version, bool) or not isinstance(version, int):
        raise SchemaError(f"expected_version must be an int, not {type(version).__name__}")


def _given(state: _State) -> Document | None:
    """The document for the program: a copy of one written here, which will be committed."""
    document = state.document
    if document is None or document.created is not None:
        return document
    return Document(document.id, copied(document.to_dict()))._as_version(state.version)


def _matches(state: _State, wanted: Filter) -> bool:
    return state.document is not None and wanted.matches(state.document.to_dict())


def _in_range(id: str, prefix: str | None, start: str | None, end: str | None) -> bool:
    """Code points sort as their UTF-8 bytes do."""
    if prefix is not None and not id.startswith(prefix):
        return False
    return (start is None or id >= start) and (end is None or id < end)

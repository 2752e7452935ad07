"""Batches: operations of any collections, applied all or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from velocity._core.errors import (
    ConflictError,
    DuplicateKeyError,
    NotFoundError,
    QueryError,
    SchemaError,
    VelocityError,
)
from velocity.py.operators import has_operators
from velocity.py.transaction import Op, Transaction
from velocity.py.values import is_object

if TYPE_CHECKING:
    from velocity.py.database import VelocityDB

WRITES = ("insert", "put", "update", "replace", "delete")


@dataclass(frozen=True)
class BatchOperation:
    """One operation of a batch or of `transact`.

    kind: "insert", "put", "update", "replace", "delete"; in `transact` also "get". fields: not for
    delete and get. ttl: seconds until the document expires; None: it does not (an update keeps it).
    """

    kind: str
    collection: str
    id: str | None = None
    fields: Mapping[str, Any] | None = None
    ttl: float | None = None


def checked(operations: Iterable[BatchOperation], kinds: tuple[str, ...]) -> list[BatchOperation]:
    """The operations as a list, each whole; errors name the position, from 0."""
    if not isinstance(operations, Iterable):
        kind = type(operations).__name__
        raise QueryError(f"operations: an iterable of BatchOperation is wanted, not {kind}")
    result = list(operations)
    for position, operation in enumerate(result):
        try:
            _check(operation, kinds)
        except VelocityError as error:
            raise at_position(error, position) from None
    return result


def _check(operation: BatchOperation, kinds: tuple[str, ...]) -> None:
    if not isinstance(operation, BatchOperation):
        raise QueryError(f"wants a BatchOperation, not {type(operation).__name__}")
    kind = operation.kind
    if kind not in kinds:
        raise QueryError(f"{kind!r} is no kind; allowed: {', '.join(kinds)}")
    if not isinstance(operation.collection, str):
        raise QueryError(f"{kind}: collection wants a name, not {operation.collection!r}")
    if not isinstance(operation.id, str):
        raise SchemaError(f"{kind}: id wants a string, not {operation.id!r}")
    if kind in ("delete", "get"):
        if operation.fields is not None or operation.ttl is not None:
            raise QueryError(f"{kind}: takes neither fields nor ttl")
    elif not is_object(operation.fields):
        raise SchemaError(f"{kind}: fields wants an object, not {type(operation.fields).__name__}")


def at_position(error: VelocityError, position: int) -> VelocityError:
    """The same error, saying which operation it is about."""
    text = str(error)
    error.args = (f"operation {position}: {text}",)
    return error


def apply_batch(db: VelocityDB, operations: Iterable[BatchOperation]) -> list[int]:
    """Apply all; each operation's version (a delete: 1 when there was one, else 0)."""
    batch = checked(operations, WRITES)
    if any(op.kind == "update" and has_operators(op.fields or {}) for op in batch):
        return _apply_operator_batch(db, batch)
    return apply_plain(db, batch, [])


def apply_plain(db: VelocityDB, batch: list[BatchOperation], checks: list[Op]) -> list[int]:
    """Apply operations that need no reading, if the checks hold; else ConflictError."""
    position = 0

    def ops() -> Iterator[Op]:
        nonlocal position
        for op in batch:
            yield op.kind, db.collection(op.collection), op.id, op.fields, op.ttl, None
            position += 1

    try:
        return db._engine.apply(chain(checks, ops()))[len(checks) :]
    except (NotFoundError, DuplicateKeyError) as error:
        if position < len(batch):
            raise at_position(error, position) from None
        perform(Transaction(db), batch)  # raises the same, at its position
        raise  # what stood in the way has gone since
    except (SchemaError, QueryError) as error:
        raise at_position(error, position) from None


def _apply_operator_batch(db: VelocityDB, batch: list[BatchOperation]) -> list[int]:
    """Operators need what is there before, so this is a transaction, run until none interferes."""
    while True:
        transaction = Transaction(db)
        versions = [int(result) for result in perform(transaction, batch)]
        try:
            transaction.commit()
        except ConflictError:
            continue
        return versions


def perform(transaction: Transaction, operations: list[BatchOperation]) -> list[Any]:
    """Run operations in a transaction; each one's result."""
    results = []
    for position, op in enumerate(operations):
        try:
            results.append(_perform(transaction, op))
        except VelocityError as error:
            raise at_position(error, position) from None
    return results


def _perform(transaction: Transaction, op: BatchOperation) -> Any:
    id = op.id or ""
    if op.kind == "get":
        return transaction.get(op.collection, id)
    if op.kind == "delete":
        return transaction.delete(op.collection, id)
    write = getattr(transaction, op.kind)
    return write(op.collection, id, op.fields, ttl=op.ttl)

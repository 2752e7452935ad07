"""transact: conditions and two branches of operations in one atomic step, as etcd's Txn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from velocity._core.document import Document
from velocity._core.errors import ConflictError, QueryError
from velocity.py.batch import WRITES, BatchOperation, apply_plain, checked, perform
from velocity.py.operators import has_operators
from velocity.py.results import Compare, TransactResult
from velocity.py.transaction import Op, Transaction
from velocity.py.values import fields_match, is_object

if TYPE_CHECKING:
    from velocity.py.database import VelocityDB

_KINDS = (*WRITES, "get")
_NAMES = [field.name for field in fields(Compare)]


def transact(
    db: VelocityDB,
    compare: Iterable[Compare | Mapping[str, Any]],
    then: Iterable[BatchOperation],
    otherwise: Iterable[BatchOperation],
) -> TransactResult:
    """Run `then` when every comparison holds, else `otherwise`; again when another interferes."""
    if not isinstance(compare, Iterable):
        raise QueryError(f"compare: an iterable is wanted, not {type(compare).__name__}")
    conditions = [_condition(item, position) for position, item in enumerate(compare)]
    branches = checked(otherwise, _KINDS), checked(then, _KINDS)
    if _needs_reading(branches):
        return _transact_reading(db, conditions, branches)
    while True:
        succeeded = True
        checks: list[Op] = []
        for condition in conditions:  # all are read: the branch taken depends on each
            collection = db.collection(condition.collection)
            document: Document | None = collection.get(condition.id)
            stamp = 0 if document is None else document._stamp
            checks.append(("check", collection, condition.id, None, None, stamp))
            succeeded = _holds(document, condition) and succeeded
        branch = branches[succeeded]
        try:
            versions = apply_plain(db, branch, checks)
        except ConflictError:
            continue
        results = [bool(v) if op.kind == "delete" else v for op, v in zip(branch, versions)]
        return TransactResult(succeeded, results)


def _needs_reading(branches: tuple[list[BatchOperation], ...]) -> bool:
    for branch in branches:
        for op in branch:
            if op.kind == "get" or (op.kind == "update" and has_operators(op.fields or {})):
                return True
    return False


def _transact_reading(
    db: VelocityDB, conditions: list[Compare], branches: tuple[list[BatchOperation], ...]
) -> TransactResult:
    """The same for branches whose operations look at documents: as a transaction."""
    while True:
        transaction = Transaction(db)
        held = [_holds(transaction.get(c.collection, c.id), c) for c in conditions]
        results = perform(transaction, branches[all(held)])
        try:
            transaction.commit()
        except ConflictError:
            continue
        return TransactResult(all(held), results)


def _condition(item: Compare | Mapping[str, Any], position: int) -> Compare:
    where = f"compare {position}"
    if not isinstance(item, Compare) and isinstance(item, Mapping):
        unknown = [name for name in item if name not in _NAMES]
        if unknown:
            raise QueryError(f"{where}: unknown {unknown[0]!r}; known: {', '.join(_NAMES)}")
        missing = [name for name in ("collection", "id") if name not in item]
        if missing:
            raise QueryError(f"{where}: {missing[0]!r} is missing")
        item = Compare(**item)
    if not isinstance(item, Compare):
        raise QueryError(f"{where}: wants a Compare or a mapping, not {type(item).__name__}")
    for name, value in (("collection", item.collection), ("id", item.id)):
        if not isinstance(value, str):
            raise QueryError(f"{where}: {name} wants a string, not {type(value).__name__}")
    if item.fields is None and item.version is None and item.exists is None:
        raise QueryError(f"{where}: says nothing to compare: fields, version or exists")
    if item.fields is not None and not is_object(item.fields):
        raise QueryError(f"{where}: fields wants an object, not {type(item.fields).__name__}")
    if isinstance(item.version, bool) or not isinstance(item.version, (int, type(None))):
        raise QueryError(f"{where}: version wants a whole number, not {item.version!r}")
    if not isinstance(item.exists, (bool, type(None))):
        raise QueryError(f"{where}: exists wants True or False, not {item.exists!r}")
    return item


def _holds(document: Document | None, condition: Compare) -> bool:
    if condition.exists is not None and condition.exists != (document is not None):
        return False
    if condition.version is not None:
        if condition.version != (0 if document is None else document.version):
            return False
    if condition.fields is None:
        return True
    return document is not None and fields_match(document, condition.fields)

"""The database has every method of a collection, asyncio every method of both; with signatures."""

from __future__ import annotations

import inspect
import pydoc

import pytest

import velocity
import velocity.aio
from velocity import Collection, Transaction, VelocityDB
from velocity.py.signatures import method_signature


def methods(kind):
    names = (name for name in dir(kind) if not name.startswith("_"))
    return {name for name in names if callable(getattr(kind, name))}


def parameters(method):
    return list(inspect.signature(method).parameters)


COLLECTION, DATABASE, TRANSACTION = map(methods, (Collection, VelocityDB, Transaction))


def test_there_is_something_to_compare():
    assert {"get", "insert", "scan", "compare_and_swap"} <= COLLECTION
    assert {"batch", "transaction", "flush"} <= DATABASE


@pytest.mark.parametrize("name", sorted(COLLECTION))
def test_the_database_has_it_with_the_collection_first(name):
    assert parameters(getattr(VelocityDB, name))[:2] == ["self", "collection"]
    own = list(method_signature(getattr(Collection, name), first=("self",)).parameters)[1:]
    assert parameters(getattr(VelocityDB, name))[2:] == own


@pytest.mark.parametrize(
    ("kind", "mirror"),
    [
        (Collection, velocity.aio.AsyncCollection),
        (VelocityDB, velocity.aio.AsyncVelocityDB),
        (Transaction, velocity.aio.AsyncTransaction),
    ],
)
def test_asyncio_has_it(kind, mirror):
    for name in sorted(methods(kind) - {"transaction"}):
        method = getattr(mirror, name)
        is_async = inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        assert is_async or name == "watch", name  # which gives an asynchronous iterator
        own = list(method_signature(getattr(kind, name), first=("self",)).parameters)
        assert parameters(method) == own, name
        assert method.__name__ == name


def test_help_shows_them():
    # From 3.13 on long signatures are broken over lines.
    text = "".join(pydoc.render_doc(VelocityDB, renderer=pydoc.plaintext).split()).replace("|", "")
    assert "get(self,collection,id,default=None,*,consistency=None)" in text
    assert "compare_and_swap(self,collection" in text


def test_a_transaction_has_the_document_verbs():
    assert {"get", "get_many", "insert", "add", "put", "update", "replace", "delete"} <= TRANSACTION
    for name in sorted(TRANSACTION - {"commit", "rollback"}):
        assert parameters(getattr(Transaction, name))[:2] == ["self", "collection"], name

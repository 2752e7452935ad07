"""A machine of steps on one indexed collection, each of them made in plain documents as well.

What is refused and what is not, and what each index holds, must follow from the plain documents alone.
"""

from __future__ import annotations

import errno
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from support.faults import fault
from support.filter_oracle import matches
from support.index_model import TwoLists, expected, held, keys_of
from support.store import Store, contents
from support.waiting import eventually
from velocity import SchemaError, StorageError, UniqueError

# Few values, so that keys are shared, and of every kind that an index treats in its own way.
scalars = st.sampled_from([None, 0, 1, 1.0, -0.5, "", "a", "a\0", True, b"a"])
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=3),
    st.fixed_dictionaries({}, optional={"x": scalars, "0": scalars}),
    st.lists(st.fixed_dictionaries({}, optional={"x": scalars}) | scalars, max_size=3),
)
documents = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3)
ids = st.sampled_from("abcdefgh")
fields = st.lists(
    st.sampled_from(["a", "-a", "b", "-b", "a.x", "-a.x", "a.0", "c"]),
    min_size=1,
    max_size=3,
    unique_by=lambda field: field.removeprefix("-"),
)
wheres = st.sampled_from(
    [None, None, {"b": {"$exists": True}}, {"a": {"$gte": 0}}, {"c": {"$in": [None, "a"]}, "a": {"$ne": 1}}]
)  # fmt: skip
pairs = st.lists(st.tuples(ids, documents), min_size=1, max_size=6)


class Refused(Exception):
    """What the database answers with SchemaError or UniqueError."""


class IndexMachine(RuleBasedStateMachine):
    mode = "memory-only"
    sync = False
    root = None

    @initialize()
    def begin(self):
        self.store = Store(self.mode, Path(tempfile.mkdtemp(dir=self.root)) / "data")
        self.open()
        self.collection = self.db.create_collection("c")
        self.documents = {}
        self.indexes = {}  # name -> (fields, unique, where)

    def open(self):
        self.db = self.store.open(**({"sync_writes": True} if self.sync else {}))

    def teardown(self):
        if hasattr(self, "store"):
            self.store.verified = sys.exc_info()[0] is None
            self.store.finish()

    # --- the plain documents ------------------------------------------------------------------------

    def inside(self, documents, name):
        """Those that an index is to hold."""
        where = self.indexes[name][2]
        return {id: d for id, d in documents.items() if matches(d, where or {})}

    def check_fits(self, documents):
        """Refused when a document does not fit an index."""
        for name, (index_fields, unique, _) in self.indexes.items():
            holders = {}
            for id, document in self.inside(documents, name).items():
                try:
                    keys = keys_of(document, index_fields)
                except TwoLists:
                    raise Refused from None
                if unique and any(holders.setdefault(key, id) != id for key in keys):
                    raise Refused

    def after(self, steps):
        """The documents after steps of (id, document or None); Refused as the database must."""
        documents = dict(self.documents)
        for id, document in steps:
            if document is None:
                documents.pop(id, None)
            else:
                documents[id] = document
            self.check_fits(documents)
        return documents

    def alike(self, change, steps):
        """`change` makes all of these steps, or is refused. Whether it made them."""
        try:
            documents = self.after(steps)
        except Refused:
            with pytest.raises((SchemaError, UniqueError)):
                change()
            return False
        change()
        self.documents = documents
        return True

    # --- writes ---------------------------------------------------------------------------------------

    @rule(id=ids, document=documents)
    def put(self, id, document):
        self.alike(lambda: self.collection.put(id, document), [(id, document)])

    @rule(id=ids, changes=documents)
    def update(self, id, changes):
        if id in self.documents:
            merged = self.documents[id] | changes
            self.alike(lambda: self.collection.update(id, changes), [(id, merged)])

    @rule(id=ids)
    def delete(self, id):
        self.alike(lambda: self.collection.delete(id), [(id, None)])

    @rule(pairs=pairs)
    def put_many(self, pairs):
        self.alike(lambda: self.collection.put_many(pairs), pairs)

    def apply(self, deleted, pairs):
        ops = [("delete", self.collection, id, None, None, None) for id in deleted]
        ops += [("put", self.collection, id, fields, None, None) for id, fields in pairs]
        self.collection._engine.apply(ops)

    @rule(pairs=pairs, deleted=st.lists(ids, max_size=3))
    def batch(self, pairs, deleted):
        steps = [(id, None) for id in deleted] + pairs
        self.alike(lambda: self.apply(deleted, pairs), steps)

    @rule(expiring=pairs, pairs=pairs, deleted=st.lists(ids, max_size=2))
    def write_over_expired(self, expiring, pairs, deleted):
        """What has expired holds nothing, whether it has been removed by then or not."""
        for id, document in expiring:
            self.expire(id, document)
        self.batch(pairs, deleted)

    def expire(self, id, document):
        if self.alike(lambda: self.collection.put(id, document, ttl=1e-6), [(id, document)]):
            eventually(lambda: id not in self.collection, every=0)
            del self.documents[id]

    @precondition(lambda self: self.sync)
    @rule(pairs=pairs, deleted=st.lists(ids, max_size=3))
    def a_sync_that_fails(self, pairs, deleted):
        """The write is taken back; when it is opened again the disk has it or not."""
        try:
            documents = self.after([(id, None) for id in deleted] + pairs)
        except Refused:
            return
        self.check_count()
        self.db.flush()
        with fault("sync", errno.EIO):
            with pytest.raises(StorageError):
                self.apply(deleted, pairs)
        self.indexes_hold_what_documents_say()
        with pytest.raises(StorageError, match="until reopened"):
            self.collection.put("a", {})
        with pytest.raises(StorageError):
            self.store.close()
        self.open()
        self.collection = self.db["c"]
        found = {id: fields for id, (_, fields) in contents(self.collection).items()}
        assert found in (self.documents, documents)
        self.documents = found

    # --- indexes --------------------------------------------------------------------------------------

    @rule(fields=fields, unique=st.sampled_from([False, False, True]), where=wheres)
    def create_index(self, fields, unique, where):
        name = f"{'unique ' if unique else ''}{'_'.join(fields)}{where or ''}"
        if name in self.indexes or len(self.indexes) == 4 or self.blind(fields, unique, where):
            return
        self.indexes[name] = (fields, unique, where)
        try:
            self.check_fits(self.documents)
        except Refused:
            del self.indexes[name]
            with pytest.raises((SchemaError, UniqueError)):
                self.collection.create_index(fields, unique, where=where, name=name)
        else:
            self.collection.create_index(fields, unique, where=where, name=name)

    def blind(self, fields, unique, where):
        """Whether a unique index over what is there now could not see all duplicates."""
        return False

    @precondition(lambda self: self.indexes)
    @rule(at=st.integers(0, 3))
    def drop_index(self, at):
        name = list(self.indexes)[at % len(self.indexes)]
        del self.indexes[name]
        self.collection.drop_index(name)

    @precondition(lambda self: self.store.durable)
    @rule()
    def reopen(self):
        self.store.close()
        self.open()
        self.collection = self.db["c"]

    @rule()
    def compact(self):
        self.db.compact()

    # --- what must hold -------------------------------------------------------------------------------

    @invariant()
    def indexes_hold_what_documents_say(self):
        if not hasattr(self, "collection"):
            return
        self.check_count()
        infos = self.collection.indexes
        assert [info.name for info in infos] == list(self.indexes)
        for info in infos:
            self.check_index(info, self.inside(self.documents, info.name))

    def check_count(self):
        """To be counted, what has expired is removed."""
        assert len(self.collection) == len(self.documents)

    def check_index(self, info, documents):
        entries = expected(documents, info.fields)
        assert held(self.collection, info.name) == entries
        assert info.entries == len(entries)
        if entries:
            low, high = entries[len(entries) // 3][0], entries[-1][0]
            assert held(self.collection, info.name, low, high) == [
                entry for entry in entries if low <= entry[0] < high
            ]

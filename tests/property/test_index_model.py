"""Indexes against plain documents: which ids under which keys, after every kind of step."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from support.index_model import TwoLists, expected, held, keys_of
from support.store import MODES, Store
from velocity import SchemaError, UniqueError

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
pairs = st.lists(st.tuples(ids, documents), min_size=1, max_size=6)


class Refused(Exception):
    """What the database answers with SchemaError or UniqueError."""


class Machine(RuleBasedStateMachine):
    mode = "memory-only"
    root = None

    @initialize()
    def open(self):
        self.store = Store(self.mode, Path(tempfile.mkdtemp(dir=self.root)) / "data")
        self.collection = self.store.open().create_collection("c")
        self.documents = {}
        self.indexes = {}  # name -> (fields, unique)

    def teardown(self):
        if hasattr(self, "store"):
            self.store.verified = sys.exc_info()[0] is None
            self.store.finish()

    def check_fits(self, documents, before=None):
        """Refused when a document does not fit an index. With `before`: only what has changed."""
        for index_fields, unique in self.indexes.values():
            holders = {}
            for id, document in documents.items():
                try:
                    keys = keys_of(document, index_fields)
                except TwoLists:
                    raise Refused from None
                if unique and any(holders.setdefault(key, id) != id for key in keys):
                    raise Refused

    def alike(self, change, steps):
        """Steps are (id, document or None); `change` does them all, or is refused."""
        documents = dict(self.documents)
        try:
            for id, document in steps:
                if document is None:
                    documents.pop(id, None)
                else:
                    documents[id] = document
                self.check_fits(documents)
        except Refused:
            with pytest.raises((SchemaError, UniqueError)):
                change()
        else:
            change()
            self.documents = documents

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

    @rule(pairs=pairs, deleted=st.lists(ids, max_size=3))
    def batch(self, pairs, deleted):
        engine = self.collection._engine
        ops = [("delete", self.collection, id, None, None, None) for id in deleted]
        ops += [("put", self.collection, id, fields, None, None) for id, fields in pairs]
        self.alike(lambda: engine.apply(ops), [(id, None) for id in deleted] + pairs)

    @rule(fields=fields, unique=st.sampled_from([False, False, True]))
    def create_index(self, fields, unique):
        name = f"{'unique ' if unique else ''}{'_'.join(fields)}"
        if name in self.indexes or len(self.indexes) == 4:
            return
        self.indexes[name] = (fields, unique)
        try:
            self.check_fits(self.documents)
        except Refused:
            del self.indexes[name]
            with pytest.raises((SchemaError, UniqueError)):
                self.collection.create_index(fields, unique, name=name)
        else:
            self.collection.create_index(fields, unique, name=name)

    @precondition(lambda self: self.indexes)
    @rule(at=st.integers(0, 3))
    def drop_index(self, at):
        name = list(self.indexes)[at % len(self.indexes)]
        del self.indexes[name]
        self.collection.drop_index(name)

    @precondition(lambda self: self.store.durable)
    @rule()
    def reopen(self):
        self.collection = self.store.reopen()["c"]

    @rule()
    def compact(self):
        self.collection._engine.compact()

    @invariant()
    def indexes_hold_what_documents_say(self):
        if not hasattr(self, "collection"):
            return
        infos = self.collection.indexes
        assert [info.name for info in infos] == list(self.indexes)
        for info in infos:
            entries = expected(self.documents, info.fields)
            assert held(self.collection, info.name) == entries
            assert info.entries == len(entries)
            if entries:
                low, high = entries[len(entries) // 3][0], entries[-1][0]
                assert held(self.collection, info.name, low, high) == [
                    entry for entry in entries if low <= entry[0] < high
                ]


@pytest.mark.parametrize("mode", MODES)
def test_indexes_agree_with_the_model(mode, tmp_path):
    class Chosen(Machine):
        pass

    Chosen.mode, Chosen.root = mode, tmp_path
    count = 60 if mode == "memory-only" else 20
    run_state_machine_as_test(
        Chosen, settings=settings(max_examples=count, stateful_step_count=30, deadline=None)
    )

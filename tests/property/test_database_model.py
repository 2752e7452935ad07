"""The whole database against a plain dict, in each mode, with reopen and compaction among the steps."""

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

from support.model import Absent, Model, Present
from support.store import MODES, Store, contents
from velocity import BatchOperation, ConflictError, DuplicateKeyError, NotFoundError

NAMES = ("users", "jobs")
# Few ids and few states: steps must meet the same document again.
ids = st.sampled_from(["a", "b", "c", "d", "ab", "a\0", "é", "x" * 1024])
small = st.fixed_dictionaries(
    {"state": st.sampled_from(["waiting", "running", "done"])},
    optional={
        "n": st.integers(0, 3),
        "text": st.sampled_from(["", "x" * 90, "y" * 700]),
        "deep": st.just({"x": [1, None]}),
    },
)
partial = st.dictionaries(
    st.sampled_from(["state", "n", "new"]), st.sampled_from(["waiting", 1, None]), max_size=2
)
# Half of the compare-and-swaps name what is there, so that both outcomes are common.
pairs = st.lists(st.tuples(ids, small), max_size=6)
ops = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["insert", "put", "put"]), ids, small),
        st.tuples(st.sampled_from(["update", "replace"]), ids, small),
        st.tuples(st.just("delete"), ids, st.none()),
    ),
    min_size=1,
    max_size=6,
)
which = st.sampled_from(NAMES)


class Machine(RuleBasedStateMachine):
    mode = "memory-only"
    root = None

    @initialize()
    def open(self):
        self.directory = Path(tempfile.mkdtemp(dir=self.root))
        self.store = Store(self.mode, self.directory / "data")
        self.db = self.store.open()
        self.models = {}

    def teardown(self):
        if hasattr(self, "store"):
            self.store.verified = (
                sys.exc_info()[0] is None
            )  # else the step's own failure is the finding
            self.store.finish()

    def both(self, name):
        if name not in self.models:
            self.models[name] = Model()
            self.db.create_collection(name)
        return self.db[name], self.models[name]

    def alike(self, name, verb, id, *arguments):
        """The verb does the same to both: result, refusal and what is there after."""
        collection, model = self.both(name)
        try:
            wanted = getattr(model, verb)(id, *arguments)
        except Absent:
            with pytest.raises(NotFoundError):
                getattr(collection, verb)(id, *arguments)
        except Present:
            with pytest.raises(DuplicateKeyError):
                getattr(collection, verb)(id, *arguments)
        else:
            assert getattr(collection, verb)(id, *arguments) == wanted
        self.look(name, id)

    def look(self, name, id):
        collection, model = self.both(name)
        doc = collection.get(id)
        assert (doc and (doc.version, doc.fields)) == model.documents.get(id)
        assert (id in collection) == (id in model.documents)
        assert len(collection) == len(model.documents)

    @rule(name=which, id=ids, fields=small)
    def insert(self, name, id, fields):
        self.alike(name, "insert", id, fields)

    @rule(name=which, id=ids, fields=small)
    def put(self, name, id, fields):
        self.alike(name, "put", id, fields)

    @rule(name=which, id=ids, fields=small)
    def replace(self, name, id, fields):
        self.alike(name, "replace", id, fields)

    @rule(name=which, id=ids, fields=partial)
    def update(self, name, id, fields):
        self.alike(name, "update", id, fields)

    # Deletes twice: what a delete leaves behind (slots, tombstones, garbage) is where stores go wrong.
    @rule(name=which, id=ids)
    def delete(self, name, id):
        self.alike(name, "delete", id)

    @rule(name=which, present=st.randoms(use_true_random=False))
    def delete_present(self, name, present):
        _, model = self.both(name)
        if model.documents:
            self.alike(name, "delete", present.choice(sorted(model.documents)))

    @rule(name=which, pairs=pairs)
    def insert_many(self, name, pairs):
        collection, model = self.both(name)
        try:
            model.batch([("insert", id, fields) for id, fields in pairs])
        except Present:
            with pytest.raises(DuplicateKeyError):
                collection.insert_many(pairs)
        else:
            assert collection.insert_many(iter(pairs)) == len(pairs)
        assert contents(collection) == model.contents()

    @rule(name=which, pairs=pairs)
    def put_many(self, name, pairs):
        collection, model = self.both(name)
        model.batch([("put", id, fields) for id, fields in pairs])
        assert collection.put_many(pairs) == len(pairs)
        assert contents(collection) == model.contents()

    @rule(name=which, ids=st.lists(ids, max_size=6))
    def delete_many(self, name, ids):
        collection, model = self.both(name)
        assert collection.delete_many(ids) == sum(model.delete(id) for id in ids)
        assert contents(collection) == model.contents()

    @rule(name=which, ops=ops, across=st.booleans())
    def batch(self, name, ops, across):
        names = [NAMES[n % 2] if across else name for n in range(len(ops))]
        for each in set(names):
            self.both(each)
        before = {each: dict(model.documents) for each, model in self.models.items()}
        batch = [
            BatchOperation(kind, each, id=id, fields=fields)
            for each, (kind, id, fields) in zip(names, ops)
        ]
        try:
            for each, op in zip(names, ops):
                self.models[each].apply(op)
        except (Absent, Present) as error:
            with pytest.raises(NotFoundError if isinstance(error, Absent) else DuplicateKeyError):
                self.db.batch(batch)
            for each, documents in before.items():
                self.models[each].documents = documents
        else:
            self.db.batch(batch)
        for each in set(names):
            assert contents(self.db[each]) == self.models[each].contents()

    @rule(
        name=which, id=ids, expected=st.none() | partial, value=small, version=st.none() | st.integers(1, 4),
        replace=st.booleans(), truth=st.booleans(),
    )  # fmt: skip
    def compare_and_swap(self, name, id, expected, value, version, replace, truth):
        collection, model = self.both(name)
        if truth and id in model.documents:
            expected = {"state": model.fields(id).get("state")}
            version = version and model.version(id)
        wanted = model.compare_and_swap(id, expected, value, version, replace)
        result = collection.compare_and_swap(
            id, expected, value, expected_version=version, replace=replace
        )
        assert (result.success, result.current_value, result.version) == wanted
        self.look(name, id)

    @rule(name=which, ops=ops, end=st.sampled_from(["commit", "roll back", "conflict"]), read=ids)
    def transaction(self, name, ops, end, read):
        collection, model = self.both(name)
        before = dict(model.documents)
        try:
            with self.db.transaction() as tx:
                tx.get(name, read)
                for op in ops:
                    kind, id, fields = op
                    arguments = (name, id) if kind == "delete" else (name, id, fields)
                    try:
                        model.apply(op)
                    except (Absent, Present):
                        with pytest.raises((NotFoundError, DuplicateKeyError)):
                            getattr(tx, kind)(*arguments)
                    else:
                        getattr(tx, kind)(*arguments)
                    seen = tx.get(name, id)
                    assert (seen and seen.fields) == model.fields(id)
                assert {doc.id for doc in tx.scan(name)} == model.documents.keys()
                if end == "roll back":
                    raise ZeroDivisionError
                if end == "conflict":
                    collection.put(read, {"between": True})
        except ZeroDivisionError:
            assert end == "roll back"
            model.documents = before
        except ConflictError:
            assert end == "conflict"
            model.documents = before
            model.put(read, {"between": True})
        else:
            assert end == "commit"
        assert contents(collection) == model.contents()

    @rule(name=which, wanted=st.lists(ids, max_size=8))
    def get_many(self, name, wanted):
        collection, model = self.both(name)
        found = collection.get_many(wanted)
        assert [doc and (doc.version, doc.fields) for doc in found] == [
            model.documents.get(id) for id in wanted
        ]

    @rule(name=which, prefix=st.sampled_from([None, "a", "x", "é"]), start=st.none() | ids, end=st.none() | ids,
          reverse=st.booleans(), limit=st.none() | st.integers(0, 4))  # fmt: skip
    def scan(self, name, prefix, start, end, reverse, limit):
        collection, model = self.both(name)
        wanted = sorted(
            (
                id
                for id in model.documents
                if id.startswith(prefix or "")
                and (start is None or id.encode() >= start.encode())
                and (end is None or id.encode() < end.encode())
            ),
            key=str.encode,
            reverse=reverse,
        )[:limit]
        found = list(collection.scan(prefix, start, end, reverse, limit))
        assert [(d.id, d.version, d.fields) for d in found] == [
            (id, *model.documents[id]) for id in wanted
        ]

    @rule(name=which, filter=partial)
    def count(self, name, filter):
        collection, model = self.both(name)
        wanted = sum(
            all(fields.get(field) == value for field, value in filter.items())
            for _, fields in model.documents.values()
        )
        assert collection.count(filter) == wanted

    @rule(name=which)
    def drop(self, name):
        if self.models.pop(name, None) is not None:
            self.db.drop_collection(name)
        with pytest.raises(NotFoundError):
            self.db[name]

    @precondition(lambda self: self.mode != "memory-only")
    @rule()
    def reopen(self):
        self.db = self.store.reopen()
        self.check_everything()

    # Twice, and with a flush before or not: recovery meets hints, sealed segments and the active one.
    @precondition(lambda self: self.mode != "memory-only")
    @rule(flush=st.booleans())
    def reopen_after_compaction(self, flush):
        if flush:
            self.db.flush()
        self.db.compact()
        self.db = self.store.reopen()
        self.check_everything()

    @rule()
    def compact(self):
        self.db.compact()
        self.check_everything()

    @rule()
    def flush(self):
        self.db.flush()

    def check_everything(self):
        assert self.db.list_collections() == sorted(self.models)
        for name, model in self.models.items():
            assert contents(self.db[name]) == model.contents()

    @invariant()
    def counts(self):
        if hasattr(self, "models"):
            stats = self.db.stats()
            assert stats.documents == sum(len(model.documents) for model in self.models.values())
            assert stats.collections == len(self.models)


@pytest.mark.parametrize("mode", MODES)
def test_database_against_a_dict(mode, tmp_path):
    machine = type(f"Machine_{mode}", (Machine,), {"mode": mode, "root": tmp_path})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=40))

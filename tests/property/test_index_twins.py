"""Documents whose ids have one 64-bit hash: indexes, batches and queries, as if each had its own."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import initialize, run_state_machine_as_test

from support.filter_oracle import matches
from support.index_machine import IndexMachine
from support.index_model import TwoLists, keys_of
from velocity._core.engine import find_index, hash_mask_set

IDS = "abcdefgh"
ALL = (1 << 64) - 1
ASKED = (None, 0, 1, "a")


class Twins(IndexMachine):
    @initialize()
    def begin(self):
        super().begin()
        for path in ("a", "b"):
            self.collection.create_index(path, name=path)
            self.indexes[path] = ([path], False, None)

    def open(self):
        super().open()
        known = self.db.create_collection("known", if_not_exists=True)
        known.create_index("id")
        known.put_many((id, {"id": id}) for id in IDS)
        self.hashes = {id: hash for (id,), hash in find_index(known, "id_1").scan()}

    def entries(self, documents, fields):
        """With repetitions: an entry is shared by the documents of one hash that have its key."""
        return [(key, self.hashes[id]) for id, d in documents.items() for key in keys_of(d, fields)]

    def blind(self, fields, unique, where):
        inside = {id: d for id, d in self.documents.items() if matches(d, where or {})}
        try:
            entries = self.entries(inside, fields)
        except TwoLists:
            return False
        return unique and len(set(entries)) < len(entries)

    def check_index(self, info, documents):
        index = find_index(self.collection, info.name)
        found = [(index.key(values), hash) for values, hash in index.scan()]
        assert len(found) == len(set(found)) == info.entries
        assert set(found) == set(self.entries(documents, info.fields))
        self.check_queries(info)

    def check_queries(self, info):
        path = info.fields[0].removeprefix("-")
        for value in ASKED:
            for asked in ({path: value}, {path: {"$gte": value}}):
                self.check_query(asked | (info.where or {}), None)
        self.check_query(info.where or {}, list(info.fields))

    def check_query(self, filter, sort):
        wanted = {id: d for id, d in self.documents.items() if matches(d, filter)}
        for limit in (None, 20):
            for _ in range(2):  # the second time by the plan that was kept
                found = self.collection.find(filter, sort=sort, limit=limit)
                assert sorted(each.id for each in found) == sorted(wanted), (filter, sort, limit)
                assert all(each.fields == wanted[each.id] for each in found)


@pytest.fixture(params=[0, 1 << 63], ids=["one hash", "two hashes"])
def few_hashes(request):
    """Engines know only these bits of hashes."""
    hash_mask_set(request.param)
    yield
    hash_mask_set(ALL)


@pytest.mark.parametrize(
    ("mode", "sync"), [("memory-only", False), ("memory-first", True), ("persistent", False)]
)
def test_documents_of_one_hash(few_hashes, mode, sync, tmp_path, monkeypatch):
    monkeypatch.setattr("velocity.py.plan.COST_FETCH", 0)  # an index before a scan of eight

    class Chosen(Twins):
        pass

    Chosen.mode, Chosen.sync, Chosen.root = mode, sync, tmp_path
    count = 25 if mode == "memory-only" else 10
    run_state_machine_as_test(
        Chosen, settings=settings(max_examples=count, stateful_step_count=25, deadline=None)
    )

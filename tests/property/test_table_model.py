"""A table beside a dict, in three worlds of hashes: as a hash makes them, few tags, one tag."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from velocity._core.memory import Table


class TableModel(RuleBasedStateMachine):
    """Bursts, because leaves grow, split and shrink only with hundreds of entries; single steps,
    because deleted slots and their sweeping show in small leaves."""

    def draw_hash(self, rng):
        return rng.getrandbits(64)

    def __init__(self):
        super().__init__()
        self.table = Table()
        self.model = {}
        self.walk_cursor = None

    def _key(self, at):
        return sorted(self.model)[at % len(self.model)]

    def _insert(self, hash_, payload):
        if hash_ in self.model:
            with pytest.raises(KeyError):
                self.table.insert(hash_, payload)
        else:
            self.table.insert(hash_, payload)
            self.model[hash_] = payload

    def _remove(self, hash_):
        self.table.remove(hash_)
        del self.model[hash_]
        if self.walk_cursor is not None:
            self.walk_stay.discard(hash_)

    @rule(seed=st.integers(0, 50), payload=st.integers(0, 2**64 - 1))
    def insert(self, seed, payload):
        self._insert(self.draw_hash(random.Random(seed)), payload)

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from([3, 10, 30, 100, 1000, 5000]))
    def insert_many(self, seed, count):
        rng = random.Random(seed)
        for n in range(count):
            self._insert(self.draw_hash(rng), n)

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from([1, 20, 500, 9000]), use=st.booleans())
    def reserve_and_insert(self, seed, count, use):
        rng = random.Random(seed)
        fresh = sorted({self.draw_hash(rng) for _ in range(count)} - self.model.keys())
        self.table.reserve(fresh)
        moved = self.table.moved
        for n, hash_ in enumerate(fresh if use else []):
            self.table.insert_reserved(hash_, n)
            self.model[hash_] = n
        assert self.table.moved == moved

    @precondition(lambda self: self.model)
    @rule(at=st.integers(0, 10**6), payload=st.integers(0, 2**64 - 1))
    def replace(self, at, payload):
        hash_ = self._key(at)
        self.table.replace(hash_, payload)
        self.model[hash_] = payload

    @precondition(lambda self: self.model)
    @rule(at=st.integers(0, 10**6))
    def remove(self, at):
        self._remove(self._key(at))

    @precondition(lambda self: self.model)
    @rule(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 0.9, 1.0]))
    def remove_many(self, seed, share):
        rng = random.Random(seed)
        for hash_ in [h for h in sorted(self.model) if rng.random() < share]:
            self._remove(hash_)

    @rule(seed=st.integers(0, 50))
    def find_absent_or_not(self, seed):
        hash_ = self.draw_hash(random.Random(seed))
        assert self.table.find(hash_) == self.model.get(hash_)

    @precondition(lambda self: self.walk_cursor is None)
    @rule()
    def walk_begin(self):
        self.walk_cursor, self.walk_seen, self.walk_stay = 0, [], set(self.model)
        self.walk_step()

    @precondition(lambda self: self.walk_cursor is not None)
    @rule()
    def walk_step(self):
        if self.walk_cursor is None:
            return
        pairs, self.walk_cursor, done = self.table.walk(self.walk_cursor)
        assert all(self.model[hash_] == payload for hash_, payload in pairs)
        self.walk_seen += [hash_ for hash_, _ in pairs]
        if done:
            self.walk_done()
            self.walk_cursor = None

    def walk_done(self):
        assert self.walk_stay <= set(self.walk_seen)
        stayed = [hash_ for hash_ in self.walk_seen if hash_ in self.walk_stay]
        assert len(stayed) == len(self.walk_stay)

    @invariant()
    def verify(self):
        self.table.check()
        assert len(self.table) == len(self.model)
        keys = list(self.model)
        assert self.table.find_many_nogil(keys) == list(self.model.values())

    def teardown(self):
        assert self.table.close_table() == 0


class FewTags(TableModel):
    """Half of the tag's bits are used, at both of its ends, so that splits fall one-sided."""

    def draw_hash(self, rng):
        return rng.getrandbits(64) & (0b11 << 62 | 0b11111 << 46 | 0xFF << 34 | 0xFFFF)


class OneTag(TableModel):
    """All equal: one leaf, as large as it takes. A walk may be disturbed by rebuilding it."""

    def draw_hash(self, rng):
        return 123 << 34 | rng.getrandbits(12)

    def walk_done(self):
        assert set(self.walk_seen) <= {123 << 34 | n for n in range(1 << 12)}


def few_examples(machine):
    machine.TestCase.settings = settings(max_examples=20, stateful_step_count=30)
    return machine.TestCase


TestAnyHash = few_examples(TableModel)
TestFewTags = few_examples(FewTags)
TestOneTag = few_examples(OneTag)

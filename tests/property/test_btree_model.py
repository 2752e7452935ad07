"""A tree beside a set of bytes, in four worlds of keys: short ones, long ones, few distinct values
with a hash behind, long shared prefixes."""

import random
from bisect import bisect_left

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from velocity._core.memory import BTree

KEY_MAX = 1100


class BTreeModel(RuleBasedStateMachine):
    """Bursts, because nodes split and merge only with hundreds of keys; single steps, because
    Hypothesis shrinks those best."""

    def draw_key(self, rng):
        return rng.randbytes(rng.choice([0, 1, 1, 2, 3, 4, 5, 8, 20]))

    def __init__(self):
        super().__init__()
        self.tree = BTree()
        self.model = set()

    def _insert(self, key):
        assert self.tree.insert(key) == (key not in self.model)
        self.model.add(key)

    def _remove(self, key):
        assert self.tree.remove(key) == (key in self.model)
        self.model.discard(key)

    @rule(key=st.binary(max_size=6))
    def insert(self, key):
        self._insert(key)

    @rule(key=st.binary(max_size=6))
    def remove(self, key):
        self._remove(key)

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from([3, 30, 300, 3000]),
          order=st.sampled_from(["any", "up", "down"]))
    def insert_many(self, seed, count, order):
        rng = random.Random(seed)
        keys = [self.draw_key(rng) for _ in range(count)]
        if order != "any":
            keys.sort(reverse=order == "down")
        for key in keys:
            self._insert(key)

    @rule(seed=st.integers(0, 2**32), count=st.sampled_from([3, 300]), remove=st.booleans())
    def reserve_many(self, seed, count, remove):
        rng = random.Random(seed)
        self.tree.reserve(count)
        for key in [self.draw_key(rng) for _ in range(count)]:
            assert self.tree.insert_reserved(key) == (key not in self.model)
            self.model.add(key)
            if remove:
                self._remove(rng.choice(sorted(self.model)[-5:]))
        self.tree.reserve(0)

    @precondition(lambda self: self.model)
    @rule(seed=st.integers(0, 2**32), share=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
          order=st.sampled_from(["any", "up", "down"]))
    def remove_many(self, seed, share, order):
        rng = random.Random(seed)
        keys = sorted(key for key in self.model if rng.random() < share)
        if order == "any":
            rng.shuffle(keys)
        for key in keys if order != "down" else reversed(keys):
            self._remove(key)

    @rule(seed=st.integers(0, 2**32))
    def look(self, seed):
        rng = random.Random(seed)
        keys = sorted(self.model)
        for key in [self.draw_key(rng) for _ in range(5)] + rng.sample(keys, min(5, len(keys))):
            at = bisect_left(keys, key)
            assert (key in self.tree) == (key in self.model)
            assert self.tree.scan(key, limit=20) == keys[at:at + 20]
            assert self.tree.scan(key, reverse=True, limit=20) == keys[:at][:-21:-1]
            end = self.draw_key(rng)
            within = max(0, bisect_left(keys, end) - at)
            assert self.tree.count_range(key, end) == within
            assert self.tree.count_range(key, None) == len(keys) - at
            assert 0 <= self.tree.estimate_range(key, end) <= len(keys)

    @invariant()
    def verify(self):
        self.tree.check()
        keys = sorted(self.model)
        assert len(self.tree) == len(keys)
        assert self.tree.scan() == keys
        assert self.tree.scan(reverse=True) == keys[::-1]
        if not keys:
            assert self.tree.height == 1
            assert self.tree.memory <= 4096 * (1 + self.tree.spare_count)

    def teardown(self):
        assert self.tree.close() == 0


class LongKeys(BTreeModel):
    """Three fit a node, so that inner nodes are as low as they can be."""

    def draw_key(self, rng):
        return rng.randbytes(rng.choice([0, 1, 700, KEY_MAX - 1, KEY_MAX]))


class FewValues(BTreeModel):
    """As an index over few distinct values."""

    def draw_key(self, rng):
        return rng.choice([b"blue", b"green", b"red"]) + b"\0\1" + rng.randbytes(8)


class SharedPrefixes(BTreeModel):
    """Truncated prefixes of very different sizes, and strays that have none of them."""

    def draw_key(self, rng):
        depth = rng.choice([0, 0, 1, 3, 400, 1000])
        return b"\xff" * (depth // 2) + b"p" * (depth - depth // 2) + rng.randbytes(rng.randrange(4))


def few_examples(machine):
    machine.TestCase.settings = settings(max_examples=20, stateful_step_count=30)
    return machine.TestCase


TestAnyKeys = few_examples(BTreeModel)
TestLongKeys = few_examples(LongKeys)
TestFewValues = few_examples(FewValues)
TestSharedPrefixes = few_examples(SharedPrefixes)

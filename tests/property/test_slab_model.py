"""A slab beside a dict: no block overlaps another, contents are kept, every byte is counted."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from velocity._core.memory import LimitError, Pin, Slab, class_size

REGION = 2 << 20
PAGE = 4096

# Small sizes share regions, middle ones fill a region with a few blocks, the last have their own.
SIZES = st.one_of(
    st.integers(1, 256),
    st.integers(257, 40_000),
    st.integers(200_000, 600_000),
    st.just(3 << 20),
)


def ends_of(seed, size):
    """What a block of size bytes holds at its two ends, where an overlap shows."""
    rng = random.Random(seed)
    return rng.randbytes(min(size // 2, 32)), rng.randbytes(min(size // 2, 32))


class SlabModel(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.slab = Slab(budget=24 << 20)
        self.empty = self.slab.memory
        self.blocks = {}
        self.retired = []
        self.charged = 0
        self.pin = None

    def _alloc(self, size, seed):
        try:
            ref = self.slab.alloc(size)
        except LimitError:
            assert self.slab.memory + self.charged + class_size(size) > 18 << 20
            return
        assert ref not in self.blocks
        assert self.slab.block_size(ref) == class_size(size)
        block = (class_size(size), *ends_of(seed, class_size(size)))
        self.slab.write(ref, block[1])
        self.slab.write(ref, block[2], block[0] - len(block[2]))
        self.blocks[ref] = block

    @rule(size=SIZES, seed=st.integers(0, 99))
    def alloc(self, size, seed):
        self._alloc(size, seed)

    @rule(size=st.integers(1, 20_000), count=st.integers(2, 200), seed=st.integers(0, 99))
    def alloc_many(self, size, count, seed):
        for n in range(count):
            self._alloc(size, seed + n)

    @precondition(lambda self: self.blocks)
    @rule(at=st.integers(0, 10**6))
    def free(self, at):
        ref = sorted(self.blocks)[at % len(self.blocks)]
        del self.blocks[ref]
        self.slab.free(ref)

    @precondition(lambda self: self.blocks)
    @rule(seed=st.integers(0, 99), share=st.floats(0, 1))
    def free_many(self, seed, share):
        rng = random.Random(seed)
        for ref in [r for r in sorted(self.blocks) if rng.random() < share]:
            del self.blocks[ref]
            self.slab.free(ref)

    @precondition(lambda self: self.blocks)
    @rule(at=st.integers(0, 10**6))
    def retire(self, at):
        ref = sorted(self.blocks)[at % len(self.blocks)]
        block = self.blocks.pop(ref)
        self.slab.retire(ref)
        if self.pin:
            self.retired.append((ref, block))

    @rule()
    def pin_or_unpin(self):
        if self.pin:
            self.pin.close()
            self.pin = None
            self.retired.clear()
            assert self.slab.collect() == 0
        else:
            assert self.slab.collect() == 0
            self.pin = Pin()

    @rule(count=st.integers(-(3 << 20), 3 << 20))
    def charge(self, count):
        count = max(count, -self.charged)
        try:
            self.slab.charge(count)
        except LimitError:
            return
        self.charged += count

    @invariant()
    def verify(self):
        self.slab.check()
        assert self.slab.charged == self.charged
        assert self.slab.memory + self.charged <= 24 << 20
        for ref, (size, head, tail) in (*self.blocks.items(), *self.retired):
            assert self.slab.read(ref, len(head)) == head
            assert self.slab.read(ref, len(tail), size - len(tail)) == tail
        if not self.pin:
            assert self.slab.collect() == 0
            assert self.slab.used == sum(size for size, _, _ in self.blocks.values())

    def teardown(self):
        if self.pin:
            self.pin.close()
        for ref in self.blocks:
            self.slab.free(ref)
        assert self.slab.collect() == 0
        self.slab.check()
        assert self.slab.used == 0
        assert self.slab.memory <= self.empty + REGION + 2 * PAGE


TestSlabModel = SlabModel.TestCase
TestSlabModel.settings = settings(max_examples=30, stateful_step_count=40)

"""Epochs: what a pin holds, what an unpinned one lets go, waiting, forks."""

import os
import threading

import pytest

from velocity._core import memory
from velocity._core.memory import Pin, Slab


@pytest.fixture
def slab():
    s = Slab()
    yield s
    assert s.collect() == 0
    s.check()


def test_without_pins_a_collection_frees_everything(slab):
    for _ in range(50):
        slab.retire(slab.alloc(100))
    assert slab.used == 50 * 104 == slab.retired_bytes
    assert slab.collect() == 0
    assert slab.used == 0 == slab.retired_bytes


def test_a_pin_holds_what_is_retired_after_it(slab):
    ref = slab.alloc(100)
    slab.write(ref, b"x" * 100)
    with Pin():
        slab.retire(ref)
        for _ in range(3):
            assert slab.collect() == 1
        assert slab.read(ref, 100) == b"x" * 100
    assert slab.collect() == 0
    assert slab.used == 0


def test_a_pin_taken_after_a_collection_holds_only_what_is_retired_later(slab):
    with Pin():
        slab.retire(slab.alloc(100))
        assert slab.collect() == 1
        later = Pin()
    with later:
        slab.retire(slab.alloc(8))
        assert slab.collect() == 1
        assert slab.used == 8


def test_the_oldest_pin_decides(slab):
    old = Pin()
    slab.retire(slab.alloc(100))
    slab.collect()
    young = Pin()
    assert young.epoch > old.epoch
    slab.retire(slab.alloc(8))
    young.close()
    assert slab.collect() == 2
    old.close()
    assert slab.collect() == 0


def test_collections_advance_the_epoch(slab):
    before = memory.epoch()
    slab.retire(slab.alloc(8))
    slab.collect()
    assert memory.epoch() == before + 1
    slab.collect()
    assert memory.epoch() == before + 1


def test_retiring_frees_now_and_then_by_itself(slab):
    most = 0
    for _ in range(10_000):
        slab.retire(slab.alloc(64))
        most = max(most, slab.used)
    assert most <= 64 * 256


def test_large_blocks_are_freed_sooner(slab):
    most = 0
    for _ in range(100):
        slab.retire(slab.alloc(400_000))
        most = max(most, slab.used)
    assert most < 3 << 20


def test_a_stuck_reader_makes_collections_rarer(slab):
    with Pin():
        before = memory.epoch()
        for _ in range(20_000):
            slab.retire(slab.alloc(8))
        assert slab.used == 20_000 * 8
        assert memory.epoch() - before < 20
    assert slab.collect() == 0


def test_the_ring_keeps_its_order_while_it_wraps_and_grows(slab):
    for round_number in range(5):
        with Pin():
            for _ in range(300 * (round_number + 1)):
                slab.retire(slab.alloc(16))
        assert slab.collect() == 0
        for _ in range(100):
            slab.retire(slab.alloc(16))
    assert slab.collect() == 0
    assert slab.used == 0


def test_a_closed_pin_holds_nothing(slab):
    pin = Pin()
    assert pin.epoch == memory.epoch()
    pin.close()
    pin.close()
    assert pin.epoch == 0


def test_many_pins_at_once(slab):
    pins = [Pin() for _ in range(200)]
    slab.retire(slab.alloc(8))
    while pins:
        assert slab.collect() == 1
        pins.pop(len(pins) // 2).close()
    assert slab.collect() == 0


def test_wait_lasts_until_older_pins_are_gone():
    pin = Pin()
    before = memory.epoch()
    order = []

    def waiter():
        memory.wait()
        order.append("waited")

    thread = threading.Thread(target=waiter)
    thread.start()
    while memory.epoch() == before:
        os.sched_yield()
    for _ in range(200):
        os.sched_yield()
    younger = Pin()
    order.append("closing")
    pin.close()
    thread.join()
    younger.close()
    assert order == ["closing", "waited"]


def _status_of(child):
    """Exit status of a forked child that returned child()."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if child() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_fork_bumps_the_generation_in_the_child_alone():
    before = memory.fork_generation()
    assert _status_of(lambda: memory.fork_generation() == before + 1) == 0
    assert memory.fork_generation() == before


def test_pins_of_lost_threads_hold_nothing_in_the_child(slab):
    def child():
        slab.retire(slab.alloc(64))
        return pin.epoch == 0 and slab.collect() == 0

    with Pin() as pin:
        assert _status_of(child) == 0
        assert pin.epoch != 0

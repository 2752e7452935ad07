"""Made ids: their form, their order, and that threads and forks do not make the same."""

from __future__ import annotations

import threading
import time

from velocity.py import ids

DIGITS = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_form_and_order():
    made = [ids.new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(len(id) == 26 and set(id) <= DIGITS for id in made)


def test_the_time_is_in_front():
    before = time.time_ns() // 1_000_000
    id = ids.new_id()
    after = time.time_ns() // 1_000_000
    assert ids.encode(before << 80)[:10] <= id[:10] <= ids.encode(after + 1 << 80)[:10]


def test_encoding_keeps_order():
    numbers = [0, 1, 31, 32, 1 << 79, 1 << 80, (1 << 128) - 1]
    assert [ids.encode(n) for n in numbers] == sorted(ids.encode(n) for n in numbers)
    assert ids.encode(0) == "0" * 26
    assert ids.encode((1 << 128) - 1) == "7" + "Z" * 25


def test_a_clock_that_stands_or_goes_back(monkeypatch):
    first = ids.new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    made = [first, *(ids.new_id() for _ in range(1000))]
    assert made == sorted(set(made))


def test_threads_make_different_ids():
    made = [[] for _ in range(4)]

    def work(own):
        own.extend(ids.new_id() for _ in range(2000))

    threads = [threading.Thread(target=work, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id for own in made for id in own}) == 8000
    assert all(own == sorted(own) for own in made)


def test_after_a_fork_the_child_goes_its_own_way(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    monkeypatch.setattr(ids, "_last", ids._last)
    held = ids._lock
    with held:  # as another thread might at the moment of the fork
        ids._after_fork()
        first = ids.new_id()
    assert ids._lock is not held
    assert len(first) == 26

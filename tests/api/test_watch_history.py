"""Going on from a sequence: across restarts, until compaction has rewritten the log; and falling behind."""

from __future__ import annotations

import pytest

import velocity
from support.store import contents
from support.watching import drain, places, plain, replay
from velocity import HistoryLostError


def write(users, count=50):
    for n in range(count):
        users.put(f"u{n % 7}", {"n": n})
    users.put_many((f"m{n}", {"n": n}) for n in range(10))
    users.delete("u3")


def test_all_from_the_beginning_after_a_restart(durable):
    users = durable.open().create_collection("users")
    watch = users.watch()
    write(users)
    first = drain(watch)
    users = durable.reopen()["users"]
    again = drain(users.watch(since=0))
    assert plain(again) == plain(first) and places(again) == places(first)
    assert replay(again) == contents(users)


def test_from_each_event(durable):
    users = durable.open().create_collection("users")
    write(users)
    users = durable.reopen()["users"]
    write(users)
    everything = drain(users.watch(since=0))
    for place, event in enumerate(everything):
        assert places(drain(users.watch(since=event))) == places(everything[place + 1 :])
        rest = [e for e in everything if e.sequence > event.sequence]
        assert places(drain(users.watch(since=event.sequence))) == places(rest)


def test_over_many_segments_and_collections(small_segments, durable):
    db = durable.open()
    users, other = db.create_collection("users"), db.create_collection("other")
    for n in range(400):
        users.put(f"u{n}", {"n": n, "text": "x" * (n * 7 % 900)})
        other.put("a", {"n": n, "text": "y" * 300})
    assert db.stats().segments > 10
    events = drain(users.watch(since=0))
    assert [event.document["n"] for event in events] == list(range(400))
    middle = events[200]
    assert places(drain(users.watch(since=middle.sequence))) == places(events[201:])
    db = durable.reopen(db)
    assert places(drain(db["users"].watch(since=middle))) == places(events[201:])


def test_a_batch_larger_than_a_window_goes_on_in_its_middle(durable):
    users = durable.open().create_collection("users")
    users.insert_many((f"u{n}", {"n": n, "text": "x" * 1000}) for n in range(2000))
    events = drain(users.watch(since=0))
    for place in (0, 1, 70, 1000, 1998, 1999):
        assert places(drain(users.watch(since=events[place]))) == places(events[place + 1 :])


def test_a_sequence_that_the_log_has_not_reached(db, users):
    users.put("a", {})
    newest = db.stats().sequence
    with pytest.raises(HistoryLostError, match=f"ends at {newest}"):
        users.watch(since=newest + 1)
    if db.config.data_dir:
        assert drain(users.watch(since=newest)) == []


def test_compacted_away(durable):
    db = durable.open()
    users = db.create_collection("users")
    write(users)
    db.compact()
    with pytest.raises(HistoryLostError, match="compacted away") as caught:
        users.watch(since=0)
    floor = caught.value.floor
    assert 0 < floor <= db.stats().sequence
    watch = users.watch(since=floor)
    users.put("new", {"n": 1})
    assert plain(drain(watch)) == [("insert", "new", {"n": 1}, 1)]
    watch.close()
    db = durable.reopen(db)
    users = db["users"]
    with pytest.raises(HistoryLostError) as caught:
        users.watch(since=floor - 1)
    assert caught.value.floor == floor
    assert plain(drain(users.watch(since=floor))) == [("insert", "new", {"n": 1}, 1)]


def test_history_is_lost_when_all_was_dead(durable):
    """Compaction leaves no segment at all."""
    db = durable.open()
    users = db.create_collection("users")
    users.insert("a", {})
    users.delete("a")
    db.compact()
    with pytest.raises(HistoryLostError):
        users.watch(since=0)
    db = durable.reopen(db)
    with pytest.raises(HistoryLostError) as caught:
        db["users"].watch(since=0)
    assert caught.value.floor == db.stats().sequence
    watch = db["users"].watch(since=caught.value.floor)
    db["users"].insert("b", {})
    assert [event.id for event in drain(watch)] == ["b"]


def test_compaction_leaves_alone_what_a_watch_has_still_to_read(small_segments, durable):
    db = durable.open()
    users = db.create_collection("users")
    watch = users.watch()
    for n in range(600):
        users.put(f"u{n % 10}", {"n": n, "text": "x" * 200})
        if n % 100 == 99:
            db.compact()
    before = db.stats().disk_usage
    assert [event.document["n"] for event in drain(watch)] == list(range(600))
    db.compact()
    assert db.stats().disk_usage < before / 3
    users.put("u0", {"n": -1})
    assert [event.document["n"] for event in drain(watch)] == [-1]
    watch.close()


def test_memory_only_keeps_a_bounded_ring():
    with velocity.open(max_memory=8 << 20) as db:
        users = db.create_collection("users")
        slow, quick = users.watch(), users.watch()
        memory = db.stats().memory_usage
        for n in range(3000):
            users.put("a", {"n": n, "text": "x" * 1000})
            assert quick.next(0).document["n"] == n
        with pytest.raises(HistoryLostError, match="too far behind"):
            slow.next(0)
        assert db.stats().memory_usage < memory + (1 << 20)
        recent = quick.next  # still at the end
        users.put("a", {"n": -1})
        event = recent(0)
        assert event.document["n"] == -1
        late = users.watch(since=event.sequence - 100)
        assert [e.document["n"] for e in drain(late)] == [*range(2901, 3000), -1]
        with pytest.raises(HistoryLostError):
            users.watch(since=event.sequence - 2000)
        users.put_many((f"u{n}", {"text": "x" * 1000}) for n in range(700))  # more than the ring
        for watch in (quick, late):
            with pytest.raises(HistoryLostError):
                watch.next(0)
        fresh = users.watch()
        users.put("z", {})
        assert [e.id for e in drain(fresh)] == ["z"]
        for watch in (slow, quick, late, fresh):
            watch.close()


def test_memory_only_gives_the_ring_back():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.put("a", {})
        before = db.stats().memory_usage
        watch = users.watch()
        assert db.stats().memory_usage > before
        del watch
        assert db.stats().memory_usage == before
        with pytest.raises(HistoryLostError):
            users.watch(since=0)


def test_no_room_for_a_ring():
    with velocity.open(max_memory=4 << 20) as db:
        users = db.create_collection("users")
        with pytest.raises(velocity.MemoryLimitError):
            for n in range(100_000):
                users.put(f"u{n}", {"text": "x" * 1000})
        with pytest.raises(velocity.MemoryLimitError):
            users.watch()
        assert users.delete("u0") is True

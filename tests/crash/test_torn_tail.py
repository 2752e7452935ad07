"""The unsynced end of the log, lost or garbled: cut off and told; everything synced before is there."""

from __future__ import annotations

import pytest

from support.files import cut, flip, image, overwrite, segments, used_size
from support.history import History, perform
from support.store import Store, contents

FLUSHED, AFTER = 60, 40


@pytest.fixture
def crash(durable):
    """(store, image of its directory, last segment's name, its size when flushed, its size at the crash)."""
    db = durable.open(flush_interval=3600)  # nothing is synced but by flush
    history = History("torn")
    for name in history.models:
        db.create_collection(name)
    for _ in range(FLUSHED):
        perform(db, history.step())
    db.flush()
    assert db.stats().durable_sequence == db.stats().sequence
    flushed = used_size(segments(durable.path)[-1])
    for _ in range(AFTER):
        perform(db, history.step())
    assert db.stats().durable_sequence < db.stats().sequence
    directory = image(durable.path, durable.path.parent / "crashed")
    last = segments(directory)[-1]
    return durable, directory, last.name, flushed, used_size(last)


def places(flushed, size, count=12):
    return sorted({(flushed + (size - flushed) * n // count) // 8 * 8 for n in range(count + 1)})


def attempt(crash, damage):
    """Open a copy after damage(path of the last segment); how many steps are there, and what health says."""
    durable, directory, name, _, _ = crash
    store = Store(durable.mode, image(directory, directory.parent / "copy"))
    damage(store.path / name)
    with store.open() as db:
        found = {each: contents(db[each]) for each in db.list_collections()}
        steps = History("torn").find(found, FLUSHED, FLUSHED + AFTER)
        checks = db.health().checks
        db.put("one", "after", {"n": 1})
    with store.open() as db:  # the cut is clean: what is written after it stays
        assert db["one"]["after"].fields == {"n": 1}
        db.delete("one", "after")
        assert {each: contents(db[each]) for each in db.list_collections()} == found
        assert db.health().ok, db.health().checks
    store.close()
    store.verify()
    return steps, " ".join(checks.values())


def test_without_damage_all_is_there(crash):
    steps, told = attempt(crash, lambda path: None)
    assert steps == FLUSHED + AFTER
    assert "torn" not in told


def test_cut_off(crash):
    *_, flushed, size = crash
    kept = []
    for place in places(flushed, size):
        steps, _ = attempt(crash, lambda path, place=place: cut(path, place))
        kept.append(steps)
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (FLUSHED, FLUSHED + AFTER)
    assert len(set(kept)) > 4


def test_cut_off_in_the_middle_of_a_frame_is_told(crash):
    *_, flushed, size = crash
    steps, told = attempt(crash, lambda path: cut(path, size - 8))
    assert FLUSHED <= steps < FLUSHED + AFTER
    assert "torn" in told or "cut" in told


def test_zeroed(crash):
    *_, flushed, size = crash
    kept = []
    for place in places(flushed, size, 6):
        steps, _ = attempt(
            crash, lambda path, place=place: overwrite(path, place, bytes(size - place))
        )
        kept.append(steps)
    assert kept == sorted(kept)
    assert kept[0] == FLUSHED


def test_garbled(crash):
    *_, flushed, size = crash
    for place in places(flushed, size, 8)[:-1]:
        garbage = bytes((place + n * 37) % 255 + 1 for n in range(min(64, size - place)))
        steps, told = attempt(
            crash, lambda path, place=place, garbage=garbage: overwrite(path, place, garbage)
        )
        assert FLUSHED <= steps < FLUSHED + AFTER
        assert "torn" in told or "cut" in told


def test_pages_written_out_of_order(crash):
    """Only the first of the unsynced pages is missing: what follows it is not served."""
    *_, flushed, size = crash
    steps, _ = attempt(crash, lambda path: overwrite(path, flushed, bytes(64)))
    assert steps == FLUSHED


def test_one_bit(crash):
    *_, flushed, size = crash
    for place in places(flushed, size, 10)[:-1]:
        steps, told = attempt(crash, lambda path, place=place: flip(path, place + 1, 2))
        assert FLUSHED <= steps < FLUSHED + AFTER
        assert "torn" in told or "cut" in told


def test_garbage_beyond_the_end(crash):
    *_, size = crash
    steps, _ = attempt(crash, lambda path: overwrite(path, size, b"\x7f" * 100))
    assert steps == FLUSHED + AFTER

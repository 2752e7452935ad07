"""The segment that is made ready before it is needed: never in the way of what is in the log."""

from __future__ import annotations

import random

import pytest

import velocity
from support.files import image, segments
from support.store import Store, contents
from support.waiting import eventually

SIZE = 4_000  # bytes of a document


@pytest.fixture
def prepared(durable):
    """A database whose next segment is ready, and its collection."""
    db = durable.open(flush_interval=0.01)
    data = db.create_collection("data")
    fill_segment(durable, data)
    return db, data


def fill_segment(durable, data):
    """The first segment, of 16 MiB, but for its end."""
    write(data, 0, 3_800)
    eventually(lambda: data.put("d0", {"n": 0, "data": bytes(SIZE)}) and unbegun(durable.path), every=0.02)


def write(data, first, end):
    for start in range(first, end, 100):
        data.put_many((f"d{n}", {"n": n, "data": bytes(SIZE)}) for n in range(start, start + 100))


def unbegun(directory):
    """Segments whose header is all zeros."""
    return [path for path in segments(directory) if not is_begun(path)]


def is_begun(path):
    with path.open("rb") as file:
        return any(file.read(128))


def check_image(durable, data):
    """What a kill would leave now has everything."""
    expected = contents(data)
    copy = image(durable.path, durable.path.parent / "copy")
    assert velocity.verify(copy).ok
    with Store(durable.mode, copy).open() as db:
        assert contents(db["data"]) == expected
    assert not unbegun(copy)


def test_it_is_removed_at_close(durable, prepared):
    durable.close()
    assert not unbegun(durable.path)
    assert len(durable.open()["data"]) == 3_800


def test_a_kill_leaves_it_unbegun(durable, prepared):
    check_image(durable, prepared[1])


def test_writes_go_on_in_it(durable, prepared):
    _, data = prepared
    ready = unbegun(durable.path)[0]
    write(data, 3_800, 4_400)
    assert is_begun(ready)
    check_image(durable, data)
    write(data, 4_400, 9_000)
    check_image(durable, data)


def test_a_manifest_stored_before_it_is_begun(durable):
    """It names no id above the prepared one's: else what is written to it would be taken for a left-over."""
    db = durable.open(flush_interval=3600)
    data = db.create_collection("data")
    fill_segment(durable, data)
    ready = unbegun(durable.path)[0]
    db.create_collection("other")
    write(data, 3_800, 4_400)
    assert is_begun(ready)
    check_image(durable, data)


def test_a_batch_too_large_for_it(durable, prepared):
    _, data = prepared
    ready = unbegun(durable.path)[0]
    data.put_many((f"large{n}", {"data": bytes(SIZE)}) for n in range(2_000))
    assert not ready.exists()
    check_image(durable, data)


def test_compaction_beside_it(durable, prepared):
    db, data = prepared
    for n in range(4):
        write(data, 0, 3_000)
        db.compact()
        check_image(durable, data)
        write(data, 3_000, 3_300 + n)
        check_image(durable, data)
    durable.close()
    durable.verify()
    assert contents(durable.open()["data"]).keys() == {f"d{n}" for n in range(3_800)}


def test_kills_at_any_time(durable):
    """Images while segments are begun, prepared and compacted."""
    db = durable.open(flush_interval=0.005)
    data = db.create_collection("data")
    chance = random.Random(3)
    for _ in range(12):
        for _ in range(chance.randrange(1, 12)):
            start = chance.randrange(0, 4_000) // 100 * 100
            write(data, start, start + 300)
        if chance.random() < 0.3:
            data.delete_many([f"d{n}" for n in range(chance.randrange(4_000))])
        check_image(durable, data)

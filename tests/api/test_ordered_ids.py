"""Scans in id order: by slices from a tree of the ids, which the first scan builds and writes keep."""

from __future__ import annotations

import errno
import random
import threading
from itertools import islice

import pytest

from support.faults import fault
from support.store import Store, contents
from support.threads import run_threads
from velocity import BatchOperation, MemoryLimitError, StorageError
from velocity._core import engine

LIMIT = 24 << 20


def ids_of(users):
    return [doc.id for doc in users.scan()]


def begin(db, count=1000):
    """A collection whose ids are kept in order."""
    users = db.create_collection("users")
    users.put_many((f"u{n:05}", {"n": n}) for n in range(count))
    assert len(ids_of(users)) == count
    return users


def test_every_kind_of_write_keeps_the_ids_in_order(db):
    users = begin(db, 500)
    model = {f"u{n:05}" for n in range(500)}
    chance = random.Random(1)
    for turn in range(1500):
        id = f"u{chance.randrange(800):05}"
        kind = chance.randrange(5)
        if kind == 0:
            users.put(id, {"turn": turn})
            model.add(id)
        elif kind == 1:
            users.delete(id)
            model.discard(id)
        elif kind == 2:
            more = [f"u{chance.randrange(800):05}" for _ in range(10)]
            users.put_many((id, {}) for id in more)
            model.update(more)
        elif kind == 3:
            less = [f"u{chance.randrange(800):05}" for _ in range(10)]
            users.delete_many(less)
            model.difference_update(less)
        elif id in model:
            users.update(id, {"turn": turn})
        if turn % 100 == 0:
            assert list(users) == sorted(model)
    assert list(users) == ids_of(users) == sorted(model)
    assert [doc.id for doc in users.scan(reverse=True)] == sorted(model, reverse=True)


def test_a_batch_that_deletes_and_brings_the_same_ids_again(db):
    users = begin(db, 100)

    def put(id):
        return BatchOperation("put", "users", id=id, fields={})

    def delete(id):
        return BatchOperation("delete", "users", id=id)

    db.batch([delete("u00001"), put("u00001"), put("new"), delete("new"), put("u00002"),
              put("u00002"), put("again"), delete("again"), put("again"), delete("u00003")])
    expected = {f"u{n:05}" for n in range(100)} - {"u00003"} | {"again"}
    assert ids_of(users) == sorted(expected)


def test_a_scan_meets_what_comes_ahead_of_it_and_nothing_twice(db):
    users = begin(db, 1000)
    scan = users.scan()
    seen = [doc.id for doc in islice(scan, 500)]
    users.put("a", {})
    users.put("u00000x", {})
    users.put("z", {})
    users.delete("u00999")
    users.delete("u00000")
    seen += [doc.id for doc in scan]
    assert seen == [f"u{n:05}" for n in range(999)] + ["z"]
    backwards = [doc.id for doc in users.scan(reverse=True)]
    assert backwards == sorted(users, reverse=True)


def test_deleting_while_iterating(db):
    users = begin(db, 1000)
    for id in users:
        users.delete(id)
    assert ids_of(users) == []
    users.put("a", {})
    assert users.popitem()[0] == "a"


def test_ranges_and_limits(db):
    users = begin(db, 1000)
    users.put_many((id, {}) for id in ["", "é", "éa", "\U0010ffff", "\U0010ffffx", "u", "v"] if id)
    every = list(users)
    for prefix, start, end in [("u", None, None), ("u00", "u0005", None), ("é", None, None),
                               ("\U0010ffff", None, None), (None, "u0099", "v"), ("u", "a", "b"),
                               ("u1", None, None), (None, "v", "u"), ("", "", "")]:
        wanted = [id for id in every
                  if id.startswith(prefix or "") and id >= (start or "")
                  and (end is None or id < end)]
        for limit in (None, 0, 1, 31, 32, 33, 300):
            for reverse in (False, True):
                found = users.scan(prefix, start, end, reverse=reverse, limit=limit)
                given = wanted[::-1] if reverse else wanted
                assert [doc.id for doc in found] == given[:limit]


def test_the_expired_are_passed_over(db):
    users = begin(db, 100)
    users.put_many([(f"e{n:03}", {}) for n in range(300)], ttl=1e-6)
    assert [doc.id for doc in users.scan(limit=3)] == ["u00000", "u00001", "u00002"]
    assert next(iter(users)) == "u00000"
    assert len(list(users)) == 100


def test_building_beside_writers(db):
    """Whatever was there throughout is given once, and whatever writers did is known after."""
    users = db.create_collection("users")
    stay = {f"k{n:05}" for n in range(0, 40_000, 4)}
    model = stay | {f"k{n:05}" for n in range(1, 40_000, 4)}
    users.put_many((id, {}) for id in model)
    lock, done = threading.Lock(), threading.Event()

    def work(thread):
        if thread == 0:
            try:
                return ids_of(users)
            finally:
                done.set()
        chance = random.Random(thread)
        while not done.is_set():
            id = f"k{chance.randrange(1, 40_000, 4) + chance.randrange(2):05}"
            with lock:
                if id in model:
                    users.delete(id)
                    model.discard(id)
                else:
                    users.put(id, {})
                    model.add(id)
        return None

    seen = run_threads(work, 3)[0]
    assert seen == sorted(set(seen))
    assert stay <= set(seen)
    assert ids_of(users) == sorted(model)


def test_dropping_gives_the_memory_of_the_ids_back(db):
    users = begin(db, 20_000)
    assert db.stats().extra["index_memory"] > 20_000 * 5
    assert db.stats().extra["index_memory"] < 20_000 * 40
    db.drop_collection("users")
    assert db.stats().extra["index_memory"] < 100_000
    del users


def test_the_ids_are_built_again_after_a_failed_sync(durable):
    db = durable.open(sync_writes=True)
    users = begin(db, 300)
    with fault("sync", errno.EIO):
        with pytest.raises(StorageError):
            users.put("new", {})
        with pytest.raises(StorageError):
            users.delete("u00001")
    assert ids_of(users) == [f"u{n:05}" for n in range(300)]
    with pytest.raises(StorageError):
        db.close()
    durable.close()


def test_at_the_memory_limit_scans_go_on(tmp_path):
    """There is no room for the tree, or it takes what is left; a refused write leaves no id."""
    store = Store("memory-only", tmp_path / "data")
    db = store.open(max_memory=LIMIT)
    users = db.create_collection("users")
    written = []
    with pytest.raises(MemoryLimitError):
        for n in range(10**6):
            users.insert(f"u{n:07}", {"n": n, "data": bytes(60)})
            written.append(f"u{n:07}")
    assert list(users) == written
    assert [doc.id for doc in users.scan(reverse=True)] == written[::-1]
    users.delete_many(written[1000:])
    kept = written[:1000]
    assert ids_of(users) == kept
    with pytest.raises(MemoryLimitError):
        users.put_many((f"w{n:07}", {"data": bytes(60)}) for n in range(300_000))
    assert ids_of(users) == sorted(contents(users)) == kept
    with pytest.raises(MemoryLimitError):
        users.put_many((kept[0], {"data": bytes(2**23 + n)}) for n in range(9))
    assert ids_of(users) == kept
    users.clear()
    assert ids_of(users) == []
    store.finish()


def test_what_is_deleted_while_the_builder_reads_the_disk_stays_deleted(bounded):
    db = bounded.open(cache_size=1)
    users = db.create_collection("users")
    users.put_many((f"u{n:04}", {"data": bytes(2000)}) for n in range(1500))
    ids, reads = users._ids(), 0

    def watch(point, path, to, done, sys_errno):
        nonlocal reads
        reads += point == "read" and not done
        if reads == 200:
            reads += 1
            thread = threading.Thread(target=users.delete_many, args=[ids])
            thread.start()
            thread.join()

    engine.file_watch(watch)
    try:
        next(iter(users), None)
    finally:
        engine.file_watch(None)
    assert reads > 200
    assert list(users) == []


def test_building_leaves_the_cache_as_it_is(bounded):
    db = bounded.open(cache_size=1)
    users = db.create_collection("users")
    users.put_many((f"u{n:05}", {"n": n, "data": bytes(500)}) for n in range(10_000))
    hot = [f"u{n:05}" for n in range(0, 10_000, 50)]
    for _ in range(3):
        users.get_many(hot)
    before = db.stats()
    assert next(iter(users)) == "u00000"
    for id in hot:
        users.get(id)
    after = db.stats()
    assert after.cache_misses == before.cache_misses

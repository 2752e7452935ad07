"""collection.watch: every change once and in order, waiting, closing; in each mode."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

import velocity
import velocity.aio
from support.children import run_in_fork
from support.store import contents
from support.waiting import eventually
from support.watching import drain, places, plain, replay, take
from velocity import BatchOperation, ChangeEvent, DatabaseClosedError, NotFoundError, QueryError


def test_each_verb(db, users):
    other = db.create_collection("other")
    with users.watch() as watch:
        users.insert("a", {"n": 1})
        other.insert("a", {"n": "other"})
        users.put("a", {"n": 2})
        users.update("a", {"m": 1})
        users.update("a", {"$inc": {"n": 1}})
        users.replace("a", {"n": 9})
        users.compare_and_swap("a", {"n": 9}, {"n": 10})
        users.compare_and_swap("a", {"n": 9}, {"n": 11})
        users.delete("a")
        users.delete("a")
        users.put("a", {})
        with db.transaction() as tx:
            tx.put("users", "b", {"n": 1})
            tx.put("other", "b", {})
            tx.delete("users", "a")
        events = drain(watch)
    assert plain(events) == [
        ("insert", "a", {"n": 1}, 1),
        ("update", "a", {"n": 2}, 2),
        ("update", "a", {"n": 2, "m": 1}, 3),
        ("update", "a", {"n": 3, "m": 1}, 4),
        ("update", "a", {"n": 9}, 5),
        ("update", "a", {"n": 10}, 6),
        ("delete", "a", None, 6),
        ("insert", "a", {}, 1),
        ("insert", "b", {"n": 1}, 1),
        ("delete", "a", None, 1),
    ]
    assert places(events)[-1][0] == places(events)[-2][0] == db.stats().sequence
    assert events[0].document.created == events[0].document.modified


def test_a_batch_has_one_sequence_and_may_be_large(db, users):
    watch = users.watch()
    before = db.stats().sequence
    users.insert_many((f"u{n}", {"n": n, "text": "x" * 500}) for n in range(3000))
    events = drain(watch)
    assert [event.document["n"] for event in events] == list(range(3000))
    assert {event.sequence for event in events} == {before + 1}
    places(events)


def test_a_large_document(users):
    watch = users.watch()
    users.put("large", {"text": "x" * 3_000_000})
    users.put("small", {})
    assert [(e.id, len(e.document.get("text", ""))) for e in drain(watch)] == [
        ("large", 3_000_000),
        ("small", 0),
    ]


def test_expiry_is_seen(users):
    watch = users.watch()
    users.insert("short", {"n": 1}, ttl=0.05)
    users.insert("kept", {"n": 1}, ttl=1000)
    users.delete("kept")
    events = take(watch, 4)
    assert sorted(event.kind for event in events) == ["delete", "expire", "insert", "insert"]
    expired = next(event for event in events if event.kind == "expire")
    assert (expired.id, expired.document, expired.version) == ("short", None, 1)


def test_deleting_what_has_expired_is_an_expiry(persistent):
    # Nothing else removes it: the log is latched for the reaper until it is due, so look at once.
    users = persistent.open(flush_interval=1000).create_collection("users")
    watch = users.watch()
    users.insert("short", {}, ttl=0.001)
    eventually(lambda: users.get("short") is None)
    assert users.delete("short") is False
    assert [event.kind for event in take(watch, 2)] == ["insert", "expire"]


def test_a_failed_batch_is_not_seen(db, users):
    users.insert("there", {})
    watch = users.watch()
    with pytest.raises(velocity.DuplicateKeyError):
        db.batch(
            [
                BatchOperation("insert", "users", id="new", fields={}),
                BatchOperation("insert", "users", id="there", fields={}),
            ]
        )
    assert drain(watch) == []


def test_watching_begins_with_the_call(users):
    users.insert("before", {})
    watch = users.watch()
    users.insert("after", {})
    assert [event.id for event in drain(watch)] == ["after"]


def test_a_document_is_of_the_change_and_stays(users):
    watch = users.watch()
    users.put("a", {"n": 1})
    users.put("a", {"n": 2})
    first = watch.next(0)
    users.put("a", {"n": 3})
    assert first.document["n"] == 1
    assert isinstance(first, ChangeEvent)
    with pytest.raises(AttributeError):
        first.kind = "other"


def test_next_waits_and_gives_up(users):
    watch = users.watch()
    assert watch.next(0) is None
    assert watch.next(0.02) is None
    heard = []
    thread = threading.Thread(target=lambda: heard.append(watch.next(60)))
    thread.start()
    users.put("a", {})
    thread.join(30)
    assert [event.id for event in heard] == ["a"]


def test_close_ends_the_wait_of_another_thread(users):
    watch = users.watch()
    ended = []
    thread = threading.Thread(target=lambda: ended.append(list(watch)))
    thread.start()
    watch.close()
    thread.join(30)
    watch.close()
    assert ended == [[]] and watch.closed
    users.put("a", {})
    assert watch.next() is None and list(watch) == []


@pytest.mark.parametrize("waiting", [False, True])
def test_closing_the_database_is_said(waiting, store):
    db = store.open()
    watch = db.create_collection("users").watch()
    errors = []

    def wait():
        try:
            watch.next()
        except DatabaseClosedError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    if waiting:
        thread.start()
    db.close()
    if not waiting:
        thread.start()
    thread.join(30)
    assert len(errors) == 1
    watch.close()


def test_dropping_the_collection_is_said(db, users):
    watch = users.watch()
    errors = []

    def wait():
        try:
            watch.next()
        except NotFoundError as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    db.drop_collection("users")
    thread.join(30)
    assert len(errors) == 1
    again = db.create_collection("users")
    assert drain(again.watch()) == []
    with pytest.raises(NotFoundError):
        users.watch()


@pytest.mark.parametrize("since", ["1", 1.5, True, -1, 2**63, [1]])
def test_a_since_that_is_none(since, users):
    with pytest.raises(QueryError, match="since"):
        users.watch(since=since)


def test_of_a_database(db, users):
    watch = db.watch("users", None, since=None)
    users.put("a", {})
    assert [event.id for event in drain(watch)] == ["a"]
    with pytest.raises(NotFoundError):
        db.watch("absent")


def test_many_watches_and_the_state_they_lead_to(db, users):
    watches = [users.watch() for _ in range(10)]
    for n in range(200):
        users.put(f"u{n % 30}", {"n": n})
        if n % 7 == 0:
            users.delete(f"u{n % 11}")
    first = drain(watches[0])
    assert replay(first) == contents(users)
    assert all(drain(watch) == first for watch in watches[1:])


def test_a_fork_is_refused(db, users):
    watch = users.watch()
    users.put("a", {})
    assert run_in_fork(lambda: watch.next(0)) == "DatabaseLockedError"
    assert run_in_fork(watch.close) == ""
    assert watch.next(0).id == "a"


def test_an_interrupt_ends_the_wait():
    code = (
        "import signal, velocity; db = velocity.open(); users = db.create_collection('u')\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in a background job
        "watch = users.watch()\n"
        "try: print('waits', flush=True); watch.next()\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "waits\n"
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert out == "interrupted\n"


def test_a_process_ends_while_a_thread_waits(store):
    code = (
        "import velocity, threading, json, sys; db = velocity.open(**json.loads(sys.argv[1]))\n"
        "watch = db.create_collection('u').watch()\n"
        "threading.Thread(target=watch.next, daemon=True).start(); db['u'].put('a', {})"
    )
    arguments = [sys.executable, "-c", code, json.dumps(store.settings())]
    # What the interpreter keeps of a daemon thread is its own to leak.
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    subprocess.run(arguments, check=True, timeout=60, env=env)


# --- filters ----------------------------------------------------------------------------------


def test_a_filter_looks_at_the_document_after_the_change(users):
    watch = users.watch({"n": {"$gte": 10}, "kind": "a"})
    users.put("x", {"n": 10, "kind": "a"})
    users.update("x", {"n": 9})
    users.update("x", {"n": 11})
    users.update("x", {"kind": "b"})
    users.put("y", {"n": 10})
    users.delete("x")
    users.delete("y")
    assert plain(drain(watch)) == [
        ("insert", "x", {"n": 10, "kind": "a"}, 1),
        ("update", "x", {"n": 11, "kind": "a"}, 3),
        ("delete", "x", None, 4),
        ("delete", "y", None, 1),
    ]


def test_a_filter_of_fields_that_come_later(users):
    watch = users.watch({"later.deep": 1})
    users.put("a", {"n": 1})
    users.put("b", {"later": {"deep": 1}})
    assert [event.id for event in drain(watch)] == ["b"]


def test_most_does_not_match(users):
    watch = users.watch({"n": {"$in": [7, 4321]}})
    for n in range(5000):
        users.put("a", {"n": n})
    assert [event.document["n"] for event in drain(watch)] == [7, 4321]
    assert watch.next(0.01) is None


def test_a_filter_of_ids(users):
    """Removals come of the ids it names alone."""
    users.put("kept", {"n": 1})
    watch = users.watch({"_id": {"$in": ["a", "kept"]}, "n": {"$gte": 1}})
    either = users.watch({"$or": [{"_id": "b"}, {"n": 5}]})
    users.put_many([("a", {"n": 1, "_id": "b"}), ("b", {"n": 1}), ("c", {"n": 5})])
    users.update("a", {"n": 0})
    users.delete_many(["a", "b", "kept"])
    seen = [(event.kind, event.id) for event in drain(watch)]
    assert seen == [("insert", "a"), ("delete", "a"), ("delete", "kept")]
    seen = [(event.kind, event.id) for event in drain(either)]
    assert seen == [("insert", "b"), ("insert", "c"), *(("delete", id) for id in ("a", "b", "kept"))]
    with pytest.raises(QueryError):
        users.watch({"_id": {"$nonsense": 1}})


def test_a_pattern(users):
    watch = users.watch({"name": {"$regex": "^an+"}})
    users.put_many((name, {"name": name}) for name in ("ann", "bob", "anna", "man"))
    assert [event.id for event in drain(watch)] == ["ann", "anna"]


@pytest.mark.parametrize("filter", [{"$nonsense": 1}, {"n": {"$gt": 1, "x": 2}}, 5, "n"])
def test_a_filter_that_makes_no_sense(filter, users):
    with pytest.raises(QueryError):
        users.watch(filter)


@pytest.mark.parametrize("also", [{}, {"_id": {"$ne": "x"}}], ids=["", "with ids"])
def test_what_a_filter_cannot_decide_is_said_and_nothing_is_skipped(also, persistent):
    """A pattern that takes too long is an error of that change; those before it come first."""
    users = persistent.open().create_collection("users")
    watch = users.watch({**also, "text": {"$regex": "^(a|a|aa)*$"}})
    users.put("before", {"text": "aa"})
    users.put("evil", {"text": "a" * 60 + "b"})
    assert watch.next(0).id == "before"
    for _ in range(2):
        with pytest.raises(QueryError):
            watch.next(0)


# --- asyncio ----------------------------------------------------------------------------------


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


@pytest.fixture
def settings(store):
    return {"data_dir": None} | store.settings()


def test_async_for(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            users = await db.create_collection("users")

            async def write():
                for n in range(500):
                    await users.put(f"u{n}", {"n": n})

            async with users.watch() as watch:
                writer = asyncio.create_task(write())
                events = []
                async for event in watch:
                    events.append(event)
                    if len(events) == 500:
                        break
                await writer
                assert await watch.next(timeout=0.01) is None
            assert watch.closed
            assert [event async for event in watch] == []
            return events

    events = run(main())
    assert [event.document["n"] for event in events] == list(range(500))
    places(events)


def test_a_cancelled_wait_loses_nothing(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            users = await db.create_collection("users")
            watch = db.watch("users")
            heard = []
            for n in range(50):
                waiting = asyncio.create_task(watch.next())
                await asyncio.sleep(0)
                await users.put("a", {"n": n})
                waiting.cancel()
                try:
                    heard.append(await waiting)
                except asyncio.CancelledError:
                    pass
                while event := await watch.next(timeout=0):
                    heard.append(event)
            return [event.document["n"] for event in heard]

    assert run(main()) == list(range(50))


def test_close_ends_the_wait_of_another_task(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            users = await db.create_collection("users")
            watch = users.watch()
            waiting = asyncio.create_task(watch.next())
            while watch._thread is None:
                await asyncio.sleep(0)
            await watch.close()
            assert await waiting is None
            watch = users.watch()
            waiting = asyncio.create_task(watch.next())
            while watch._thread is None:
                await asyncio.sleep(0)
        with pytest.raises(DatabaseClosedError):
            await waiting

    run(main())

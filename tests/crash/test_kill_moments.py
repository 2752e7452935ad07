"""SIGKILL in the moments that are special: creating and dropping collections, opening, opening again."""

from __future__ import annotations

import json
import random
import time

import pytest

from support.children import spawn
from support.files import image
from support.history import History, perform
from support.store import Store, contents


def test_creating_and_dropping_collections(durable):
    """Create and drop are durable when they return, in every mode."""
    chance = random.Random(f"catalog {durable.mode}")
    start = 0
    for _ in range(3):
        child = spawn("catalog", json.dumps(durable.settings()), str(start))
        acks = child.read_until(chance.randrange(1, 40))
        acks += child.kill()
        last = acks[-1]
        created, dropped = (
            last // 2,
            (last - 1) // 2 - 3,
        )  # the newest of each that was acknowledged
        with durable.open() as db:
            there = db.list_collections()
            for number in range(max(0, dropped + 2), created + 1):
                assert f"c{number}" in there, (last, there)
            for number in range(dropped + 1):
                assert f"c{number}" not in there, (last, there)
            assert all(int(name[1:]) <= created + 1 for name in there)
            for name in there:
                number = int(name[1:])
                found = contents(db[name])
                wanted = {"a": {"number": number, f"field{number}": "x" * 100}}
                assert {id: fields for id, (_, fields) in found.items()} in ({}, wanted)
                if durable.mode == "persistent" and 2 * number + 1 <= last:
                    assert found
        durable.close()
        durable.verify()
        start = (last + 1) // 2  # a drop that was not acknowledged is made again


def crashed_directory(store, steps):
    """A directory as a crash leaves it, with this many steps of the history in it; nothing was closed."""
    history = History("recovery")
    db = store.open()
    for name in history.models:
        db.create_collection(name)
    for step in range(steps):
        perform(db, history.step())
        if step == steps // 2:
            db.compact()
    db.flush()
    return history, image(store.path, store.path.parent / "crashed")


@pytest.mark.parametrize("compact", [False, True], ids=["", "compacting"])
def test_killed_while_opening(durable, compact):
    """Recovery that is killed at any moment leaves a directory that recovery can take up."""
    history, directory = crashed_directory(durable, 3000)
    store = Store(durable.mode, directory)
    began = time.monotonic()
    with Store(durable.mode, image(directory, durable.path.parent / "timed")).open():
        took = time.monotonic() - began
    chance = random.Random(f"open {durable.mode} {compact}")
    for _ in range(5):
        child = spawn("reopen", json.dumps(store.settings()), "1000")
        child.read_ack()
        time.sleep(
            chance.random() * took * 3
        )  # the random moment: anywhere in an opening or a closing
        child.kill()
    with store.open() as db:
        assert {name: contents(db[name]) for name in db.list_collections()} == history.contents()
        if compact:
            db.compact()
            assert {
                name: contents(db[name]) for name in db.list_collections()
            } == history.contents()
    store.close()
    store.verify()


def test_left_over_files_are_cleared(durable):
    """Files of an interrupted compaction or replacement are not taken for data."""
    history, directory = crashed_directory(durable, 300)
    durable.close()
    (directory / "MANIFEST.tmp").write_bytes(b"half a manifest")
    store = Store(durable.mode, directory)
    with store.open() as db:
        assert {name: contents(db[name]) for name in db.list_collections()} == history.contents()
    store.close()
    store.verify()


def test_images_while_writing(durable):
    """What the files hold at any moment, copied while the database runs, is a state of its history."""
    history = History("images")
    db = durable.open()
    for name in history.models:
        db.create_collection(name)
    db.flush()
    for _ in range(12):
        for _ in range(100):
            perform(db, history.step())
        if history.steps % 300 == 0:
            db.compact()
        flushed = history.steps
        db.flush()
        store = Store(durable.mode, image(durable.path, durable.path.parent / "image"))
        with store.open() as copied:
            found = {name: contents(copied[name]) for name in copied.list_collections()}
        assert found == history.contents()
        assert flushed == history.steps

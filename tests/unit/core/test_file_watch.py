"""What tests see and set of the engine's calls on files: faults, watching, small segments; and the disk made from it."""

from __future__ import annotations

import errno
import random

import pytest

import velocity
from support.disk import Disk, watched, write_files
from support.faults import fault
from support.power_loss import power_loss
from support.store import contents
from support.waiting import eventually
from velocity import StorageError
from velocity._core import engine


@pytest.fixture
def seen():
    calls = []
    engine.file_watch(lambda *call: calls.append(call))
    yield calls
    engine.file_watch(None)


def test_each_call_is_shown_before_and_after(seen, tmp_path):
    velocity.open(tmp_path / "data", storage_mode="persistent").close()
    manifest, temporary = str(tmp_path / "data/MANIFEST"), str(tmp_path / "data/MANIFEST.tmp")
    made = [(point, path, to, done) for point, path, to, done, _ in seen if path == temporary]
    assert made[:8] == [
        (point, temporary, manifest if point == "rename" else None, done)
        for point in ("open", "write", "sync", "rename")
        for done in (False, True)
    ]
    assert ("sync_directory", str(tmp_path / "data"), None, True, 0) in seen
    engine.file_watch(None)
    count = len(seen)
    velocity.open(tmp_path / "data").close()
    assert len(seen) == count


def test_a_call_that_fails_is_shown_with_its_error(seen, tmp_path):
    with fault("sync", errno.EIO), pytest.raises(StorageError):
        velocity.open(tmp_path / "data", storage_mode="persistent")
    assert [(done, error) for point, _, _, done, error in seen if point == "sync"] == [
        (False, 0),
        (True, errno.EIO),
    ]


def test_what_a_fault_may_be():
    for wrong in (("none", 0, 1), ("open", -1, 1), ("open", 0, 0), ("open", 0, 1, False, True)):
        with pytest.raises(ValueError, match="no such fault"):
            engine.fault_set(*wrong)


def test_small_segments(small_segments, tmp_path):
    with velocity.open(tmp_path / "data", storage_mode="persistent") as db:
        users = db.create_collection("users")
        users.put_many((f"u{n}", {"data": bytes(9000)}) for n in range(1))
        users.put_many((f"v{n}", {"data": bytes(9000)}) for n in range(1))
        assert db.stats().segments == 2
    for wrong in (1, 16383, (1 << 30) + 1):
        with pytest.raises(ValueError, match="cannot have"):
            engine.segment_size_set(wrong)


def outcomes(image, root, count=250):
    """How many documents each of some crash states has."""
    chance = random.Random("outcomes")
    found = set()
    root.mkdir()
    for number in range(count):
        files, _ = power_loss(image, chance)
        write_files(root / f"{number}", files)
        with velocity.open(root / f"{number}") as db:
            found.add(len(db["users"]))
    return found


def test_what_was_not_synced_may_be_lost_and_what_was_is_not(disk, tmp_path):
    """The simulated disk has teeth: it loses all that it may, and nothing else."""
    db = velocity.open(disk.directory, storage_mode="persistent", flush_interval=3600)
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"data": bytes(600)}) for n in range(3))
    assert outcomes(disk.image(), tmp_path / "unsynced") == {0, 3}
    db.flush()
    assert outcomes(disk.image(), tmp_path / "synced") == {3}
    for n in range(3):
        users.put(f"v{n}", {"data": bytes(600)})
    assert outcomes(disk.image(), tmp_path / "more") == {3, 4, 5, 6}
    with fault("sync", errno.EIO), pytest.raises(StorageError):
        db.flush()
    assert outcomes(disk.image(), tmp_path / "failed") == {3, 4, 5, 6}
    with pytest.raises(StorageError):
        db.close()


def test_an_image_is_the_last_one_once_nobody_watches(tmp_path):
    """The engine goes on: it syncs, unseen, and writes down that it did. The one is not to be seen without the other."""
    write_files(tmp_path / "data", {})
    disk = Disk(tmp_path / "data")
    with watched(disk):
        db = velocity.open(disk.directory, storage_mode="persistent", flush_interval=3600)
        db.create_collection("users").put("a", {"n": 1})
        last = disk.image()
    db.put("users", "b", {"n": 2})
    db.flush()
    assert disk.image() == last
    disk.on_call = lambda *call: pytest.fail(f"shown: {call}")
    for done in (False, True):  # a call that was on its way, on a file that came unseen
        disk.called("sync", str(disk.directory / "0000000009.seg"), None, done, 0)
    assert disk.image() == last
    db.close()


def test_a_segment_that_was_trimmed_is_still_looked_at(disk, tmp_path):
    """Unused room is given back after a second without a write. That cuts the file, and it stays mapped."""
    db = velocity.open(disk.directory, storage_mode="persistent", flush_interval=0.01)
    shown = []
    disk.on_call = lambda point, name, done: shown.append(point)
    users = db.create_collection("users")
    for n in range(500):
        users.put(f"u{n}", {"data": bytes(4000)})
    eventually(lambda: "truncate" in shown)
    users.put("after", {"n": 1})
    db.flush()
    users.put("later", {"n": 2})
    write_files(tmp_path / "killed", disk.image().files())
    with velocity.open(tmp_path / "killed") as killed:
        assert contents(killed["users"]) == contents(users)
    db.close()

"""Losses that crash states found, each made on purpose: cause and harm are in the docstrings."""

from __future__ import annotations

import errno
import itertools

import pytest

import velocity
from support.disk import Disk, apply_change, watched, write_files
from support.faults import fault
from support.files import segments
from support.store import contents
from velocity import StorageError
from velocity._core import engine


def after_power_loss(image):
    """Every state of the files in which some pending changes of the directory are done and others not, all data kept."""
    for done in itertools.product((False, True), repeat=len(image.pending)):
        names = dict(image.durable)
        for change, is_done in zip(image.pending, done):
            if is_done:
                apply_change(names, change)
        yield {name: image.contents[number][-1] for name, number in names.items()}


def open_files(files, directory, mode):
    write_files(directory, files)
    return velocity.open(directory, storage_mode=mode, flush_interval=3600)


def test_a_segment_that_recovery_found_is_on_disk_before_it_is_listed(disk, durable_mode, tmp_path):
    """A kill came before the first sync of a segment, power loss while the manifest that lists it was made
    durable: the manifest was there, the segment's name was not, and opening was refused."""
    db = velocity.open(disk.directory, storage_mode=durable_mode, flush_interval=3600)
    db.create_collection("users").put("a", {"n": 1})
    killed = disk.image()
    assert any(".seg" in name for change in killed.pending for name in change)
    db.close()

    write_files(tmp_path / "again", killed.files())
    again = Disk(tmp_path / "again", killed)
    images = []
    again.on_call = lambda point, name, done: images.append(again.image())
    with watched(again):
        velocity.open(again.directory, storage_mode=durable_mode, flush_interval=3600).close()
    for number, image in enumerate(images):
        for variant, files in enumerate(after_power_loss(image)):
            with open_files(files, tmp_path / f"{number}-{variant}", durable_mode) as db:
                assert contents(db["users"]) in ({}, {"a": (1, {"n": 1})})


@pytest.mark.parametrize("drop", [False, True], ids=["create", "drop"])
def test_a_refused_change_of_the_catalog_does_not_come_back(drop, disk, durable_mode, tmp_path):
    """The directory's sync failed for the new manifest and again for the old one put back. That was not latched:
    writes were taken and flushed, then power loss brought the refused manifest into force, and with the
    collection that it does not list went what was flushed."""
    db = velocity.open(disk.directory, storage_mode=durable_mode, flush_interval=3600)
    users = db.create_collection("users")
    users.put("a", {"n": 1})
    db.flush()
    with fault("sync_directory", errno.EIO), pytest.raises(StorageError):
        db.drop_collection("users") if drop else db.create_collection("more")
    try:
        users.put("b", {"n": 2})
        db.flush()
    except StorageError:
        assert "until reopened" in db.health().checks["log"]
        return
    for variant, files in enumerate(after_power_loss(disk.image())):
        with open_files(files, tmp_path / f"{variant}", durable_mode) as copy:
            assert copy.list_collections() == ["users"]
            assert set(copy["users"]) == {"a", "b"}


def test_a_change_of_the_catalog_that_came_to_nothing_latches_nothing(durable_mode, tmp_path):
    """As long as the old manifest stands a refused change costs no more than itself."""
    with velocity.open(tmp_path / "data", storage_mode=durable_mode) as db:
        users = db.create_collection("users")
        for point in ("open", "write", "sync", "rename"):
            with fault(point, errno.EMFILE):
                for call in (
                    lambda: db.create_collection("more"),
                    lambda: db.drop_collection("users"),
                ):
                    with pytest.raises(StorageError):
                        call()
            users.put(point, {"n": 1})
            db.flush()
        assert db.list_collections() == ["users"]
    with velocity.open(tmp_path / "data", storage_mode=durable_mode) as db:
        assert set(db["users"]) == {"open", "write", "sync", "rename"}


def test_a_segment_that_could_not_be_made_nor_removed_is_not_in_the_way(durable_mode, tmp_path):
    """Its name was taken by the next attempt, which found the file there: no write came through any more."""
    with velocity.open(tmp_path / "data", storage_mode=durable_mode) as db:
        users = db.create_collection("users")
        with fault("map", errno.ENOMEM), fault("remove", errno.EACCES), pytest.raises(StorageError):
            users.put("a", {"n": 1})
        assert users.put("a", {"n": 2}) == 1
    with velocity.open(tmp_path / "data", storage_mode=durable_mode) as db:
        assert contents(db["users"]) == {"a": (1, {"n": 2})}
    assert velocity.verify(tmp_path / "data").ok


def test_a_dropped_segment_is_listed_no_more_before_it_is_removed(disk, durable_mode, tmp_path):
    """The first sync of a segment failed after the manifest listed it, and its refused frames were wiped. Opening
    removed the empty file first and replaced the manifest later: power loss between refused every opening."""
    db = velocity.open(disk.directory, storage_mode=durable_mode, sync_writes=True)
    users = db.create_collection("users")
    failing = [False]

    def fail(point, name, done):
        if point == "rename" and done and not failing[0]:
            failing[0] = True
            engine.fault_set("sync_directory", 0, errno.EIO)

    disk.on_call = fail
    with pytest.raises(StorageError):
        users.put("a", {"n": 1})
    disk.on_call = lambda point, name, done: None
    engine.fault_clear()
    with pytest.raises(StorageError):
        db.close()

    images = []
    disk.on_call = lambda point, name, done: images.append(disk.image())
    velocity.open(disk.directory, storage_mode=durable_mode).close()
    disk.on_call = lambda point, name, done: None
    for number, image in enumerate(images):
        for variant, files in enumerate(after_power_loss(image)):
            with open_files(files, tmp_path / f"{number}-{variant}", durable_mode) as db:
                assert contents(db["users"]) in ({}, {"a": (1, {"n": 1})})


@pytest.fixture
def unsynced(disk, durable_mode, small_segments):
    """(files of a database with a newest segment that was never synced, its name, all documents)."""
    db = velocity.open(disk.directory, storage_mode=durable_mode, flush_interval=3600)
    users = db.create_collection("users")
    users.put("a", {"data": bytes(100)})
    db.flush()
    n = 0
    while len(segments(disk.directory)) < 2:
        users.put(f"u{n}", {"data": bytes(3000)})
        n += 1
    return disk.image().files(), segments(disk.directory)[-1].name, contents(users)


def test_a_segment_that_compaction_has_only_created_ends_no_log(unsynced, durable_mode, tmp_path):
    """A kill between creating and writing compaction's output, whose id is lower than that of a segment begun
    meanwhile: the empty file was taken for the end of the log, and the newer segment was removed."""
    files, newest, documents = unsynced
    number = int(newest[:-4], 16)
    newer = bytearray(files.pop(newest))
    # The newest segment under the next id: what it would have got had compaction begun before it.
    files[newest] = b""
    files[f"{number + 1:010x}.seg"] = renumbered(newer, number + 1)
    with open_files(files, tmp_path / "crashed", durable_mode) as db:
        assert contents(db["users"]) == documents


def renumbered(segment, number):
    """A segment's bytes with another id in its header."""
    import xxhash

    segment[16:24] = number.to_bytes(8, "little")
    segment[48:56] = xxhash.xxh3_64_intdigest(bytes(segment[:48]), seed=0).to_bytes(8, "little")
    return bytes(segment)


def test_health_names_the_place_when_a_segment_lost_all_its_frames(
    disk, durable_mode, small_segments, tmp_path
):
    """Its first frame did not reach the disk, later segments did and were dropped: health told how many bytes
    were cut off, but not where."""
    db = velocity.open(disk.directory, storage_mode=durable_mode, flush_interval=3600)
    users = db.create_collection("users")
    n = 0
    while len(segments(disk.directory)) < 2:
        users.put(f"u{n}", {"data": bytes(3000)})
        n += 1
    files = disk.image().files()
    first = min(name for name in files if name.endswith(".seg"))
    files[first] = files[first][:128] + bytes(len(files[first]) - 128)
    with open_files(files, tmp_path / "crashed", durable_mode) as db:
        assert contents(db["users"]) == {}
        assert f"torn tail was cut off at {tmp_path / 'crashed' / first}" in str(db.health())


@pytest.mark.parametrize("size", [1, 8, 40, 100])
def test_a_header_that_was_half_written_is_no_damage(size, unsynced, durable_mode, tmp_path):
    """A crash while a segment was being made, with a part of its header on disk: opening was refused."""
    files, newest, documents = unsynced
    files[newest] = files[newest][:size] + bytes(len(files[newest]) - size)
    write_files(tmp_path / "seen", files)
    assert velocity.verify(tmp_path / "seen").ok
    with open_files(files, tmp_path / "crashed", durable_mode) as db:
        found = contents(db["users"])
        assert found.items() < documents.items()
        assert "a" in found


def test_left_over_hints_go(durable_mode, tmp_path):
    """Half-written hints, and hints of segments that were removed, stayed for ever."""
    data = tmp_path / "data"
    with velocity.open(data, storage_mode="persistent") as db:
        db.create_collection("users").put("a", {"n": 1})
    kept = {path.name for path in data.glob("*.hint")}
    (data / "00000000ff.hint").write_bytes(b"of a segment that is gone")
    (data / "00000000ff.hint.tmp").write_bytes(b"half")
    (data / "notes.hint").write_bytes(b"not ours")
    with velocity.open(data, storage_mode=durable_mode) as db:
        assert contents(db["users"]) == {"a": (1, {"n": 1})}
    names = {path.name for path in data.glob("*.hint*")}
    assert names == kept | {"notes.hint"}


def test_health_tells_of_a_manifest_that_cannot_be_written(durable_mode, tmp_path):
    """create_collection raised and health said that all was well."""
    with velocity.open(tmp_path / "data", storage_mode=durable_mode) as db:
        with fault("rename", errno.EIO), pytest.raises(StorageError):
            db.create_collection("users")
        health = db.health()
        assert not health.ok
        assert "rename" in health.checks["disk"]
        db.create_collection("users")
        assert db.health().ok


@pytest.mark.parametrize("mode", ["hybrid", "persistent"])
def test_a_checkpoint_has_its_name_before_the_manifest_says_so(mode, disk, tmp_path):
    """Power loss at the end of a clean close kept the manifest's new name but not the checkpoint's: an older
    checkpoint was there again, which verify called damage."""
    with velocity.open(disk.directory, storage_mode=mode, flush_interval=3600) as db:
        db.create_collection("users").put("a", {"n": 1})
    images = []
    db = velocity.open(disk.directory, storage_mode=mode, flush_interval=0.01)
    n = 1
    while (disk.directory / "CHECKPOINT").exists():  # until the flusher has removed it
        n += 1
        db["users"].put("a", {"n": n})
        db.flush()
    disk.on_call = lambda point, name, done: images.append(disk.image())
    db.close()
    disk.on_call = lambda point, name, done: None
    for number, image in enumerate(images):
        for variant, files in enumerate(after_power_loss(image)):
            copy = tmp_path / f"{number}-{variant}"
            write_files(copy, files)
            assert velocity.verify(copy).errors == []
            with velocity.open(copy, storage_mode=mode) as db:
                assert contents(db["users"]) == {"a": (n, {"n": n})}

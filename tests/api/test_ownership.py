"""One owner per directory: second openers, forks, and directories that cannot be a database."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings

import pytest

import velocity
from support.children import run_in_fork, spawn
from velocity import ConfigError, CorruptionError, DatabaseLockedError, StorageError


def test_second_opener_in_the_same_process(durable):
    durable.open().create_collection("users")
    with pytest.raises(DatabaseLockedError, match=str(os.getpid())) as caught:
        velocity.open(durable.path, storage_mode="persistent")
    assert caught.value.pid == os.getpid()
    assert str(durable.path) in str(caught.value)


def test_second_opener_in_another_process_names_the_holder(durable):
    durable.open()
    code = f"import velocity\ntry: velocity.open({str(durable.path)!r})\nexcept velocity.DatabaseLockedError as e: print(e.pid, e)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split()[0] == str(os.getpid())
    assert done.stdout.count(str(os.getpid())) >= 2


def test_the_lock_ends_with_close(durable):
    durable.open().close()
    velocity.open(durable.path, storage_mode="hybrid").close()


def test_the_lock_ends_with_its_process(durable):
    child = spawn("hold", str(durable.path), durable.mode)
    assert child.read_ack() == 1
    with pytest.raises(DatabaseLockedError) as caught:
        durable.open()
    assert caught.value.pid == child.pid
    child.kill()
    assert durable.open().list_collections() == ["held"]


def test_a_fork_is_not_an_owner(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.insert("a", {"n": 1})
    transaction = db.transaction()
    calls = {
        "put": lambda: users.put("a", {"n": 2}),
        "delete": lambda: users.delete("a"),
        "batch": lambda: db.batch([velocity.BatchOperation("delete", "users", id="a")]),
        "get": lambda: users.get("a"),
        "flush": lambda: db.flush(),
        "compact": lambda: db.compact(),
        "create": lambda: db.create_collection("more"),
        "transaction": lambda: db.transaction(),
        "empty commit": transaction.commit,
        "with": lambda: db.__enter__(),
    }
    for name, call in calls.items():
        assert run_in_fork(call) == "DatabaseLockedError", name
    assert run_in_fork(db.close) == ""  # leaves the parent's database as it is
    assert run_in_fork(lambda: velocity.open(durable.path)) == "DatabaseLockedError"
    assert users.put("a", {"n": 3}) == 2
    assert durable.reopen()["users"]["a"].fields == {"n": 3}


def test_a_fork_of_a_memory_database_is_refused_too():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.insert("a", {"n": 1})
        assert run_in_fork(lambda: users.put("a", {"n": 2})) == "DatabaseLockedError"
        assert users["a"].version == 1


def test_data_dir_that_is_a_file(tmp_path, durable_mode):
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises((StorageError, ConfigError), match="file"):
        velocity.open(path, storage_mode=durable_mode)
    assert path.read_text() == "precious"


def test_data_dir_below_a_file(tmp_path, durable_mode):
    (tmp_path / "file").write_text("precious")
    with pytest.raises((StorageError, ConfigError), match="file"):
        velocity.open(tmp_path / "file" / "data", storage_mode=durable_mode)


def test_data_dir_without_permission(tmp_path, durable_mode):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)

    def attempt():
        become_nobody()
        try:
            velocity.open(locked / "data", storage_mode=durable_mode)
        except StorageError as error:
            assert error.errno in (errno.EACCES, errno.EPERM), error.errno
            assert "locked" in str(error)
            raise

    open_the_way_to(tmp_path)
    assert run_in_fork(attempt) == "StorageError"


def test_verify_without_permission(persistent):
    persistent.open().create_collection("users")
    persistent.close()
    (persistent.path / "MANIFEST").chmod(0)
    open_the_way_to(persistent.path)

    def attempt():
        become_nobody()
        try:
            velocity.verify(persistent.path)
        except StorageError as error:
            assert error.errno == errno.EACCES
            assert "MANIFEST" in str(error)
            raise

    assert run_in_fork(attempt) == "StorageError"
    (persistent.path / "MANIFEST").chmod(0o600)


def become_nobody():
    """In a fork: root may read and write everything."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


def open_the_way_to(path):
    for place in (path, *path.parents):
        if place != place.parent and place.stat().st_uid == os.getuid():
            place.chmod(place.stat().st_mode | 0o055)


def test_a_foreign_directory_is_refused_and_left_alone(tmp_path, durable_mode):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("precious")
    with pytest.raises((StorageError, ConfigError, CorruptionError), match=str(tmp_path / "d")):
        velocity.open(tmp_path / "d", storage_mode=durable_mode)
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["thesis.txt"]


def test_a_directory_that_cannot_be_listed_says_why(tmp_path, durable_mode):
    (tmp_path / "d").mkdir(mode=0o300)
    open_the_way_to(tmp_path)

    def attempt():
        become_nobody()
        try:
            velocity.open(tmp_path / "d", storage_mode=durable_mode)
        except StorageError as error:
            assert error.errno == errno.EACCES
            assert "list the data directory: Permission denied; check the owner" in str(error)
            raise

    assert run_in_fork(attempt) == "StorageError"


def test_an_empty_directory_becomes_a_database(tmp_path, durable_mode):
    (tmp_path / "d").mkdir()
    with velocity.open(tmp_path / "d", storage_mode=durable_mode) as db:
        assert db.list_collections() == []


def test_segments_without_a_manifest_are_never_taken_for_a_new_database(persistent):
    persistent.open().create_collection("users").insert("a", {})
    persistent.close()
    (persistent.path / "MANIFEST").unlink()
    with pytest.raises((CorruptionError, StorageError), match="MANIFEST"):
        persistent.open()
    assert list(persistent.path.glob("*.seg"))


@pytest.mark.parametrize("place", [0, 9, 17, 30, -1])
def test_a_damaged_manifest(place, durable):
    durable.open().create_collection("users").insert("a", {"n": 1})
    durable.close()
    manifest = durable.path / "MANIFEST"
    data = bytearray(manifest.read_bytes())
    data[place] ^= 0x10
    manifest.write_bytes(data)
    with pytest.raises(CorruptionError, match="MANIFEST") as caught:
        durable.open()
    assert caught.value.path.endswith("MANIFEST")
    assert isinstance(caught.value.offset, int)
    assert not velocity.verify(str(durable.path)).ok
    assert manifest.read_bytes() == data
    durable.verified = False


@pytest.mark.parametrize("size", [0, 7, 23, 40])
def test_a_manifest_cut_short(size, persistent):
    persistent.open().create_collection("users")
    persistent.close()
    os.truncate(persistent.path / "MANIFEST", size)
    with pytest.raises(CorruptionError, match="MANIFEST"):
        persistent.open()
    persistent.verified = False


def test_a_database_of_a_newer_version_says_so(persistent):
    persistent.open()
    persistent.close()
    manifest = persistent.path / "MANIFEST"
    data = bytearray(manifest.read_bytes())
    data[8] = 99
    manifest.write_bytes(data)
    with pytest.raises(CorruptionError, match="version"):
        persistent.open()
    persistent.verified = False


def test_verify_of_what_is_not_a_database(tmp_path):
    with pytest.raises((StorageError, CorruptionError, ConfigError), match="nowhere"):
        velocity.verify(str(tmp_path / "nowhere"))


def test_verify_of_an_open_database_is_refused_or_right(durable):
    durable.open().create_collection("users").insert("a", {})
    try:
        assert velocity.verify(str(durable.path)).ok
    except DatabaseLockedError as error:
        assert error.pid == os.getpid()


def test_import_says_nothing_and_warns_of_nothing():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import velocity, velocity.aio"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_no_warning_is_left_by_open_and_close(store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.open().create_collection("users").insert("a", {})
        store.close()

"""File calls: that each does what it says, fails when told, and leaves nothing half done."""

import errno
import faulthandler
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from velocity._core import storage
from velocity._core.errors import DatabaseLockedError, StorageError
from velocity._core.storage import MappedFile, fault_clear, fault_set

READ, WRITE = os.O_RDONLY, os.O_RDWR | os.O_CREAT


@pytest.fixture(autouse=True)
def _no_faults_left():
    yield
    fault_clear()


@pytest.fixture
def fd(tmp_path):
    fd = storage.file_open(tmp_path / "file", WRITE)
    yield fd
    storage.file_close(fd)


def failure(call, *arguments):
    with pytest.raises(StorageError) as caught:
        call(*arguments)
    return caught.value


def test_write_read_truncate_size(fd):
    storage.file_write(fd, 4, b"abcdef")
    assert storage.file_read(fd, 0, 10) == b"\0\0\0\0abcdef"
    assert storage.file_read(fd, 6, 10) == b"cdef"  # ends early at the end of the file
    assert storage.file_read(fd, 99, 10) == b""
    storage.file_truncate(fd, 6)
    assert storage.file_size(fd) == 6
    storage.file_sync(fd)
    storage.file_write(fd, 0, b"")
    assert storage.file_read(fd, 4, 0) == b""


def test_open_names_the_path_and_what_to_do(tmp_path):
    error = failure(storage.file_open, tmp_path / "absent", READ)
    assert (error.errno, error.filename) == (errno.ENOENT, str(tmp_path / "absent"))
    assert error.strerror == "cannot open the file: No such file or directory"
    assert isinstance(error, OSError)


def test_a_descriptor_is_closed_on_exec(fd):
    assert not os.get_inheritable(fd)


def test_a_wrong_descriptor_fails_everywhere(tmp_path):
    for call, arguments in [
        (storage.file_read, (0, 1)), (storage.file_write, (0, b"x")), (storage.file_sync, ()),
        (storage.file_allocate, (0, 8)), (storage.file_truncate, (0,)), (storage.file_size, ()),
        (MappedFile, (4096,)),
    ]:
        assert failure(call, -1, *arguments).errno == errno.EBADF


def test_allocate_grows_with_zeros_and_keeps_what_is_there(fd):
    storage.file_write(fd, 0, b"data")
    storage.file_allocate(fd, 4096, 8192)
    assert storage.file_size(fd) == 12288
    assert storage.file_read(fd, 0, 20000) == b"data".ljust(12288, b"\0")
    assert os.fstat(fd).st_blocks * 512 >= 8192
    storage.file_allocate(fd, 0, 0)


def test_allocate_writes_zeros_where_the_file_system_cannot(fd):
    fault_set("allocate", 0, errno.EOPNOTSUPP)
    storage.file_allocate(fd, 100, 40000)
    assert storage.file_read(fd, 0, 99999) == bytes(40100)
    assert os.fstat(fd).st_blocks * 512 >= 40000


def test_a_full_disk_says_what_was_wanted_and_what_to_do(fd):
    fault_set("allocate", 0, errno.ENOSPC)
    error = failure(storage.file_allocate, fd, 0, 1 << 20)
    assert error.strerror == (
        "cannot grow the log by 1048576 bytes: No space left on device; free some space: 1 MiB is enough to "
        "open it and delete documents"
    )
    assert storage.file_size(fd) == 0


def test_an_allocation_that_really_fails_leaves_the_size(fd, tmp_path):
    """In a child, because a limit on file sizes cannot be raised again."""
    code = """
        import errno, os, resource, signal, sys
        from velocity._core import storage
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        fd = storage.file_open(sys.argv[1], os.O_RDWR)
        for arm in (False, True):
            if arm:
                storage.fault_set("allocate", 0, errno.EOPNOTSUPP)
            try:
                storage.file_allocate(fd, 0, 1 << 20)
            except storage.StorageError as error:
                print(error.errno, storage.file_size(fd))
    """
    storage.file_write(fd, 0, b"data")
    out = run_child(code, tmp_path / "file")
    assert out.split() == [str(errno.EFBIG), "4"] * 2


def test_rename_and_remove(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    storage.file_rename(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"1"
    assert failure(storage.file_rename, tmp_path / "a", tmp_path / "b").errno == errno.ENOENT
    storage.file_remove(tmp_path / "b")
    storage.file_remove(tmp_path / "b")  # absent is fine
    assert list(tmp_path.iterdir()) == []
    assert failure(storage.file_remove, tmp_path).errno in (errno.EISDIR, errno.EPERM)


def test_directories_are_made_with_their_parents(tmp_path, monkeypatch):
    storage.directory_make(tmp_path / "a" / "b" / "c")
    storage.directory_make(f"{tmp_path}/a//b/d//")
    storage.directory_make(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    storage.directory_make("e/f")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        "a", "a/b", "a/b/c", "a/b/d", "e", "e/f",
    ]
    storage.directory_sync(tmp_path)


def test_a_file_is_no_directory(tmp_path, fd):
    assert failure(storage.directory_make, tmp_path / "file").errno == errno.ENOTDIR
    assert failure(storage.directory_make, tmp_path / "file" / "x").errno == errno.ENOTDIR
    assert failure(storage.directory_sync, tmp_path / "file").errno == errno.ENOTDIR
    assert failure(storage.directory_make, "").errno == errno.ENOENT
    with pytest.raises(ValueError, match="too long"):
        storage.directory_make("x/" * 600)


def test_a_mapping_is_the_file(fd):
    storage.file_allocate(fd, 0, 8192)
    mapped = MappedFile(fd, 1 << 20)  # may reach past the end of the file
    mapped.write(4090, b"across pages")
    assert storage.file_read(fd, 4090, 12) == b"across pages"
    storage.file_write(fd, 0, b"both ways")
    assert mapped.read(0, 9) == b"both ways"
    storage.file_sync(fd)
    mapped.close()
    mapped.close()
    with pytest.raises(ValueError, match="closed"):
        mapped.read(0, 1)


def test_a_fork_does_not_have_the_mapping(fd):
    storage.file_allocate(fd, 0, 4096)
    mapped = MappedFile(fd, 4096)
    assert in_fork(lambda: (faulthandler.disable(), mapped.read(0, 1))) in (
        -signal.SIGSEGV, -signal.SIGBUS,
    )
    mapped.close()


# ---- faults ----

CALLS = {
    "open": lambda fd, d: storage.file_close(storage.file_open(d / "file", READ)),
    "read": lambda fd, d: storage.file_read(fd, 0, 1),
    "write": lambda fd, d: storage.file_write(fd, 0, b"x"),
    "sync": lambda fd, d: storage.file_sync(fd),
    "allocate": lambda fd, d: storage.file_allocate(fd, 0, 4096),
    "truncate": lambda fd, d: storage.file_truncate(fd, 8192),
    "rename": lambda fd, d: storage.file_rename(d / "file", d / "file"),
    "remove": lambda fd, d: storage.file_remove(d / "absent"),
    "sync_directory": lambda fd, d: storage.directory_sync(d),
    "map": lambda fd, d: MappedFile(fd, 4096).close(),
}


def outcomes(call, count):
    """The errno of each of `count` calls, 0 where it succeeded."""
    found = []
    for _ in range(count):
        try:
            call()
            found.append(0)
        except StorageError as error:
            found.append(error.errno)
    return found


def test_every_fault_point_has_a_call_here():
    assert tuple(CALLS) == storage.FAULT_POINTS


@pytest.mark.parametrize("point", CALLS)
def test_a_fault_begins_after_so_many_calls_and_stays(point, fd, tmp_path):
    fault_set(point, 2, errno.EIO)
    assert outcomes(lambda: CALLS[point](fd, tmp_path), 5) == [0, 0] + [errno.EIO] * 3
    fault_clear()
    assert outcomes(lambda: CALLS[point](fd, tmp_path), 1) == [0]


@pytest.mark.parametrize("point", CALLS)
def test_a_fault_may_come_once(point, fd, tmp_path):
    fault_set(point, 1, errno.EDQUOT, once=True)
    assert outcomes(lambda: CALLS[point](fd, tmp_path), 4) == [0, errno.EDQUOT, 0, 0]


@pytest.mark.parametrize("point", CALLS)
def test_a_fault_hits_no_other_point(point, fd, tmp_path):
    fault_set(point, 0, errno.EIO)
    for other in CALLS:
        expected = errno.EIO if other == point else 0
        assert outcomes(lambda other=other: CALLS[other](fd, tmp_path), 1) == [expected]


def test_a_short_write_leaves_half(fd):
    fault_set("write", 0, errno.ENOSPC, short=True, once=True)
    error = failure(storage.file_write, fd, 2, b"abcdef")
    assert error.strerror == (
        "cannot write 6 bytes at offset 2: No space left on device; free some space: 1 MiB is enough to "
        "open it and delete documents"
    )
    assert storage.file_read(fd, 0, 10) == b"\0\0abc"
    storage.file_write(fd, 2, b"abcdef")
    assert storage.file_read(fd, 2, 10) == b"abcdef"


def test_a_failed_write_writes_nothing(fd):
    fault_set("write", 0, errno.EIO)
    failure(storage.file_write, fd, 0, b"abcdef")
    assert storage.file_size(fd) == 0


def test_faults_that_cannot_be_are_refused():
    for arguments, options in [
        (("nothing",), {}), (("sync", -1), {}), (("sync", 0, 0), {}), (("sync",), {"short": True}),
    ]:
        with pytest.raises(ValueError, match="fault point|after is at least"):
            fault_set(*arguments, **options)


# ---- whole files ----

def test_load_is_none_for_an_absent_file_and_refuses_a_large_one(tmp_path):
    assert storage.file_load(tmp_path / "absent") is None
    (tmp_path / "file").write_bytes(b"12345")
    assert storage.file_load(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="more than the 4"):
        storage.file_load(tmp_path / "file", 4)
    (tmp_path / "file").write_bytes(b"")
    assert storage.file_load(tmp_path / "file") == b""


def test_replace_leaves_only_the_new_file(tmp_path):
    (tmp_path / "m.tmp").write_bytes(b"left by a crash, and longer than what comes")
    storage.file_replace(tmp_path / "m", b"first")
    storage.file_replace(tmp_path / "m", b"2nd")
    assert (tmp_path / "m").read_bytes() == b"2nd"
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("point", ["open", "write", "sync", "rename", "sync_directory"])
def test_replace_is_whole_or_not_at_all(tmp_path, point, short):
    path = tmp_path / "m"
    storage.file_replace(path, b"old content")
    fault_set(point, 0, errno.EIO, short=short and point == "write")
    assert failure(storage.file_replace, path, b"new").errno == errno.EIO
    # The rename is done when the directory's sync fails; a crash may bring the old file back.
    assert path.read_bytes() == (b"new" if point == "sync_directory" else b"old content")
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


# ---- the lock ----

def run_child(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True, text=True, timeout=60, env=child_environment(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def child_environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def in_fork(call):
    """Run call in a fork: its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            call()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def locked(directory, pid):
    with pytest.raises(DatabaseLockedError) as caught:
        storage.lock_take(directory)
    assert caught.value.pid == pid
    assert ("another process" if pid is None else f"process {pid}") in str(caught.value)


HOLDER = """
    import os, sys
    from velocity._core import storage
    storage.lock_take(sys.argv[1])
    if "fork" in sys.argv and os.fork() == 0:
        print("ready", flush=True)
        sys.stdin.read()
        os._exit(0)
    if "fork" not in sys.argv:
        print("ready", flush=True)
    sys.stdin.read()
"""


def holder(directory, *arguments):
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER), str(directory), *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment(),
    )
    assert child.stdout.readline() == b"ready\n"
    return child


def finish(child):
    child.stdin.close()
    child.stdout.close()
    child.wait(30)


def test_one_taker_at_a_time(tmp_path):
    fd = storage.lock_take(tmp_path)
    assert (tmp_path / "LOCK").read_text() == f"{os.getpid()}\n"
    locked(tmp_path, os.getpid())
    storage.lock_release(fd)
    fd = storage.lock_take(tmp_path)
    storage.lock_release(fd)
    assert (tmp_path / "LOCK").exists()


def test_two_directories_have_two_locks(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fds = [storage.lock_take(tmp_path / name) for name in "ab"]
    storage.lock_release(fds[0])
    locked(tmp_path / "b", os.getpid())
    storage.lock_release(storage.lock_take(tmp_path / "a"))
    storage.lock_release(fds[1])


def test_another_process_is_named_and_its_death_frees_the_lock(tmp_path):
    child = holder(tmp_path)
    locked(tmp_path, child.pid)
    child.kill()
    finish(child)
    storage.lock_release(storage.lock_take(tmp_path))


def test_an_orphaned_fork_does_not_keep_the_lock(tmp_path):
    child = holder(tmp_path, "fork")
    locked(tmp_path, child.pid)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(30)  # its fork lives on: it reads from the same pipe
    storage.lock_release(storage.lock_take(tmp_path))
    finish(child)


def test_a_fork_cannot_free_its_parents_lock(tmp_path):
    fd = storage.lock_take(tmp_path)
    assert in_fork(lambda: storage.lock_release(fd)) == 0
    assert in_fork(lambda: locked(tmp_path, os.getppid())) == 0
    locked(tmp_path, os.getpid())
    storage.lock_release(fd)


def test_a_fork_can_take_a_lock_of_its_own(tmp_path):
    storage.lock_release(storage.lock_take(tmp_path))
    assert in_fork(lambda: storage.lock_release(storage.lock_take(tmp_path))) == 0


@pytest.mark.parametrize("text", ["", "garbage", "-7", "99999999999999999999", "0"])
def test_a_holder_that_left_no_pid_is_unknown(tmp_path, text):
    fd = storage.lock_take(tmp_path)
    (tmp_path / "LOCK").write_text(text)
    locked(tmp_path, None)
    storage.lock_release(fd)


def test_the_pid_of_a_dead_process_is_not_reported(tmp_path):
    child = holder(tmp_path)
    child.kill()
    finish(child)
    fd = storage.lock_take(tmp_path)
    (tmp_path / "LOCK").write_text(f"{child.pid}\n")
    locked(tmp_path, None)
    storage.lock_release(fd)
    assert (tmp_path / "LOCK").read_text() == ""


@pytest.mark.parametrize("point", ["open", "truncate", "write"])
def test_a_lock_that_could_not_be_noted_is_not_held(tmp_path, point):
    fault_set(point, 0, errno.EIO, once=True)
    assert failure(storage.lock_take, tmp_path).errno == errno.EIO
    storage.lock_release(storage.lock_take(tmp_path))


def test_no_directory_no_lock(tmp_path):
    assert failure(storage.lock_take, tmp_path / "absent").errno == errno.ENOENT

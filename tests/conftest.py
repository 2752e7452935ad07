"""Fixtures of the whole suite: databases in every storage mode, verified when a test is done with them."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "velocity",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("velocity")

# tantivy has no build for free-threaded interpreters.
collect_ignore_glob = ["*/test_search*.py"] if sysconfig.get_config_var("Py_GIL_DISABLED") else []

# Thousands of small databases: where a memory file system has room, syncing it costs nothing.
# VELOCITY_TEST_ROOT names another directory, such as one on a real disk.
MEMORY_ROOT, ROOM = "/dev/shm", 2 << 30


CRASH_STATES, CRASH_SEED = 2400, "1"


def pytest_addoption(parser):
    group = parser.getgroup("crash states", "power loss and failing calls under the log")
    group.addoption("--crash-states", type=int, default=CRASH_STATES, metavar="N")
    group.addoption("--crash-seed", default=CRASH_SEED, metavar="TEXT")
    group.addoption("--crash-run", type=int, metavar="N", help="only this run, as a failure names it")
    group.addoption("--crash-calls", choices=["some", "all"], default="some")
    group.addoption("--damage", choices=["some", "all"], default="some", help="in test_every_bit.py")


def pytest_report_header(config):
    return f"crash states: {config.option.crash_states}, --crash-seed={config.option.crash_seed}"


def pytest_configure(config):
    root = os.environ.get("VELOCITY_TEST_ROOT")
    if root is None and os.path.isdir(MEMORY_ROOT) and os.access(MEMORY_ROOT, os.W_OK):
        root = MEMORY_ROOT if shutil.disk_usage(MEMORY_ROOT).free >= ROOM else None
    if root is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", root)


@pytest.fixture(params=["memory-only", "memory-first", "hybrid", "persistent"])
def mode(request):
    return request.param


@pytest.fixture(params=["memory-first", "hybrid", "persistent"])
def durable_mode(request):
    return request.param


def _store(mode, tmp_path):
    from support.store import Store

    store = Store(mode, tmp_path / "data")
    yield store
    store.finish()


@pytest.fixture
def store(mode, tmp_path):
    """A place for one database: store.open(), store.reopen(). Closed, verified and removed at teardown."""
    yield from _store(mode, tmp_path)


@pytest.fixture
def durable(durable_mode, tmp_path):
    """As `store`, in the modes that keep their documents."""
    yield from _store(durable_mode, tmp_path)


@pytest.fixture(params=["hybrid", "persistent"])
def bounded(request, tmp_path):
    """As `store`, in the modes whose memory is a cache of `cache_size`."""
    yield from _store(request.param, tmp_path)


@pytest.fixture
def disk(tmp_path):
    """A watched directory with its live and its durable image (support/disk.py)."""
    from support.disk import Disk, watched, write_files

    write_files(tmp_path / "data", {})
    disk = Disk(tmp_path / "data")
    with watched(disk):
        yield disk


@pytest.fixture
def persistent(tmp_path):
    """As `store`, persistent only: for what the other modes share with it."""
    yield from _store("persistent", tmp_path)


@pytest.fixture
def db(store):
    """An open database in each of the four storage modes."""
    return store.open()


@pytest.fixture
def users(db):
    """An empty collection `users` of `db`."""
    return db.create_collection("users")


@pytest.fixture
def small_segments():
    """Segments of 16 KiB, so that few writes fill some."""
    from velocity._core import engine

    engine.segment_size_set(16384)
    yield
    engine.segment_size_set(0)


class CrashOptions:
    """What the command line says about crash states."""

    def __init__(self, option):
        self.states, self.seed, self.run = option.crash_states, option.crash_seed, option.crash_run
        self.all_calls = option.crash_calls == "all"
        self.all_damage = option.damage == "all"

    def remove(self, root):
        """Of a run that went well nothing is kept."""
        shutil.rmtree(root)


@pytest.fixture
def crash_options(request):
    return CrashOptions(request.config.option)


@pytest.fixture(autouse=True)
def _no_faults_left():
    """Faults that a test injected must not reach the next one, nor calls a test that is over."""
    yield
    engine = sys.modules.get("velocity._core.engine")
    if engine is not None:
        engine.fault_clear()
        engine.file_watch(None)

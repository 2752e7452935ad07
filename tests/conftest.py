"""Fixtures of the whole suite: databases in every storage mode, verified when a test is done with them."""

from __future__ import annotations

import os
import shutil
import sys

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

# Thousands of small databases: where a memory file system has room, syncing it costs nothing.
# VELOCITY_TEST_ROOT names another directory, such as one on a real disk.
MEMORY_ROOT, ROOM = "/dev/shm", 2 << 30


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


@pytest.fixture(autouse=True)
def _no_faults_left():
    """Faults that a test injected must not reach the next one."""
    yield
    engine = sys.modules.get("velocity._core.engine")
    if engine is not None:
        engine.fault_clear()

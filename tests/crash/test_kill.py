"""SIGKILL at random moments: what was acknowledged is there, as api.md promises for each mode.

persistent, and every mode with sync_writes: each acknowledged step is there. memory-first and hybrid: what is
there is a prefix of the acknowledged history, no shorter than the last flush. Batches are whole, versions right.
"""

from __future__ import annotations

import json
import random

import pytest

from support.children import spawn
from support.crash_indexes import LATE, OF_SCHEMA, check_indexes, check_refused
from support.history import History
from support.store import DURABLE, Store, contents
from support.waiting import eventually
from support.worker import FLUSHED, THREAD_SHIFT

MODES = [(mode, sync) for mode in DURABLE for sync in (False, True)]


@pytest.fixture(params=MODES, ids=lambda p: f"{p[0]}{'-sync' if p[1] else ''}")
def killed(request, tmp_path):
    mode, sync = request.param
    store = Store(mode, tmp_path / "data")
    store.sync = sync
    store.keeps_all = sync or mode == "persistent"
    yield store
    store.finish()


def settings(store):
    return json.dumps(store.settings(sync_writes=store.sync))


def recovered(db):
    return {name: contents(db[name]) for name in db.list_collections()}


def run_and_kill(store, seed, start, chance, compact=False):
    """Start a writer, kill it; returns (last acknowledged step, last flushed step)."""
    flush_every = 0 if store.keeps_all else 70
    child = spawn("write", settings(store), seed, str(start), str(flush_every), json.dumps(compact))
    acks = child.read_until(chance.randrange(1, 60 if store.sync else 900))
    acks += child.kill()
    steps = [ack for ack in acks if not ack & FLUSHED]
    flushed = [ack & ~FLUSHED for ack in acks if ack & FLUSHED]
    assert steps == list(range(start, start + len(steps)))
    return steps[-1], max(flushed, default=start)


@pytest.mark.parametrize("compact", [False, True], ids=["", "compacting"])
def test_acknowledged_writes_survive(killed, compact):
    chance = random.Random(f"{killed.mode} {killed.sync} {compact}")
    seed, at = f"kill {killed.mode}", 0
    for _ in range(2):
        acknowledged, flushed = run_and_kill(killed, seed, at, chance, compact)
        with killed.open() as db:
            least = acknowledged if killed.keeps_all else flushed
            at = History(seed).find(recovered(db), least, acknowledged + 1)
            indexes = (OF_SCHEMA, *LATE)
            check_indexes(db, [(name, index) for name in db.list_collections() for index in indexes])
            check_refused(db)
            health = db.health()
            assert health.ok or not killed.keeps_all, health.checks
        killed.close()
        killed.verify()
    assert at > 0


def test_threads(killed):
    """Each thread's history is a prefix of its own; group commit acknowledges none too early."""
    chance = random.Random(f"threads {killed.mode} {killed.sync}")
    child = spawn("write_threads", settings(killed), "t", "3")
    acks = child.read_until(chance.randrange(100, 400))
    acks += child.kill()
    last = [
        max((a & 0xFFFFFF for a in acks if a >> THREAD_SHIFT == thread), default=0)
        for thread in range(3)
    ]
    with killed.open() as db:
        for thread, acknowledged in enumerate(last):
            name = f"thread{thread}"
            least = acknowledged if killed.keeps_all else 0
            found = {name: contents(db[name])}
            History(f"t {name}", (name,)).find(found, least, acknowledged + 1)


@pytest.mark.parametrize("mode", ["memory-first", "hybrid"])
def test_the_log_follows_by_itself(mode, tmp_path):
    """A write that nobody flushes is on its way to disk: it reaches the files of an idle process."""
    store = Store(mode, tmp_path / "data")
    child = spawn("idle_writer", json.dumps(store.settings()), "marker-of-this-test")
    child.read_ack()
    eventually(
        lambda: any(
            b"marker-of-this-test" in path.read_bytes() for path in store.path.glob("*.seg")
        )
    )
    child.kill()
    assert store.open()["users"]["marker"].fields == {"marker": "marker-of-this-test"}
    store.finish()

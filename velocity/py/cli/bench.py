"""bench: how quick the database is on this machine, in a minute or less."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from typing import Any

from velocity.py.cli.common import InputError, add_command
from velocity.py.config import Config
from velocity.py.database import VelocityDB
from velocity.py.levels import StorageMode

SEED = 20_051_120


def add_commands(commands: Any) -> None:
    help = "measure puts, gets and compare-and-swaps in a directory of its own"
    parser = add_command(commands, "bench", run, help)
    parser.add_argument("--documents", type=int, default=100_000, metavar="N")
    parser.add_argument("--mode", choices=[m.value for m in StorageMode], default="memory-first")
    parser.add_argument("--sync-writes", action="store_true", help="each write waits for the disk")


def run(options: argparse.Namespace) -> int:
    count = options.documents
    if count < 1:
        raise InputError(f"--documents: {count} is below 1")
    with tempfile.TemporaryDirectory(prefix="velocity-bench-") as directory:
        mode = StorageMode(options.mode)
        config = Config(
            directory if mode.durable else None,
            storage_mode=mode,
            sync_writes=options.sync_writes,
        )
        with VelocityDB(config) as db:
            _measure(db, count)
    return 0


def _measure(db: VelocityDB, count: int) -> None:
    users = db.create_collection("users")
    ids = [f"user{number}" for number in range(count)]
    documents = [
        {"name": f"User {number}", "age": number % 90, "state": "waiting", "score": number * 1.5}
        for number in range(count)
    ]
    shuffled = random.Random(SEED).sample(ids, count)

    def put() -> None:
        for id, document in zip(ids, documents):
            users.put(id, document)

    def get() -> None:
        for id in shuffled:
            users.get(id)

    def get_field() -> None:
        for id in shuffled:
            users[id]["age"]

    def swap() -> None:
        expected, value = {"state": "waiting"}, {"state": "running"}
        for id in shuffled:
            users.compare_and_swap(id, expected, value)

    def get_many() -> None:
        for at in range(0, count, 1000):
            users.get_many(shuffled[at : at + 1000])

    _report("put", count, put)
    _report("get", count, get)
    _report("get and read a field", count, get_field)
    _report("get_many, 1,000 ids a call", count, get_many)
    _report("compare-and-swap", count, swap)
    _report("scan in id order", count, lambda: sum(1 for _ in users.scan()))


def _report(what: str, count: int, work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(f"{what:28} {count / seconds:>12,.0f} /s {seconds / count * 1e6:>9.2f} µs")

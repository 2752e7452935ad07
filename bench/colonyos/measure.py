"""Measures the sides in turn: one client call by call, then eight workers that assign.

Wall time, since PostgreSQL's work is done in other processes. A round measures every side once, and
what is compared stems from one round. Where PostgreSQL is not to be had its columns are left out.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.colonyos.face import WORKERS
from bench.colonyos.ours import Ours
from bench.colonyos.threads import ThreadWorkers
from bench.colonyos.times import Client, Times, measure_clients
from bench.timing import collector_off
from velocity import Config
from velocity.py.colonyos import ColonyOSAdapter

try:
    from bench.colonyos import postgres, server

    VERSION, LEFT_OUT = server.version(), ""
except ImportError as error:
    VERSION, LEFT_OUT = "", str(error)

MEMORY_FIRST, ON_DISK, POSTGRES = "memory-first", "persistent, sync_writes", "PostgreSQL"
SHARE_LOADED = 10  # the sides are compared with a queue of one tenth of the longest
SHARE_SHORT = 100  # and ours with one of a hundredth of it
LONGEST_MIN = 20_000  # fewer, and the short queue would run out
CALLS = 1_000  # of a client or a worker in a round
CALLS_ON_DISK = 50

Say = Callable[[str], None]


@dataclass
class Results:
    """One client's calls and the workers' assignments by side, and ours by the queue's length."""

    loaded: int
    client: dict[str, dict[str, Times]]  # by operation, side
    workers: dict[str, Times]  # by side
    lengths: dict[str, dict[str, Times]]  # by operation, length of the queue


def measure(folder: Path, longest: int, rounds: int, say: Say) -> Results:
    """longest: processes that wait in the longest queue."""
    longest = max(longest, LONGEST_MIN)
    loaded = longest // SHARE_LOADED
    with collector_off(), ExitStack() as opened:
        say(f"colonyos: adding {loaded:,} processes to each side")
        sides, workers = open_sides(folder, loaded, opened)
        # No queue may run out: half of it is for the clients, half for the workers.
        most = max(1, loaded // (2 * (rounds + 1) * WORKERS))
        calls = {
            name: min(most, CALLS if name == MEMORY_FIRST else CALLS_ON_DISK) for name in sides
        }
        say("colonyos: one client")
        clients = {name: Client(side, loaded) for name, side in sides.items()}
        by_client = measure_clients(clients, calls, rounds)
        say(f"colonyos: {WORKERS} workers")
        by_workers = {name: Times() for name in sides}
        for number in range(rounds + 1):
            for name, times in by_workers.items():
                seconds, each = workers[name].run(calls[name])
                if number:
                    times.add(seconds, each)
    return Results(loaded, by_client, by_workers, measure_lengths(folder, longest, rounds, say))


def open_sides(
    folder: Path, loaded: int, opened: ExitStack
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The loaded sides and their workers by name; *opened* closes them."""
    sides: dict[str, Any] = {}
    with ExitStack() as loading:  # a sync for each would take minutes
        adapter_in(folder / "disk", loading, storage_mode="persistent").load(range(loaded))
    sides[MEMORY_FIRST] = adapter_in(folder / "memory", opened, storage_mode="memory-first")
    sides[MEMORY_FIRST].load(range(loaded))
    sides[ON_DISK] = adapter_in(
        folder / "disk", opened, storage_mode="persistent", sync_writes=True
    )
    workers: dict[str, Any] = {name: ThreadWorkers(side) for name, side in sides.items()}
    if VERSION:
        where = opened.enter_context(server.running(folder / "postgres"))
        postgres.make_tables(where)
        sides[POSTGRES] = postgres.Postgres(where)
        opened.callback(sides[POSTGRES].close)
        sides[POSTGRES].load(range(loaded))
        sides[POSTGRES].tidy()
        workers[POSTGRES] = postgres.ProcessWorkers(where)
        opened.callback(workers[POSTGRES].close)
    return sides, workers


def adapter_in(directory: Path, opened: ExitStack, **settings: Any) -> Ours:
    adapter = ColonyOSAdapter(Config(data_dir=str(directory), **settings))
    return Ours(opened.enter_context(adapter))


def measure_lengths(
    folder: Path, longest: int, rounds: int, say: Say
) -> dict[str, dict[str, Times]]:
    """The same calls where few wait and where many do."""
    with collector_off(), ExitStack() as opened:
        clients = {}
        shortest = longest // SHARE_SHORT
        for length in (shortest, longest):
            say(f"colonyos: a queue of {length:,}")
            side = adapter_in(folder / f"queue-{length}", opened, storage_mode="memory-first")
            side.load(range(length))
            clients[f"{length:,}"] = Client(side, length)
        calls = min(CALLS, max(1, shortest // (2 * (rounds + 1))))
        return measure_clients(clients, dict.fromkeys(clients, calls), rounds)

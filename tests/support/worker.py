"""What child processes do: `python -m support.worker JOB ARGUMENT...`. They are killed at any moment.

Each acknowledges on its stdout with 4-byte numbers, written after the database's call returned.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading

import velocity
from support.children import ACK
from support.crash_indexes import LATE, SCHEMA
from support.history import History, perform

FLUSHED = 1 << 31  # added to an acknowledgement: everything up to it was flushed
THREAD_SHIFT = 24  # thread number of an acknowledgement


def acknowledge(number: int) -> None:
    os.write(1, ACK.pack(number))


def hold(directory: str, mode: str) -> None:
    """Own a directory until killed."""
    db = velocity.open(directory, storage_mode=mode)
    db.create_collection("held", if_not_exists=True)
    db.flush()
    acknowledge(1)
    signal.pause()


def idle_writer(settings: str, marker: str) -> None:
    """Write one document, acknowledge, and do nothing more."""
    db = velocity.open(**json.loads(settings))
    db.create_collection("users", if_not_exists=True).put("marker", {"marker": marker})
    acknowledge(1)
    signal.pause()


def write(settings: str, seed: str, start: str, flush_every: str, compact: str) -> None:
    """Go on with a history from step `start`; acknowledge each step with the number of steps made."""
    db = velocity.open(**json.loads(settings))
    history = History(seed)
    for name in history.models:
        collection = db.create_collection(name, SCHEMA, if_not_exists=True)
        for index, definition in LATE.items():
            collection.create_index(**definition, name=index)
    db.flush()
    for _ in range(int(start)):
        history.step()
    acknowledge(history.steps)
    if json.loads(compact):
        threading.Thread(target=_compact_for_ever, args=(db,), daemon=True).start()
    every = int(flush_every)
    while True:
        perform(db, history.step())
        acknowledge(history.steps)
        if every and history.steps % every == 0:
            db.flush()
            acknowledge(history.steps | FLUSHED)


def _compact_for_ever(db: velocity.VelocityDB) -> None:
    while True:
        db.compact()


def write_and_watch(settings: str, consumed: str) -> None:
    """Count up in documents; a watch goes on after `consumed` changes, and acknowledges each by its number."""
    db = velocity.open(**json.loads(settings))
    users = db.create_collection("users", if_not_exists=True)
    history = users.watch(since=0)
    last, since = 0, 0
    while event := history.next(0):
        last = event.document["n"]
        since = event.sequence if last <= int(consumed) else since

    def write(number: int) -> None:
        while True:
            number += 1
            users.put(f"u{number % 10}", {"n": number})

    watch = users.watch(since=since)
    threading.Thread(target=write, args=(last,), daemon=True).start()
    for event in watch:
        acknowledge(event.document["n"])


def search(settings: str, start: str) -> None:
    """Put documents and find each; acknowledge how many have the word "all". Every third loses another word."""
    from support.searching import declare, found

    db = velocity.open(**json.loads(settings))
    articles = declare(db.create_collection("articles", if_not_exists=True))
    number = len(articles)
    assert number >= int(start)
    while True:
        number += 1
        articles.put(f"a{number}", {"title": f"all number{number} more"})
        if number % 3 == 0:
            articles.put(f"a{number}", {"title": f"all number{number}"})
        assert found(articles, f"number{number}") == [f"a{number}"]
        assert found(articles, f"+more +number{number}") == [f"a{number}"] * (number % 3 != 0)
        acknowledge(number)


def write_threads(settings: str, seed: str, count: str) -> None:
    """One history per thread, each in its own collection."""
    db = velocity.open(**json.loads(settings))
    names = [f"thread{number}" for number in range(int(count))]
    for name in names:
        db.create_collection(name)

    def work(number: int, name: str) -> None:
        history = History(f"{seed} {name}", (name,))
        while True:
            perform(db, history.step())
            acknowledge(number << THREAD_SHIFT | history.steps)

    for number, name in enumerate(names):
        threading.Thread(target=work, args=(number, name), daemon=True).start()
    signal.pause()


def catalog(settings: str, start: str) -> None:
    """Create c0, c1, … with a document each and drop all but the newest three."""
    db = velocity.open(**json.loads(settings))
    number = int(start)
    while True:
        collection = db.create_collection(f"c{number}", if_not_exists=True)
        acknowledge(2 * number)
        collection.put("a", {"number": number, f"field{number}": "x" * 100})
        if number >= 3:
            with contextlib.suppress(velocity.NotFoundError):
                db.drop_collection(f"c{number - 3}")
        acknowledge(2 * number + 1)
        number += 1


def reopen(settings: str, rounds: str) -> None:
    """Open and close, again and again."""
    for number in range(int(rounds)):
        acknowledge(number)
        velocity.open(**json.loads(settings)).close()


def assign(settings: str) -> None:
    """Assign and close processes of the ColonyOS adapter with threads."""
    from support import assigning

    assigning.assign(settings, acknowledge)


JOBS = {
    job.__name__: job
    for job in (hold, idle_writer, write, write_and_watch, search, write_threads, catalog, reopen, assign)
}

if __name__ == "__main__":
    JOBS[sys.argv[1]](*sys.argv[2:])

"""Columns beside writers. Laws: a row is one document as it was at one moment, so fields that are always written
equal are equal in it; a document that is there all the time has one row; none has two."""

from __future__ import annotations

import random
import threading

from support.threads import run_threads

WRITERS, READERS, FIXED, LOOSE = 3, 2, 3000, 500
READS = 25


def fields(number, size):
    text = f"{number}" * (number % size + 1)
    return {"a": number, "s": text, "x": {"a": number}, "t": text} | ({"odd": number} if number % 2 else {})


def test_rows_are_documents(store):
    users = store.open(cache_size=1).create_collection("users")
    users.put_many((f"fixed{n}", fields(n, 9)) for n in range(FIXED))
    left = threading.Semaphore(0)
    ended = threading.Event()

    def write(thread):
        chance = random.Random(thread)
        while not ended.is_set():
            number = chance.randrange(1_000_000)
            if chance.random() < 0.5:
                users.put(f"fixed{chance.randrange(FIXED)}", fields(number, chance.choice([3, 40])))
            elif chance.random() < 0.6:
                users.put(f"loose{chance.randrange(LOOSE)}", fields(number, 9))
            else:
                users.delete(f"loose{chance.randrange(LOOSE)}")

    def read():
        for turn in range(READS):
            if turn % 2:
                ids, a, s, x, t, odd = (c.objects() for c in users._columns([None, "a", "s", "x.a", "t", "odd"]))
            else:
                found = {c.name: c.objects() for c in users._columns(None)}
                ids, a, s, t, odd = (found[name] for name in ("_id", "a", "s", "t", "odd"))
                x = [value["a"] for value in found["x"]]
            assert a == x and s == t
            assert all(text.startswith(str(number)) for text, number in zip(s, a, strict=True))
            assert odd == [number if number % 2 else None for number in a]
            assert len(set(ids)) == len(ids)
            assert sum(id.startswith("fixed") for id in ids) == FIXED

    def work(number):
        if number < WRITERS:
            return write(number)
        try:
            read()
        finally:
            left.release()
            if number == WRITERS:
                for _ in range(READERS):
                    left.acquire()
                ended.set()

    run_threads(work, WRITERS + READERS)

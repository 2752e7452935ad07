"""Writers and watches in threads. Laws: each watch sees each change once, in one order, and the order leads to what is
there at the end; compaction and late watches change nothing of that."""

from __future__ import annotations

import random
import threading

from support.store import contents
from support.threads import run_threads
from support.waiting import eventually
from support.watching import places, plain, replay

WRITERS, WATCHES, TURNS = 4, 3, 600


def write(users, thread):
    chance = random.Random(thread)
    for turn in range(TURNS):
        id, n = f"u{chance.randrange(40)}", thread * TURNS + turn
        chosen = chance.randrange(8)
        if chosen < 5:
            users.put(id, {"n": n, "text": "x" * (n % 300)})
        elif chosen == 5:
            users.delete(id)
        elif chosen == 6:
            users.put_many((f"u{chance.randrange(40)}", {"n": n + k}) for k in range(10))
        else:
            users.put(f"t{n}", {"n": n}, ttl=0.001)


def test_every_watch_sees_the_same(small_segments, store):
    check_watches(store.open())


def test_every_watch_sees_the_same_when_writes_are_synced(small_segments, durable):
    check_watches(durable.open(sync_writes=True))


def check_watches(db):
    users, other = db.create_collection("users"), db.create_collection("other")
    left = threading.Semaphore(0)
    seen = [[] for _ in range(WATCHES)]
    watches = [users.watch() for _ in range(WATCHES)]

    def work(number):
        if number < WRITERS:
            try:
                write(users if number else other, number)
                if not number:
                    write(users, number)
            finally:
                left.release()
        elif number < WRITERS + WATCHES:
            events, watch = seen[number - WRITERS], watches[number - WRITERS]
            while not (events and events[-1].id == "end"):
                event = watch.next(60)
                assert event, "nothing more"
                events.append(event)
        else:
            for _ in range(WRITERS):
                while not left.acquire(timeout=0.01):
                    db.compact()
            # Counting removes what has expired.
            eventually(lambda: len(users) == sum(id[0] == "u" for id in users))
            users.put("end", {})

    run_threads(work, WRITERS + WATCHES + 1)
    assert all(plain(events) == plain(seen[0]) for events in seen)
    assert all(places(events) == places(seen[0]) for events in seen)
    assert replay(seen[0]) == contents(users)


def test_watches_that_come_and_go(small_segments, store):
    """Each watch begins where the one before ended: together they see all."""
    db = store.open()
    users = db.create_collection("users")
    keeper = users.watch()  # keeps the history, where compaction or the ring would not
    begin = db.stats().sequence

    def work(number):
        if number < WRITERS:
            write(users, number)
            users.put(f"end{number}", {})
            return None
        events, ends, since = [], 0, begin
        while ends < WRITERS:
            with users.watch(since=since) as watch:
                for _ in range(50):
                    events.append(watch.next(60))
                    ends += events[-1].id.startswith("end")
                    if ends == WRITERS:
                        break
            since = events[-1]
        return events

    first, *others = run_threads(work, WRITERS + 2)[WRITERS:]
    count = min(len(first), *map(len, others))
    assert all(plain(events[:count]) == plain(first[:count]) for events in others)
    assert places(first)
    state = replay(first)
    assert {f"end{n}" for n in range(WRITERS)} <= state.keys()
    keeper.close()

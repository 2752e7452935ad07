"""Nothing per document is a Python object."""

from __future__ import annotations

import gc
import sys

from support.waiting import eventually

COUNT = 200_000


def test_documents_are_no_python_objects(store):
    db = store.open()
    users = db.create_collection("users")
    users.put_many((f"warm{n}", {"n": n, "text": "warm"}) for n in range(100))
    gc.collect()
    before, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    users.insert_many(
        (f"u{n}", {"n": n, "text": "some text", "list": [n, {"x": n}]}) for n in range(COUNT)
    )
    for n in range(0, COUNT, 100):
        users.get(f"u{n}")
    gc.collect()
    assert len(gc.get_objects()) - before < 1000
    assert sys.getallocatedblocks() - blocks < 2000
    assert len(users) == COUNT + 100


def test_reads_and_writes_leave_nothing_behind(store):
    db = store.open()
    users = db.create_collection("users")

    def work():
        for n in range(300):
            users.put(f"u{n % 50}", {"n": n, "deep": {"list": [n, "text"]}})
            users.update(f"u{n % 50}", {"n": n, f"extra{n % 5}": 1.5})
            users.compare_and_swap(f"u{n % 50}", {"n": n}, {"n": n + 1})
            users.compare_and_swap(f"u{n % 50}", {"n": -1}, {"n": n + 1})
            doc = users[f"u{n % 50}"]
            dict(doc), doc.fields, doc.created, doc.get("n"), "n" in doc, doc.to_dict()
            users.get_many([f"u{n % 50}", "absent"])
            if n % 50 == 49:
                list(users.scan()), list(users), users.count({"n": n}), db.stats(), db.health()
                users.delete_many(list(users)[:5])
            for call in (
                lambda: users.insert("u49" if "u49" in users else "u0", {"n": {1}}),
                lambda: users["absent"],
            ):
                try:
                    call()
                except Exception:
                    pass

    for _ in range(3):
        work()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(5):
        work()
    gc.collect()
    assert sys.getallocatedblocks() - before < 500


def test_documents_give_their_memory_back(store):
    users = store.open().create_collection("users")
    users.insert("a", {"data": "x" * 100_000})
    gc.collect()
    before = sys.getallocatedblocks()
    kept = [users["a"] for _ in range(1000)]
    assert kept[-1]["data"] == "x" * 100_000
    del kept
    eventually(lambda: gc.collect() >= 0 and sys.getallocatedblocks() - before < 200)


def test_opening_and_closing_leaves_nothing_behind(store):
    def work():
        db = store.open()
        users = db.create_collection("users", if_not_exists=True)
        users.put_many((f"u{n}", {"n": n}) for n in range(100))
        list(users.scan())
        store.close()

    for _ in range(3):
        work()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(10):
        work()
    gc.collect()
    assert sys.getallocatedblocks() - before < 300

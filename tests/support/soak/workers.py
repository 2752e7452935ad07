"""Threads of the soak. Each writer has ids of its own, so that its model is exact; readers read all.

A round is a fixed number of steps drawn from the seed: what is done does not depend on time, only what
happens meanwhile. Expiry does depend on it, and has a collection of its own.
"""

from __future__ import annotations

import random
import time
import zlib
from typing import Any

import velocity
from support.model import Model
from support.soak.pauses import Stopwatch
from velocity import BatchOperation

USERS, SESSIONS = "users", "sessions"
SIZES = (0, 20, 100, 100, 400, 4000)  # bytes of data in a document
TTLS = (0.01, 0.5, 3.0, 3600.0)
SESSION_SHARE = 10  # documents for each session: few, so that each is written again and again
SLACK = 0.01  # seconds: clocks are read before and after the call, not in it
CHECKED = 20  # documents that a scan or get_many looks at
FILL = 100  # documents in a batch of the first load


def check(doc: velocity.Document) -> None:
    """The document is one that was written, and under this id."""
    assert doc["id"] == doc.id
    assert zlib.crc32(doc["data"]) == doc["crc"], doc.id


class Session:
    """What is known of one document that expires."""

    def __init__(self, version: int, step: int, first: float, last: float) -> None:
        self.version, self.step = version, step
        self.first, self.last = first, last  # it goes not before and not after these

    def sure(self, before: float, after: float) -> bool | None:
        """Whether a call made between these times finds it; None: it may."""
        if after < self.first:
            return True
        return False if before > self.last else None


class Writer:
    """Writes to the documents whose ids begin with its prefix."""

    def __init__(self, seed: str, number: int, ids: int) -> None:
        self.prefix = f"w{number}-"
        self.ids = ids
        self.model = Model()
        self.sessions: dict[str, Session] = {}
        self.steps = 0
        self._random = random.Random(f"{seed} writer {number}")
        self.verbs = {  # weights: overwrites and deletes make the garbage
            self.put: 30, self.update: 20, self.delete: 12, self.compare_and_swap: 15, self.batch: 6,
            self.put_many: 4, self.delete_many: 1, self.get: 20, self.scan: 1, self.session: 10,
        }  # fmt: skip

    def fill(self, db: velocity.VelocityDB) -> None:
        """Put every document, so that sizes are steady from the beginning."""
        for start in range(0, self.ids, FILL):
            ids = [f"{self.prefix}{n}" for n in range(start, min(start + FILL, self.ids))]
            pairs = [(id, self._fields(id)) for id in ids]
            assert db[USERS].put_many(pairs) == len(pairs)
            self.model.batch([("put", id, fields) for id, fields in pairs])

    def run(self, db: velocity.VelocityDB, steps: int, watch: Stopwatch) -> None:
        self._db, self._users, self._watch = db, db[USERS], watch
        verbs, weights = list(self.verbs), list(self.verbs.values())
        for verb in self._random.choices(verbs, weights, k=steps):
            self.steps += 1
            verb()

    def _id(self) -> str:
        return f"{self.prefix}{self._random.randrange(self.ids)}"

    def _ids(self) -> list[str]:
        return sorted({self._id() for _ in range(self._random.randrange(1, 12))})

    def _fields(self, id: str) -> dict[str, Any]:
        data = self._random.randbytes(self._random.choice(SIZES))
        return {"id": id, "step": self.steps, "data": data, "crc": zlib.crc32(data)}

    def put(self) -> None:
        id = self._id()
        fields = self._fields(id)
        version = self._watch.time("put", self._users.put, id, fields)
        assert version == self.model.put(id, fields)

    def update(self) -> None:
        id = self._id()
        fields = self._fields(id) | {"updated": self.steps}
        try:
            version = self._watch.time("update", self._users.update, id, fields)
        except velocity.NotFoundError:
            assert id not in self.model.documents
        else:
            assert version == self.model.update(id, fields)

    def delete(self) -> None:
        id = self._id()
        assert self._watch.time("delete", self._users.delete, id) == self.model.delete(id)

    def compare_and_swap(self) -> None:
        id = self._id()
        current = self.model.fields(id)
        expected = {"step": current["step"]} if current else None
        if self._random.random() < 0.2:
            expected = {"step": -1}
        value, replace = self._fields(id), self._random.random() < 0.5
        result = self._watch.time(
            "compare_and_swap", self._users.compare_and_swap, id, expected, value, replace=replace
        )
        wanted = self.model.compare_and_swap(id, expected, value, None, replace)
        assert (result.success, result.current_value, result.version) == wanted

    def batch(self) -> None:
        ops = []
        for id in self._ids():
            verb = self._random.choice(("put", "put", "delete"))
            ops.append((verb, id, None if verb == "delete" else self._fields(id)))
        batch = [BatchOperation(verb, USERS, id=id, fields=fields) for verb, id, fields in ops]
        self._watch.time("batch", self._db.batch, batch)
        self.model.batch(ops)

    def put_many(self) -> None:
        pairs = [(id, self._fields(id)) for id in self._ids()]
        assert self._watch.time("put_many", self._users.put_many, pairs) == len(pairs)
        self.model.batch([("put", id, fields) for id, fields in pairs])

    def delete_many(self) -> None:
        ids = self._ids()
        count = self._watch.time("delete_many", self._users.delete_many, ids)
        assert count == sum(self.model.delete(id) for id in ids)

    def get(self) -> None:
        id = self._id()
        doc = self._watch.time("get", self._users.get, id)
        assert (doc and (doc.version, doc.fields)) == self.model.documents.get(id)

    def scan(self) -> None:
        start, end = self._id(), f"{self.prefix}~"
        wanted = sorted(id for id in self.model.documents if start <= id)[:CHECKED]
        found = list(self._users.scan(start=start, end=end, limit=CHECKED))
        assert [doc.id for doc in found] == wanted
        for doc in found:
            assert (doc.version, doc.fields) == self.model.documents[doc.id]

    def session(self) -> None:
        """Put one that expires, and look at it."""
        id = f"{self.prefix}{self._random.randrange(self.ids // SESSION_SHARE)}"
        ttl = self._random.choice(TTLS)
        sessions, known = self._db[SESSIONS], self.sessions.get(id)
        before = time.time()
        version = self._watch.time("put ttl", sessions.put, id, self._fields(id), ttl=ttl)
        after = time.time()
        sure = known.sure(before, after) if known else False
        if sure is not None:
            assert version == (known.version + 1 if sure else 1)
        self.sessions[id] = Session(version, self.steps, before + ttl - SLACK, after + ttl + SLACK)
        self.check_session(sessions, id)

    def check_session(self, sessions: velocity.Collection, id: str) -> bool:
        """Whether it was found."""
        known, before = self.sessions[id], time.time()
        doc = self._watch.time("get", sessions.get, id)
        sure = known.sure(before, time.time())
        assert sure is None or sure == (doc is not None), id
        if doc is not None:
            assert (doc.version, doc["step"]) == (known.version, known.step)
            check(doc)
        return doc is not None


class Reader:
    """Reads documents of all writers: each is one that was written, and none goes back in time."""

    def __init__(self, seed: str, number: int, writers: list[Writer]) -> None:
        self._random = random.Random(f"{seed} reader {number}")
        self._writers = writers
        self._seen: dict[str, int] = {}

    def _id(self) -> str:
        writer = self._random.choice(self._writers)
        return f"{writer.prefix}{self._random.randrange(writer.ids)}"

    def _look(self, docs: list[velocity.Document | None]) -> None:
        for doc in filter(None, docs):
            check(doc)
            assert doc["step"] >= self._seen.get(doc.id, 0), f"{doc.id} went back"
            self._seen[doc.id] = doc["step"]

    def run(self, db: velocity.VelocityDB, steps: int, watch: Stopwatch) -> None:
        users, most = db[USERS], sum(writer.ids for writer in self._writers)
        for _ in range(steps):
            chance = self._random.random()
            if chance < 0.85:
                self._look([watch.time("get", users.get, self._id())])
            elif chance < 0.95:
                ids = [self._id() for _ in range(CHECKED)]
                self._look(watch.time("get_many", users.get_many, ids))
            else:
                assert 0 <= watch.time("count", users.count) <= most



"""A place for one database under test, that ends with the checks every scenario ends with."""

from __future__ import annotations

import shutil
from pathlib import Path

import velocity

DURABLE = ("memory-first", "hybrid", "persistent")
MODES = ("memory-only", *DURABLE)


class Store:
    """One directory (none for memory-only) and the databases opened on it."""

    def __init__(self, mode: str, path: Path) -> None:
        self.mode = mode
        self.path = path
        self.durable = mode != "memory-only"
        self.verified = True  # a test that damages the files on purpose says False
        self._open = []
        self._settings = {}

    def settings(self, **more):
        settings = {"storage_mode": self.mode}
        if self.durable:
            settings["data_dir"] = str(self.path)
        if self.mode in ("hybrid", "persistent"):
            settings["cache_size"] = 1
        return settings | more

    def open(self, **more):
        self._settings = more
        db = velocity.VelocityDB(velocity.Config(**self.settings(**more)))
        self._open.append(db)
        return db

    def close(self):
        while self._open:
            self._open.pop().close()

    def reopen(self, db=None, **more):
        """Close what is open (db, when the caller names it) and open again, by default as before."""
        assert db is None or db in self._open
        assert self.durable, "memory-only keeps nothing"
        self.close()
        return self.open(**(more or self._settings))

    def verify(self):
        report = velocity.verify(str(self.path))
        assert report.ok, report.errors
        assert report.errors == []
        return report

    def finish(self):
        try:
            self.close()
            if self.durable and self.verified and (self.path / "MANIFEST").exists():
                self.verify()
        finally:
            shutil.rmtree(self.path.parent, ignore_errors=True)


def contents(collection) -> dict[str, tuple[int, dict]]:
    """Every document of a collection as id -> (version, fields), by a scan checked against the other ways to look."""
    found = {doc.id: (doc.version, doc.fields) for doc in collection.scan()}
    assert list(found) == sorted(found, key=str.encode)
    assert len(collection) == len(found) == collection.count()
    assert set(collection) == found.keys()
    many = collection.get_many(list(found))
    assert {doc.id: (doc.version, doc.fields) for doc in many} == found
    return found

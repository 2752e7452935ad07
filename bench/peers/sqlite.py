"""sqlite3 of the standard library: id and msgpack bytes in one table clustered by id."""

import sqlite3
from pathlib import Path

import msgpack

from bench.data import Fields
from bench.peers.face import CACHE_MB, PackedPeer, Variant

GET = "SELECT data FROM documents WHERE id = ?"
PUT = "INSERT INTO documents VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data"
DELETE = "DELETE FROM documents WHERE id = ?"
SCAN = "SELECT data FROM documents WHERE id >= ? ORDER BY id LIMIT ?"


class Sqlite(PackedPeer):
    def __init__(self, path: str, synchronous: str) -> None:
        # isolation_level=None: a statement is its own transaction, unless BEGIN opens one.
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.execute = self.connection.execute
        self.execute("PRAGMA journal_mode = WAL")
        self.execute(f"PRAGMA synchronous = {synchronous}")
        self.execute(f"PRAGMA cache_size = -{CACHE_MB * 1024}")
        levels = ("OFF", "NORMAL", "FULL", "EXTRA")
        in_force = levels[self.execute("PRAGMA synchronous").fetchone()[0]]
        if in_force != synchronous:
            raise RuntimeError(f"sqlite3 runs with synchronous={in_force}, not {synchronous}")
        self.execute(
            "CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID"
        )

    def get(self, id: str) -> Fields | None:
        row = self.execute(GET, (id,)).fetchone()
        return None if row is None else msgpack.unpackb(row[0])

    def put(self, id: str, fields: Fields) -> None:
        self.execute(PUT, (id, msgpack.packb(fields)))

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        self.execute("BEGIN IMMEDIATE")
        self.connection.executemany(PUT, ((id, msgpack.packb(fields)) for id, fields in pairs))
        self.execute("COMMIT")

    def delete(self, id: str) -> None:
        self.execute(DELETE, (id,))

    def scan(self, start: str, limit: int) -> list[Fields]:
        return [msgpack.unpackb(packed) for (packed,) in self.execute(SCAN, (start, limit))]

    def count(self) -> int:
        return self.execute("SELECT count(*) FROM documents").fetchone()[0]

    def close(self) -> None:
        self.connection.close()


def _file(directory: Path) -> str:
    return str(directory / "documents.sqlite")


VARIANTS = [
    Variant("sqlite3", "none", ":memory:", lambda _: Sqlite(":memory:", "OFF"), persistent=False),
    Variant(
        "sqlite3",
        "os",
        "WAL, synchronous=OFF, cache 100 MB",
        lambda directory: Sqlite(_file(directory), "OFF"),
    ),
    Variant(
        "sqlite3",
        "fsync",
        "WAL, synchronous=FULL, cache 100 MB",
        lambda directory: Sqlite(_file(directory), "FULL"),
    ),
]

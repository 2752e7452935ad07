"""diskcache: msgpack bytes by id in its SQLite table; as a store, so nothing is ever evicted."""

from pathlib import Path

import diskcache
import msgpack

from bench.data import Fields
from bench.peers.face import CACHE_MB, PackedPeer, Variant

PAGE = 4096  # bytes, SQLite's default
SYNCHRONOUS = {"OFF": 0, "FULL": 2}


class Diskcache(PackedPeer):
    def __init__(self, directory: Path, synchronous: str) -> None:
        self.cache = diskcache.Cache(
            str(directory),
            eviction_policy="none",
            cull_limit=0,
            sqlite_cache_size=(CACHE_MB << 20) // PAGE,
            sqlite_journal_mode="wal",
            sqlite_synchronous=SYNCHRONOUS[synchronous],
        )
        self.find, self.set = self.cache.get, self.cache.set

    def get(self, id: str) -> Fields | None:
        packed = self.find(id)
        return None if packed is None else msgpack.unpackb(packed)

    def put(self, id: str, fields: Fields) -> None:
        self.set(id, msgpack.packb(fields))

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        with self.cache.transact():
            for id, fields in pairs:
                self.set(id, msgpack.packb(fields))

    def delete(self, id: str) -> None:
        self.cache.delete(id)

    def count(self) -> int:
        return len(self.cache)

    def close(self) -> None:
        self.cache.close()


VARIANTS = [
    Variant("diskcache", "os", "WAL, synchronous=OFF", lambda path: Diskcache(path, "OFF")),
    Variant("diskcache", "fsync", "WAL, synchronous=FULL", lambda path: Diskcache(path, "FULL")),
]

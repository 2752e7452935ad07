"""LevelDB by plyvel: msgpack bytes by id. Its log cannot be switched off: no class "none"."""

from itertools import islice
from pathlib import Path

import msgpack
import plyvel

from bench.data import Fields
from bench.peers.face import CACHE_MB, PackedPeer, Variant

BLOOM_BITS = 10
# RocksDB's default: with LevelDB's own, 4 MB, it would compact sixteen times as often.
WRITE_BUFFER = 64 << 20


class Level(PackedPeer):
    def __init__(self, directory: Path, sync: bool) -> None:
        self.database = plyvel.DB(
            str(directory),
            create_if_missing=True,
            lru_cache_size=CACHE_MB << 20,
            bloom_filter_bits=BLOOM_BITS,
            write_buffer_size=WRITE_BUFFER,
            compression=None,
        )
        self.sync = sync
        self.find, self.set = self.database.get, self.database.put

    def get(self, id: str) -> Fields | None:
        packed = self.find(id.encode())
        return None if packed is None else msgpack.unpackb(packed)

    def put(self, id: str, fields: Fields) -> None:
        self.set(id.encode(), msgpack.packb(fields), sync=self.sync)

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        with self.database.write_batch(sync=self.sync) as batch:
            for id, fields in pairs:
                batch.put(id.encode(), msgpack.packb(fields))

    def delete(self, id: str) -> None:
        self.database.delete(id.encode(), sync=self.sync)

    def scan(self, start: str, limit: int) -> list[Fields]:
        with self.database.iterator(start=start.encode(), include_key=False) as found:
            return [msgpack.unpackb(packed) for packed in islice(found, limit)]

    def count(self) -> int:
        with self.database.iterator(include_value=False) as keys:
            return sum(1 for _ in keys)

    def close(self) -> None:
        self.database.close()


VARIANTS = [
    Variant("LevelDB", "os", "sync=False", lambda directory: Level(directory, sync=False)),
    Variant("LevelDB", "fsync", "sync=True", lambda directory: Level(directory, sync=True)),
]

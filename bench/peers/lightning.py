"""LMDB by its Python binding: msgpack bytes by id, a transaction per call."""

from itertools import islice
from pathlib import Path

import lmdb
import msgpack

from bench.data import Fields
from bench.peers.face import PackedPeer, Variant

MAP_SIZE = 16 << 30


class Lmdb(PackedPeer):
    def __init__(self, directory: Path, sync: bool) -> None:
        self.environment = lmdb.open(str(directory), map_size=MAP_SIZE, sync=sync)
        self.begin = self.environment.begin

    def get(self, id: str) -> Fields | None:
        # A transaction per read, as a read must see the newest write; the binding keeps spare ones.
        with self.begin(buffers=True) as transaction:
            packed = transaction.get(id.encode())
            return None if packed is None else msgpack.unpackb(packed)

    def put(self, id: str, fields: Fields) -> None:
        with self.begin(write=True) as transaction:
            transaction.put(id.encode(), msgpack.packb(fields))

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        with self.begin(write=True) as transaction:
            put = transaction.put
            for id, fields in pairs:
                put(id.encode(), msgpack.packb(fields))

    def delete(self, id: str) -> None:
        with self.begin(write=True) as transaction:
            transaction.delete(id.encode())

    def scan(self, start: str, limit: int) -> list[Fields]:
        with self.begin(buffers=True) as transaction, transaction.cursor() as cursor:
            cursor.set_range(start.encode())
            found = islice(cursor.iternext(keys=False), limit)
            return [msgpack.unpackb(packed) for packed in found]

    def count(self) -> int:
        return self.environment.stat()["entries"]

    def close(self) -> None:
        self.environment.close()


VARIANTS = [
    Variant("LMDB", "os", "sync=False", lambda directory: Lmdb(directory, sync=False)),
    Variant("LMDB", "fsync", "sync=True", lambda directory: Lmdb(directory, sync=True)),
]

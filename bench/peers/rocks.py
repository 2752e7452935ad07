"""RocksDB by rocksdict: msgpack bytes by id, in raw mode."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgpack
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from bench.data import Fields
from bench.peers.face import CACHE_MB, PackedPeer, Variant

BLOOM_BITS = 10


class Rocks(PackedPeer):
    def __init__(self, directory: Path, log: bool, sync: bool) -> None:
        self.database = Rdict(str(directory), self._options())
        how = WriteOptions()
        how.disable_wal = not log
        how.sync = sync
        self.database.set_write_options(how)
        self.find, self.set = self.database.get, self.database.put

    @staticmethod
    def _options() -> Options:
        blocks = BlockBasedOptions()
        blocks.set_block_cache(Cache(CACHE_MB << 20))
        blocks.set_bloom_filter(BLOOM_BITS, False)
        options = Options(raw_mode=True)
        options.set_block_based_table_factory(blocks)
        options.set_compression_type(DBCompressionType.none())
        return options

    def get(self, id: str) -> Fields | None:
        packed = self.find(id.encode())
        return None if packed is None else msgpack.unpackb(packed)

    def put(self, id: str, fields: Fields) -> None:
        self.set(id.encode(), msgpack.packb(fields))

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        batch = WriteBatch(raw_mode=True)
        for id, fields in pairs:
            batch[id.encode()] = msgpack.packb(fields)
        self.database.write(batch)

    def delete(self, id: str) -> None:
        self.database.delete(id.encode())

    def scan(self, start: str, limit: int) -> list[Fields]:
        found = islice(self.database.values(from_key=start.encode()), limit)
        return [msgpack.unpackb(packed) for packed in found]

    def count(self) -> int:
        return sum(1 for _ in self.database.keys())

    def close(self) -> None:
        self.database.close()


def _opener(log: bool, sync: bool) -> Callable[[Path], Rocks]:
    return lambda directory: Rocks(directory, log, sync)


VARIANTS = [
    Variant("RocksDB", "none", "WAL off", _opener(log=False, sync=False), persistent=False),
    Variant("RocksDB", "os", "WAL, sync=False", _opener(log=True, sync=False)),
    Variant("RocksDB", "fsync", "WAL, sync=True", _opener(log=True, sync=True)),
]

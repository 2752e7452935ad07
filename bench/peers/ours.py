"""VelocityDB in its storage modes."""

from pathlib import Path

import velocity
from bench.data import Fields
from bench.peers.face import Variant


class Velocity:
    def __init__(self, directory: Path | None, mode: str, sync: bool = False) -> None:
        path = None if directory is None else str(directory)
        self.database = velocity.open(path, storage_mode=mode, sync_writes=sync)
        self.users = self.database.create_collection("users", if_not_exists=True)
        self.get = self.users.get
        self.put = self.users.put
        self.put_batch = self.users.put_many
        self.update = self.users.update
        self.delete = self.users.delete
        self.flush = self.database.flush

    def read(self, id: str) -> Fields:
        return self.users.get(id).to_dict()

    def scan(self, start: str, limit: int) -> list[Fields]:
        return [found.to_dict() for found in self.users.scan(start=start, limit=limit)]

    def count(self) -> int:
        return len(self.users)

    def close(self) -> None:
        self.database.close()


def _variant(mode: str, durability: str, sync: bool = False) -> Variant:
    settings = mode + (", sync_writes" if sync else "")
    return Variant(
        "velocity", durability, settings, lambda directory: Velocity(directory, mode, sync)
    )


VARIANTS = [
    Variant(
        "velocity",
        "none",
        "memory-only",
        lambda _: Velocity(None, "memory-only"),
        persistent=False,
    ),
    _variant("memory-first", "behind"),
    _variant("hybrid", "behind"),
    _variant("persistent", "os"),
    _variant("memory-first", "fsync", sync=True),
    _variant("persistent", "fsync", sync=True),
]

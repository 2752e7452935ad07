"""The face every store shows to the benchmark, and the durability classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.data import Fields

# What a caller may still lose once `put` has returned. In class "fsync", a batch shares one fsync.
DURABILITY = {
    "none": "nothing is kept when the process ends",
    "behind": "a killed process loses at most its last 50 ms",
    "os": "a killed process loses nothing, a power cut may",
    "fsync": "on disk when the call returns",
}
# As much cache as VelocityDB's bounded modes get by default, for the stores that have one.
CACHE_MB = 100


class Peer(Protocol):
    def get(self, id: str) -> Mapping[str, object] | None: ...

    def read(self, id: str) -> Fields:
        """The whole document as a dict; it is there."""

    def put(self, id: str, fields: Fields) -> None: ...

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        """All or nothing, one fsync in class "fsync"."""

    def update(self, id: str, changes: Fields) -> None:
        """Changes some fields of a document that is there."""

    def delete(self, id: str) -> None: ...

    def count(self) -> int: ...

    def flush(self) -> None:
        """Returns when the operating system has everything; for stores that write behind."""

    def close(self) -> None: ...


class Ordered(Peer, Protocol):
    def scan(self, start: str, limit: int) -> list[Fields]:
        """The first *limit* documents in id order from *start* on."""


class PackedPeer:
    """What the stores of bytes have in common: they know nothing of fields."""

    get: Callable[[str], Any]
    put: Callable[[str, Fields], None]

    def read(self, id: str) -> Fields:
        return self.get(id)

    def update(self, id: str, changes: Fields) -> None:
        fields = self.get(id)
        fields.update(changes)
        self.put(id, fields)

    def flush(self) -> None:
        pass


@dataclass(frozen=True)
class Variant:
    """A store with its settings. Open it with an empty directory, or one it has filled before."""

    name: str
    durability: str
    settings: str
    open: Callable[[Path], Peer]
    # False: nothing to open a second time.
    persistent: bool = True

"""Storage modes and consistency levels: the two sets of words a user may say as enum or string."""

from __future__ import annotations

from enum import Enum


class StorageMode(str, Enum):
    """Where documents live and when a write returns; docs/durability.md has the promises."""

    MEMORY_ONLY = "memory-only"
    MEMORY_FIRST = "memory-first"
    HYBRID = "hybrid"
    PERSISTENT = "persistent"

    def __str__(self) -> str:
        return self.value

    @property
    def durable(self) -> bool:
        """Whether there is a data directory."""
        return self is not StorageMode.MEMORY_ONLY

    @property
    def bounded(self) -> bool:
        """Whether memory is only a cache of `cache_size` over the log."""
        return self in (StorageMode.HYBRID, StorageMode.PERSISTENT)


class Consistency(str, Enum):
    """What a read may see and when a write returns, weakest first. One node meets them all."""

    LOCAL = "local"
    EVENTUAL = "eventual"
    QUORUM = "quorum"
    STRONG = "strong"

    def __str__(self) -> str:
        return self.value

    @property
    def level(self) -> int:
        """0 for the weakest. This number is stored with each collection: never change it."""
        return _LEVELS.index(self)

    @classmethod
    def of_level(cls, level: int) -> Consistency:
        return _LEVELS[level]


_LEVELS = (Consistency.LOCAL, Consistency.EVENTUAL, Consistency.QUORUM, Consistency.STRONG)


def choices(kind: type[Enum]) -> str:
    """The allowed words, for error texts."""
    return ", ".join(repr(member.value) for member in kind)

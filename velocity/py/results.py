"""What calls are given and give back: small frozen records with no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class CASRequest:
    """The arguments of one compare-and-swap; see Collection.compare_and_swap."""

    key: str
    expected: Mapping[str, Any] | None = None
    value: Mapping[str, Any] | None = None
    expected_version: int | None = None
    replace: bool = False
    ttl: float | None = None


@dataclass(frozen=True)
class TransactionCASResult:
    """What a compare-and-swap inside a transaction came to; as CASResult."""

    success: bool
    version: int
    current_value: dict[str, Any] | None

    def __bool__(self) -> bool:
        return self.success


@dataclass(frozen=True)
class Compare:
    """A condition of `transact`: all that is given must hold.

    fields: these fields are equal (a missing field equals None; an absent document has no fields
    and never matches). version: the document's version, 0 for absent. exists: whether it is there.
    """

    collection: str
    id: str
    fields: Mapping[str, Any] | None = None
    version: int | None = None
    exists: bool | None = None


@dataclass(frozen=True)
class TransactResult:
    """succeeded: whether every comparison held. results: one per operation of the branch taken.

    A write gives its version (a delete True or False), a "get" the Document or None.
    """

    succeeded: bool
    results: list[Any]


@dataclass(frozen=True)
class Health:
    """ok: nothing is wrong. checks: each check's name and "ok", or what is wrong."""

    ok: bool
    checks: dict[str, str]


@dataclass(frozen=True)
class VerifyReport:
    """ok: no errors. records: how many were read. errors: each with its file and offset."""

    ok: bool
    records: int
    errors: list[str]


@dataclass(frozen=True)
class Stats:
    """Counters of one open database. Sizes are bytes, uptime is seconds."""

    collections: int = 0
    documents: int = 0
    memory_usage: int = 0
    disk_usage: int = 0
    uptime: float = 0.0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_hit_ratio: float = 0.0  # 0 when nothing was looked up yet
    garbage_ratio: float = 0.0  # part of the log that no document needs
    live_bytes: int = 0
    garbage_bytes: int = 0
    segments: int = 0
    sequence: int = 0  # of the last batch
    durable_sequence: int = 0  # everything up to it is on disk
    expired: int = 0
    compactions: int = 0
    extra: dict[str, Any] = field(default_factory=dict)  # counters of the core without a name here

    @classmethod
    def of(cls, counters: Mapping[str, Any], uptime: float) -> Stats:
        """From the engine's counters, whichever they are."""
        named = {f.name for f in fields(cls)} - {"uptime", "cache_hit_ratio", "extra"}
        known = {name: value for name, value in counters.items() if name in named}
        extra = {name: value for name, value in counters.items() if name not in named}
        hits, misses = known.get("cache_hits", 0), known.get("cache_misses", 0)
        ratio = hits / (hits + misses) if hits + misses else 0.0
        return cls(**known, uptime=uptime, cache_hit_ratio=ratio, extra=extra)

"""Config: every setting of a database, checked when it is made.

A ConfigError names the field, the value it got and what is allowed. Immutable, so that a database
can hold on to it.
"""

from __future__ import annotations

import difflib
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, NoReturn, TypeVar

from velocity._core.errors import ConfigError
from velocity.py.levels import Consistency, StorageMode, choices

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_E = TypeVar("_E", bound=Enum)

FLUSH_INTERVAL_MAX = 86_400.0  # seconds: a day
REPLICAS_MAX = 99
MEGABYTE = 1 << 20
_PATH_OR_NONE = "a path, or None for memory-only"


def _refuse(name: str, value: object, allowed: str) -> NoReturn:
    raise ConfigError(f"{name}: {value!r} is not possible; allowed: {allowed}")


def _enum(kind: type[_E], name: str, value: object) -> _E:
    try:
        return kind(value)
    except ValueError:
        _refuse(name, value, choices(kind))


def _number(name: str, value: object, most: float, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(name, value, allowed)
    if not (0 < value <= most) or not math.isfinite(value):
        _refuse(name, value, allowed)
    return value


def _whole(name: str, value: object, most: int, allowed: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        _refuse(name, value, allowed)
    return value


def path_setting(name: str, value: object, allowed: str = "a path") -> str:
    """A path as text; ConfigError names the setting."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        _refuse(name, value, allowed)
    path = os.fsdecode(value)
    if not path or "\0" in path:
        _refuse(name, value, "a path that is not empty and holds no zero byte")
    return path


def _directory(value: object) -> str | None:
    return None if value is None else path_setting("data_dir", value, _PATH_OR_NONE)


def _unknown(names: Mapping[str, object], known: list[str]) -> NoReturn:
    name, value = next(iter(names.items()))
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ConfigError(
        f"{name}: unknown setting, got {value!r}{hint}; allowed: {', '.join(known)}"
    )


def consistency_setting(name: str, value: object) -> Consistency:
    """A level said as enum or string; ConfigError names the setting."""
    return _enum(Consistency, name, value)


class _ByDirectory:
    """The default of storage_mode, told apart from None, which is no mode."""

    def __repr__(self) -> str:
        return "memory-first, or memory-only without a data_dir"


_BY_DIRECTORY: Any = _ByDirectory()


@dataclass(frozen=True, init=False)
class Config:
    """Settings of one database.

    data_dir: the data directory, made when absent; None keeps everything in memory.
    storage_mode: a StorageMode or its string; default memory-first with a data_dir, else
        memory-only.
    default_consistency: level of collections that name none.
    cache_size: megabytes of cache, for hybrid and persistent.
    max_memory: bytes, for memory-only and memory-first; a write past it raises MemoryLimitError.
    sync_writes: a write returns after fsync; writers that wait together share one.
    flush_interval: seconds; memory-first and hybrid lose at most this much in a crash.
    replication_factor, quorum_size: for clusters; None means a majority.
    cluster: must be None in this version.
    """

    data_dir: str | None
    storage_mode: StorageMode
    default_consistency: Consistency
    cache_size: float
    max_memory: int | None
    sync_writes: bool
    flush_interval: float
    replication_factor: int
    quorum_size: int | None
    cluster: None

    def __init__(
        self,
        /,  # so that a setting of that name is refused as any unknown one
        data_dir: str | bytes | os.PathLike[str] | None = None,
        *,
        storage_mode: StorageMode | str = _BY_DIRECTORY,
        default_consistency: Consistency | str = Consistency.LOCAL,
        cache_size: float = 100,
        max_memory: int | None = None,
        sync_writes: bool = False,
        flush_interval: float = 0.05,
        replication_factor: int = 3,
        quorum_size: int | None = None,
        cluster: None = None,
        **unknown: NoReturn,
    ) -> None:
        if unknown:
            _unknown(unknown, [field.name for field in fields(self)])
        if cluster is not None:
            _refuse("cluster", cluster, "None: clusters are not available in this version")
        directory = _directory(data_dir)
        if storage_mode is _BY_DIRECTORY:
            storage_mode = StorageMode.MEMORY_FIRST if directory else StorageMode.MEMORY_ONLY
        mode = _enum(StorageMode, "storage_mode", storage_mode)
        if not isinstance(sync_writes, bool):
            _refuse("sync_writes", sync_writes, "True or False")
        if max_memory is not None:
            most = sys.maxsize
            max_memory = _whole("max_memory", max_memory, most, "a number of bytes, or None")
        replicas = f"a whole number from 1 to {REPLICAS_MAX}"
        replication_factor = _whole(
            "replication_factor", replication_factor, REPLICAS_MAX, replicas
        )
        if quorum_size is not None:
            allowed = f"None, or 1 to the replication_factor, {replication_factor}"
            quorum_size = _whole("quorum_size", quorum_size, replication_factor, allowed)
        settings = {
            "data_dir": directory,
            "storage_mode": mode,
            "default_consistency": consistency_setting(
                "default_consistency", default_consistency
            ),
            "cache_size": _number(
                "cache_size", cache_size, 1 << 30, "a number of megabytes above 0"
            ),
            "max_memory": max_memory,
            "sync_writes": sync_writes,
            "flush_interval": _number(
                "flush_interval",
                flush_interval,
                FLUSH_INTERVAL_MAX,
                f"seconds above 0, at most {FLUSH_INTERVAL_MAX:.0f}",
            ),
            "replication_factor": replication_factor,
            "quorum_size": quorum_size,
            "cluster": None,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        self._check_together()

    def _check_together(self) -> None:
        """What each mode needs and cannot have."""
        mode = self.storage_mode
        if mode.durable and self.data_dir is None:
            _refuse("data_dir", None, f"a path, since storage_mode is {mode.value!r}")
        if not mode.durable and self.data_dir is not None:
            _refuse("data_dir", self.data_dir, "None, since storage_mode is 'memory-only'")
        if self.sync_writes and not mode.durable:
            _refuse("sync_writes", True, "False, since storage_mode is 'memory-only'")
        if self.max_memory is not None and mode.bounded:
            allowed = f"None, since storage_mode is {mode.value!r}: cache_size bounds its memory"
            _refuse("max_memory", self.max_memory, allowed)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Config:
        """Settings by name, all optional."""
        if not isinstance(settings, Mapping):
            raise ConfigError(f"settings: a mapping is wanted, not {type(settings).__name__}")
        odd = [name for name in settings if not isinstance(name, str)]
        if odd:
            raise ConfigError(f"{odd[0]!r}: names of settings are strings")
        return cls(**settings)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Config:
        """Settings from a TOML file. A relative data_dir is relative to the working directory."""
        path = path_setting("path", path)
        try:
            with open(path, "rb") as file:
                settings = tomllib.load(file)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: is not TOML: {error}") from error
        try:
            return cls.from_dict(settings)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None

    def engine_settings(self) -> dict[str, Any]:
        """The same as keyword arguments of the engine."""
        return {
            "data_dir": self.data_dir,
            "bounded": self.storage_mode.bounded,
            "cache_size": int(self.cache_size * MEGABYTE) if self.storage_mode.bounded else 0,
            "max_memory": self.max_memory or 0,
            "sync_writes": self.sync_writes,
            "flush_interval": self.flush_interval,
        }

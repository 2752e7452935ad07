"""Every exception the database raises. Texts say what was wrong, where, and what to do."""

from __future__ import annotations


class VelocityError(Exception):
    """Base of all errors of the database."""


class NotFoundError(VelocityError, KeyError):
    """No such collection, document or index."""

    def __str__(self) -> str:  # KeyError would print the repr of the text
        return Exception.__str__(self)


class DuplicateKeyError(VelocityError):
    """An insert met a document with the same id."""


class UniqueError(VelocityError):
    """A unique field's value is already held by another document."""


class SchemaError(VelocityError, ValueError):
    """An id, value or document that may not be stored."""


class QueryError(VelocityError, ValueError):
    """A filter, update or pipeline that cannot be understood."""


class ConfigError(VelocityError, ValueError):
    """A setting that is unknown or impossible."""


class ConsistencyError(VelocityError):
    """An operation named a consistency level that its collection does not allow."""


class ConflictError(VelocityError):
    """A transaction, or a write of all that match, read what another has changed since: again."""


class HistoryLostError(VelocityError):
    """Changes asked for are no longer kept: read the collection, then watch from there.

    `floor`: the lowest `since` that can be had, None when not known.
    """

    def __init__(self, message: str, floor: int | None = None) -> None:
        super().__init__(message)
        self.floor = floor


class UnavailableError(VelocityError):
    """No quorum or no leader within the timeout. `outcome`: "not-applied" or "unknown"."""

    def __init__(self, message: str, outcome: str = "unknown") -> None:
        super().__init__(message)
        self.outcome = outcome


class StorageError(VelocityError, OSError):
    """The disk failed: full, I/O error, failed fsync, permission. The write was not applied."""


class CorruptionError(VelocityError):
    """Damage in stored data: `path` and `offset` (bytes) say where."""

    def __init__(self, message: str, path: str | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset


class MemoryLimitError(VelocityError, MemoryError):
    """A write would pass `max_memory`. Nothing was changed."""


class DatabaseClosedError(VelocityError):
    """The database, or a handle of it, was used after close()."""


class DatabaseLockedError(VelocityError):
    """Another process owns the data directory. `pid`: the owner, or None when unknown."""

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid

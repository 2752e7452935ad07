"""VelocityDB: an embeddable document database with a core in C.

    >>> import velocity
    >>> with velocity.open() as db:
    ...     users = db.create_collection("users")
    ...     users.insert("user1", {"name": "John Doe", "age": 30})
    ...     users["user1"]["age"]
    1
    30

velocity.aio holds the same for asyncio.
"""

from typing import TYPE_CHECKING, Any

try:
    from velocity._core.document import Document
    from velocity._core.engine import CASResult, QueryResult
except ModuleNotFoundError as error:  # the source tree, not yet built
    if error.name not in ("velocity._core.document", "velocity._core.engine"):
        raise
    raise ImportError(
        "velocity: the core is not built in this source tree; run `make build`, "
        "or import from another directory to use the installed package"
    ) from error
from velocity._core.errors import (
    ConfigError,
    ConflictError,
    ConsistencyError,
    CorruptionError,
    DatabaseClosedError,
    DatabaseLockedError,
    DuplicateKeyError,
    HistoryLostError,
    MemoryLimitError,
    NotFoundError,
    QueryError,
    SchemaError,
    StorageError,
    UnavailableError,
    UniqueError,
    VelocityError,
)
from velocity.py.batch import BatchOperation
from velocity.py.collection import Collection
from velocity.py.config import Config
from velocity.py.database import VelocityDB, open, verify
from velocity.py.indexes import IndexInfo
from velocity.py.levels import Consistency, StorageMode
from velocity.py.query import Query
from velocity.py.results import (
    CASRequest,
    Compare,
    Health,
    Stats,
    TransactResult,
    VerifyReport,
)
from velocity.py.schema import Field, FieldType, Schema
from velocity.py.search import SearchHit
from velocity.py.transaction import Transaction
from velocity.py.watch import ChangeEvent, Watch

if TYPE_CHECKING:
    from velocity import aio as aio

__version__ = "0.1.0"

__all__ = [
    "BatchOperation",
    "CASRequest",
    "CASResult",
    "ChangeEvent",
    "Collection",
    "Compare",
    "Config",
    "ConfigError",
    "ConflictError",
    "Consistency",
    "ConsistencyError",
    "CorruptionError",
    "DatabaseClosedError",
    "DatabaseLockedError",
    "Document",
    "DuplicateKeyError",
    "Field",
    "FieldType",
    "Health",
    "HistoryLostError",
    "IndexInfo",
    "MemoryLimitError",
    "NotFoundError",
    "Query",
    "QueryError",
    "QueryResult",
    "Schema",
    "SchemaError",
    "SearchHit",
    "Stats",
    "StorageError",
    "StorageMode",
    "TransactResult",
    "Transaction",
    "UnavailableError",
    "UniqueError",
    "VelocityDB",
    "VelocityError",
    "VerifyReport",
    "Watch",
    "open",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "aio":  # imported when first used: asyncio is slow to load
        import importlib

        return importlib.import_module("velocity.aio")
    raise AttributeError(f"module 'velocity' has no attribute {name!r}")

"""VelocityDB: one open database, and the functions that open and verify one.

It holds the engine, hands out collection handles (one per name, kept) and has every method of
Collection with the collection's name first. Any thread may use it.
"""

from __future__ import annotations

import atexit
import functools
import inspect
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from velocity._core.engine import CASResult, Engine, QueryResult, verify_directory
from velocity._core.errors import (
    ConfigError,
    ConsistencyError,
    DuplicateKeyError,
    QueryError,
    SchemaError,
)
from velocity.py.batch import BatchOperation, apply_batch
from velocity.py.collection import Collection
from velocity.py.config import Config, consistency_setting, path_setting
from velocity.py.evolve import first_metadata, make_ready
from velocity.py.indexes import IndexInfo, build_all
from velocity.py.levels import Consistency
from velocity.py.metadata import pack
from velocity.py.query import Query
from velocity.py.results import (
    CASRequest,
    Compare,
    Health,
    Stats,
    TransactResult,
    VerifyReport,
)
from velocity.py.schema import Schema, schema_of
from velocity.py.search import SearchIndex, close_indexes, drop_index
from velocity.py.signatures import method_signature
from velocity.py.transact import transact
from velocity.py.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")


class _Engine(Engine):
    """The engine, with room for weak references: what is open is closed when the process ends."""

    __slots__ = ("__weakref__", "data_dir", "owner_pid", "searches", "searches_lock")

    owner_pid: int
    data_dir: str | None  # absolute
    searches: dict[int, SearchIndex]  # by the collections' numbers
    searches_lock: threading.Lock


_open_engines: weakref.WeakSet[_Engine] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for engine in list(_open_engines):
        if engine.owner_pid == os.getpid():  # a fork is not an owner
            engine.close()


def _of(
    method: Callable[Concatenate[Collection, P], T],
) -> Callable[Concatenate[VelocityDB, str, P], T]:
    """The Collection's method as one of the database, the collection's name first."""

    def call(self: VelocityDB, collection: str, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self.collection(collection), *args, **kwargs)

    name = method.__name__
    call.__name__, call.__qualname__ = name, f"VelocityDB.{name}"
    text = inspect.getdoc(getattr(Collection, name)) or ""
    call.__doc__ = f"Collection.{name} of the collection named.\n\n{text}".rstrip()
    call.__signature__ = method_signature(  # type: ignore[attr-defined]
        method, first=("self", "collection")
    )
    return call  # type: ignore[return-value]  # names may be given, which Concatenate cannot say


class VelocityDB:
    """A database in one directory, or in memory only. Close it, or use it in a `with` block."""

    def __init__(self, config: Config | None = None) -> None:
        if config is None:
            config = Config()
        if not isinstance(config, Config):
            raise ConfigError(f"config: wants a Config, not {type(config).__name__}")
        self.config = config
        self._engine = _Engine(**config.engine_settings())
        self._engine.owner_pid = os.getpid()
        try:
            build_all(self._engine)
        except BaseException:
            self._engine.close()
            raise
        self._engine.data_dir = os.path.abspath(config.data_dir) if config.data_dir else None
        self._engine.searches, self._engine.searches_lock = {}, threading.Lock()
        _open_engines.add(self._engine)
        self._opened = time.monotonic()
        self._handles: dict[str, Collection] = {}
        self._handles_lock = threading.Lock()  # guards what follows; never held across a call
        self._drops = 0  # a handle made before a drop is not kept after it
        self._take_up()

    def __enter__(self) -> VelocityDB:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self.config.data_dir or "memory"
        state = "closed" if self.closed else self.config.storage_mode.value
        return f"<velocity.VelocityDB {where!r}, {state}>"

    @property
    def closed(self) -> bool:
        return self._engine.closed

    def close(self) -> None:
        """Write what is outstanding to disk and let the directory go. Idempotent."""
        close_indexes(self._engine)
        self._engine.close()
        self._forget_handles(list(self._handles))

    def _take_up(self) -> None:
        """Put every collection under its schema; what a crash left to be done is done."""
        try:
            for name in self._engine.list_collections():
                make_ready(Collection(self._engine, name))
        except BaseException:
            self._engine.close()
            raise

    def _check_open(self) -> None:
        self._engine.apply(())  # nothing, which an engine that may not be used refuses, too

    def _forget_handles(self, names: list[str]) -> None:
        with self._handles_lock:
            self._drops += 1
            for name in names:
                self._handles.pop(name, None)

    def create_collection(
        self,
        name: str,
        schema: Schema | Mapping[str, Any] | None = None,
        *,
        consistency: Consistency | str | None = None,
        if_not_exists: bool = False,
    ) -> Collection:
        """Make a collection. Raises DuplicateKeyError when it exists, unless if_not_exists.

        schema: what its documents must be like, a Schema or its dict; one that exists must have
        the same (SchemaError).
        """
        wanted = None if schema is None else schema_of(schema)
        level = self.config.default_consistency
        if consistency is not None:
            level = consistency_setting("consistency", consistency)
        if self._engine.create_collection(name, level.level, pack(first_metadata(wanted))):
            return self.collection(name)
        if not if_not_exists:
            raise DuplicateKeyError(f"there is a collection {name!r} already")
        collection = self.collection(name)
        if consistency is not None and collection.consistency is not level:
            raise ConsistencyError(
                f"collection {name!r} is {collection.consistency.value}, not {level.value}"
            )
        if wanted is not None and collection.schema != wanted:
            raise SchemaError(f"collection {name!r} has another schema; evolve changes it")
        return collection

    def collection(self, name: str) -> Collection:
        """The collection's handle. Raises NotFoundError when there is none."""
        handle = self._handles.get(name) if isinstance(name, str) else None
        if handle is not None:
            return handle
        drops = self._drops
        handle = Collection(self._engine, name)
        make_ready(handle)
        with self._handles_lock:
            if drops == self._drops:
                handle = self._handles.setdefault(name, handle)
        return handle

    def __getitem__(self, name: str) -> Collection:
        return self.collection(name)

    def drop_collection(self, name: str) -> None:
        """Drop a collection with its documents. Raises NotFoundError when there is none."""
        number = self.collection(name)._number
        dropped = self._engine.drop_collection(name)
        self._forget_handles([name])
        drop_index(self._engine, number)
        if not dropped:
            self.collection(name)  # another dropped it first: raises

    def list_collections(self) -> list[str]:
        """Names of all collections, sorted."""
        return sorted(self._engine.list_collections())

    def batch(self, operations: Iterable[BatchOperation]) -> list[int]:
        """Apply all operations or none; each one's version (a delete: 1 if it was there)."""
        return apply_batch(self, operations)

    def transaction(self) -> Transaction:
        """A serializable transaction, for a `with` block; ConflictError at its end: run again."""
        self._check_open()
        return Transaction(self)

    def transact(
        self,
        compare: Iterable[Compare | Mapping[str, Any]] = (),
        then: Iterable[BatchOperation] = (),
        otherwise: Iterable[BatchOperation] = (),
    ) -> TransactResult:
        """One atomic step: `then` when all comparisons hold, `otherwise` when one does not."""
        self._check_open()
        return transact(self, compare, then, otherwise)

    def compare_and_swap(
        self,
        collection: str,
        id: str | CASRequest,
        expected: Mapping[str, Any] | None = None,
        value: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
        replace: bool = False,
        ttl: float | None = None,
        consistency: Consistency | str | None = None,
    ) -> CASResult:
        """Collection.compare_and_swap of the collection named."""
        return self.collection(collection).compare_and_swap(
            id, expected, value, expected_version, replace, ttl, consistency
        )

    def query(
        self, query: Query, *, consistency: Consistency | str | None = None
    ) -> QueryResult:
        """Collection.find with the arguments in one object."""
        if not isinstance(query, Query):
            raise QueryError(f"query: wants a Query, not {type(query).__name__}")
        return self.collection(query.collection).find(
            query.filter, query.sort, query.limit, query.offset, query.fields,
            consistency=consistency,
        )

    def flush(self) -> None:
        """Return when every earlier write is on disk."""
        self._engine.flush()

    def compact(self) -> int:
        """Rewrite all that holds garbage now; bytes given back. It happens by itself, too."""
        return self._engine.compact()

    def stats(self) -> Stats:
        """Counters: documents, memory, disk, cache, log."""
        return Stats.of(self._engine.stats(), time.monotonic() - self._opened)

    def health(self) -> Health:
        """Whether all is well; each check's name and what it found."""
        checks = self._engine.health()
        return Health(all(text.split(":")[0] == "ok" for text in checks.values()), checks)

    # Every method of Collection; tests/unit/py/test_delegates.py sees that none is missing.
    get = _of(Collection.get)
    get_many = _of(Collection.get_many)
    insert = _of(Collection.insert)
    insert_many = _of(Collection.insert_many)
    add = _of(Collection.add)
    put = _of(Collection.put)
    put_many = _of(Collection.put_many)
    update = _of(Collection.update)
    replace = _of(Collection.replace)
    delete = _of(Collection.delete)
    delete_many = _of(Collection.delete_many)
    scan = _of(Collection.scan)
    count = _of(Collection.count)
    find = _of(Collection.find)
    find_one = _of(Collection.find_one)
    find_one_and_update = _of(Collection.find_one_and_update)
    explain = _of(Collection.explain)
    update_where = _of(Collection.update_where)
    delete_where = _of(Collection.delete_where)
    evolve = _of(Collection.evolve)
    aggregate = _of(Collection.aggregate)
    keys = _of(Collection.keys)
    values = _of(Collection.values)
    items = _of(Collection.items)
    pop = _of(Collection.pop)
    popitem = _of(Collection.popitem)
    setdefault = _of(Collection.setdefault)
    clear = _of(Collection.clear)
    watch = _of(Collection.watch)
    create_index = _of(Collection.create_index)
    drop_index = _of(Collection.drop_index)

    def indexes(self, collection: str) -> list[IndexInfo]:
        """Collection.indexes of the collection named."""
        return self.collection(collection).indexes
    search = _of(Collection.search)
    column = _of(Collection.column)
    to_arrow = _of(Collection.to_arrow)
    to_pandas = _of(Collection.to_pandas)


def _opens(make_config: Callable[P, Config]) -> Callable[P, VelocityDB]:
    @functools.wraps(make_config)
    def open(*args: P.args, **kwargs: P.kwargs) -> VelocityDB:
        return VelocityDB(make_config(*args, **kwargs))

    return open


open = _opens(Config)
open.__name__ = open.__qualname__ = "open"
open.__module__ = __name__
open.__doc__ = f"Open a database: VelocityDB(Config(...)).\n\n{inspect.getdoc(Config) or ''}"


def verify(path: str | os.PathLike[str]) -> VerifyReport:
    """Read and check everything in a data directory that no process has open; change nothing."""
    records, errors = verify_directory(path_setting("path", path))
    return VerifyReport(not errors, records, errors)


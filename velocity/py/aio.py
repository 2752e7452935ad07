"""asyncio: the same database with coroutines for calls. The event loop never waits for the disk.

A call that cannot wait (a read of documents in memory, say) runs at once, on the loop's thread; it
is quicker than any hand-over. One that may wait runs on a thread of the database's own executor.
Which is which: `_read` asks the engine's reads_may_wait, `_write` its writes_may_wait, `_wait` is
always handed over (it syncs, or its length has no bound).
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from types import TracebackType
from typing import Any, ParamSpec

from velocity.py import database as sync
from velocity.py.collection import Collection
from velocity.py.config import Config
from velocity.py.database import VelocityDB
from velocity.py.indexes import IndexInfo
from velocity.py.levels import Consistency
from velocity.py.mirror import Mirror, Runner
from velocity.py.mirror import lists as _listed
from velocity.py.mirror import reads as _read
from velocity.py.mirror import scans as _scan
from velocity.py.mirror import waits as _wait
from velocity.py.mirror import watches as _watch
from velocity.py.mirror import writes as _write
from velocity.py.results import VerifyReport
from velocity.py.schema import Schema
from velocity.py.transaction import Transaction

P = ParamSpec("P")


class AsyncCollection(Mirror[Collection]):
    """A collection's handle whose methods are coroutines."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return self._sync.name

    @property
    def level(self) -> int:
        return self._sync.level

    @property
    def consistency(self) -> Consistency:
        return self._sync.consistency

    @property
    def change_count(self) -> int:
        return self._sync.change_count

    @property
    def schema(self) -> Schema | None:
        return self._sync.schema

    def __repr__(self) -> str:
        return f"<velocity.aio.AsyncCollection {self.name!r}, {self.consistency.value}>"

    def __aiter__(self) -> AsyncIterator[str]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[str]:
        ids: list[str] = await self._runner.wait(list, self._sync)
        for id in ids:
            yield id

    get = _read(Collection.get)
    get_many = _wait(Collection.get_many)
    insert = _write(Collection.insert)
    insert_many = _wait(Collection.insert_many)
    add = _write(Collection.add)
    put = _write(Collection.put)
    put_many = _wait(Collection.put_many)
    update = _write(Collection.update)
    replace = _write(Collection.replace)
    delete = _write(Collection.delete)
    delete_many = _wait(Collection.delete_many)
    compare_and_swap = _write(Collection.compare_and_swap)
    scan = _scan(Collection.scan)
    count = _wait(Collection.count)
    find = _wait(Collection.find)
    find_one = _wait(Collection.find_one)
    find_one_and_update = _write(Collection.find_one_and_update)
    explain = _wait(Collection.explain)
    update_where = _wait(Collection.update_where)
    delete_where = _wait(Collection.delete_where)
    evolve = _wait(Collection.evolve)
    aggregate = _wait(Collection.aggregate)
    keys = _listed(Collection.keys)
    values = _listed(Collection.values)
    items = _listed(Collection.items)
    pop = _write(Collection.pop)
    popitem = _wait(Collection.popitem)
    setdefault = _write(Collection.setdefault)
    clear = _wait(Collection.clear)
    watch = _watch(Collection.watch)
    create_index = _wait(Collection.create_index)
    drop_index = _wait(Collection.drop_index)

    async def indexes(self) -> list[IndexInfo]:
        """The collection's indexes, in the order in which they were created."""
        return await self._runner.wait(lambda: self._sync.indexes)
    search = _wait(Collection.search)
    column = _wait(Collection.column)
    to_arrow = _wait(Collection.to_arrow)
    to_pandas = _wait(Collection.to_pandas)


class AsyncTransaction(Mirror[Transaction]):
    """A transaction for an `async with` block; one task at a time uses it."""

    __slots__ = ()

    async def __aenter__(self) -> AsyncTransaction:
        self._sync.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._runner.writes_may_wait:
            await self._runner.wait(self._sync.__exit__, kind, error, trace)
        else:
            self._sync.__exit__(kind, error, trace)

    commit = _write(Transaction.commit)
    rollback = _read(Transaction.rollback)
    get = _read(Transaction.get)
    get_many = _wait(Transaction.get_many)
    contains = _read(Transaction.contains)
    insert = _read(Transaction.insert)
    add = _read(Transaction.add)
    put = _read(Transaction.put)
    update = _read(Transaction.update)
    replace = _read(Transaction.replace)
    delete = _read(Transaction.delete)
    compare_and_swap = _read(Transaction.compare_and_swap)
    scan = _scan(Transaction.scan)
    count = _wait(Transaction.count)


class AsyncVelocityDB(Mirror[VelocityDB]):
    """An open database whose methods are coroutines; made by `velocity.aio.open`."""

    __slots__ = ("_collections",)

    def __init__(self, db: VelocityDB, runner: Runner) -> None:
        super().__init__(db, runner)
        self._collections: dict[str, AsyncCollection] = {}
        runner.reads_may_wait = db._engine.reads_may_wait
        runner.writes_may_wait = db._engine.writes_may_wait

    async def __aenter__(self) -> AsyncVelocityDB:
        self._sync.__enter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<velocity.aio.AsyncVelocityDB of {self._sync!r}>"

    @property
    def config(self) -> Config:
        return self._sync.config

    @property
    def closed(self) -> bool:
        return self._sync.closed

    async def close(self) -> None:
        """Close the database and let its threads go. Idempotent."""
        if self._sync.closed:
            return
        try:
            await self._runner.wait(self._sync.close)
        finally:
            self._runner.end()

    def __getitem__(self, name: str) -> AsyncCollection:
        return self._handle(self._sync.collection(name))

    def _handle(self, collection: Collection) -> AsyncCollection:
        known = self._collections.get(collection.name)
        if known is None or known._sync is not collection:
            known = AsyncCollection(collection, self._runner)
            self._collections[collection.name] = known
        return known

    async def collection(self, name: str) -> AsyncCollection:
        """The collection's handle. Raises NotFoundError when there is none."""
        return self[name]

    async def create_collection(
        self,
        name: str,
        schema: Schema | Mapping[str, Any] | None = None,
        *,
        consistency: Consistency | str | None = None,
        if_not_exists: bool = False,
    ) -> AsyncCollection:
        """Make a collection. Raises DuplicateKeyError when it exists, unless if_not_exists."""
        made = await self._runner.wait(
            self._sync.create_collection,
            name,
            schema,
            consistency=consistency,
            if_not_exists=if_not_exists,
        )
        return self._handle(made)

    def transaction(self) -> AsyncTransaction:
        """A serializable transaction, for an `async with` block."""
        return AsyncTransaction(self._sync.transaction(), self._runner)

    drop_collection = _wait(VelocityDB.drop_collection)
    list_collections = _wait(VelocityDB.list_collections)
    batch = _write(VelocityDB.batch)
    transact = _write(VelocityDB.transact)
    flush = _wait(VelocityDB.flush)
    compact = _wait(VelocityDB.compact)
    stats = _wait(VelocityDB.stats)
    health = _wait(VelocityDB.health)

    get = _read(VelocityDB.get)
    get_many = _wait(VelocityDB.get_many)
    insert = _write(VelocityDB.insert)
    insert_many = _wait(VelocityDB.insert_many)
    add = _write(VelocityDB.add)
    put = _write(VelocityDB.put)
    put_many = _wait(VelocityDB.put_many)
    update = _write(VelocityDB.update)
    replace = _write(VelocityDB.replace)
    delete = _write(VelocityDB.delete)
    delete_many = _wait(VelocityDB.delete_many)
    compare_and_swap = _write(VelocityDB.compare_and_swap)
    scan = _scan(VelocityDB.scan)
    count = _wait(VelocityDB.count)
    find = _wait(VelocityDB.find)
    find_one = _wait(VelocityDB.find_one)
    find_one_and_update = _write(VelocityDB.find_one_and_update)
    explain = _wait(VelocityDB.explain)
    update_where = _wait(VelocityDB.update_where)
    delete_where = _wait(VelocityDB.delete_where)
    query = _wait(VelocityDB.query)
    evolve = _wait(VelocityDB.evolve)
    aggregate = _wait(VelocityDB.aggregate)
    keys = _listed(VelocityDB.keys)
    values = _listed(VelocityDB.values)
    items = _listed(VelocityDB.items)
    pop = _write(VelocityDB.pop)
    popitem = _wait(VelocityDB.popitem)
    setdefault = _write(VelocityDB.setdefault)
    clear = _wait(VelocityDB.clear)
    watch = _watch(VelocityDB.watch)
    create_index = _wait(VelocityDB.create_index)
    drop_index = _wait(VelocityDB.drop_index)
    indexes = _wait(VelocityDB.indexes)
    search = _wait(VelocityDB.search)
    column = _wait(VelocityDB.column)
    to_arrow = _wait(VelocityDB.to_arrow)
    to_pandas = _wait(VelocityDB.to_pandas)


class _Opening:
    """`await` it, or use it in an `async with` block."""

    def __init__(self, make: Callable[[], VelocityDB]) -> None:
        self._make = make
        self._db: AsyncVelocityDB | None = None

    def __await__(self) -> Generator[Any, None, AsyncVelocityDB]:
        return self._open().__await__()

    async def _open(self) -> AsyncVelocityDB:
        runner = Runner()
        try:
            return AsyncVelocityDB(await runner.wait(self._make), runner)
        except BaseException:
            runner.end()
            raise

    async def __aenter__(self) -> AsyncVelocityDB:
        self._db = await self._open()
        return self._db

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._db is not None:
            await self._db.close()


def _opens(make: Callable[P, VelocityDB]) -> Callable[P, _Opening]:
    @functools.wraps(make)
    def open(*args: P.args, **kwargs: P.kwargs) -> _Opening:
        return _Opening(functools.partial(make, *args, **kwargs))

    return open


open = _opens(sync.open)


async def verify(path: str | os.PathLike[str]) -> VerifyReport:
    """As velocity.verify."""
    return await asyncio.to_thread(sync.verify, path)

"""What the objects of velocity.aio are made of: where calls run, and coroutines from methods.

`reads` asks the engine's reads_may_wait, `writes` its writes_may_wait, `waits` is always handed
over (it syncs, or its length has no bound).
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from velocity._core.document import Document
from velocity.py.aio_watch import AsyncWatch
from velocity.py.collection import CHUNK
from velocity.py.signatures import method_signature
from velocity.py.watch import Watch

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")

THREADS_MAX = 16  # so many writers can share one fsync

Async = Callable[Concatenate["Mirror[S]", P], Coroutine[Any, Any, T]]


class Runner:
    """Where calls of one database run: here, or on its executor."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="velocity-aio")
        self.reads_may_wait = True
        self.writes_may_wait = True
        self._ended = False  # only the event loop's thread changes it

    async def wait(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if self._ended:
            return call(*args, **kwargs)  # of a closed database: says so at once
        loop = asyncio.get_running_loop()
        bound = functools.partial(call, *args, **kwargs)
        return await loop.run_in_executor(self._executor, bound)

    def end(self) -> None:
        self._ended = True
        self._executor.shutdown(wait=False)


class Mirror(Generic[S]):
    """A synchronous object and where its calls run."""

    __slots__ = ("_runner", "_sync")

    def __init__(self, sync: S, runner: Runner) -> None:
        self._sync = sync
        self._runner = runner


def _named(call: Any, method: Any) -> None:
    """Give a coroutine the name, text and signature of the method it mirrors."""
    call.__name__ = call.__qualname__ = method.__name__
    call.__doc__ = inspect.getdoc(method)
    call.__signature__ = method_signature(method, first=("self",))


def reads(method: Callable[Concatenate[S, P], T]) -> Async[S, P, T]:
    async def call(self: Mirror[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._runner.reads_may_wait:
            return await self._runner.wait(method, self._sync, *args, **kwargs)
        return method(self._sync, *args, **kwargs)

    _named(call, method)
    return call


def writes(method: Callable[Concatenate[S, P], T]) -> Async[S, P, T]:
    async def call(self: Mirror[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._runner.writes_may_wait:
            return await self._runner.wait(method, self._sync, *args, **kwargs)
        return method(self._sync, *args, **kwargs)

    _named(call, method)
    return call


def waits(method: Callable[Concatenate[S, P], T]) -> Async[S, P, T]:
    async def call(self: Mirror[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._runner.wait(method, self._sync, *args, **kwargs)

    _named(call, method)
    return call


def lists(
    method: Callable[Concatenate[S, P], Any],
) -> Async[S, P, list[Any]]:
    """A view of the collection, read whole into a list."""

    async def call(self: Mirror[S], /, *args: P.args, **kwargs: P.kwargs) -> list[Any]:
        def read() -> list[Any]:
            return list(method(self._sync, *args, **kwargs))

        return await self._runner.wait(read)

    _named(call, method)
    return call


def scans(
    method: Callable[Concatenate[S, P], Iterator[Document]],
) -> Callable[Concatenate[Mirror[S], P], AsyncIterator[Document]]:
    """An asynchronous iterator that reads a chunk at a time."""

    async def call(
        self: Mirror[S], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[Document]:
        documents = await self._runner.wait(method, self._sync, *args, **kwargs)
        while chunk := await self._runner.wait(_take, documents):
            for document in chunk:
                yield document

    _named(call, method)
    return call


def _take(documents: Iterator[Document]) -> list[Document]:
    return list(islice(documents, CHUNK))


def watches(
    method: Callable[Concatenate[S, P], Watch],
) -> Callable[Concatenate[Mirror[S], P], AsyncWatch]:
    """An asynchronous iterator of changes."""

    def call(self: Mirror[S], /, *args: P.args, **kwargs: P.kwargs) -> AsyncWatch:
        return AsyncWatch(method(self._sync, *args, **kwargs), self._runner.wait)

    _named(call, method)
    return call

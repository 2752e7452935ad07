"""A watch for asyncio: `async for event in users.watch()`.

Reading runs where the database's calls run. Waiting has no bound and must not take one of those
threads away: a thread of the watch's own does it, made when there first is nothing to read.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from velocity._core.engine import ChangeReader
from velocity._core.errors import VelocityError
from velocity.py.watch import ChangeEvent, Watch

WAIT = 3600.0  # seconds; any will do

_Run = Callable[[Callable[[], bool]], Coroutine[Any, Any, bool]]
_Question = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class AsyncWatch(AsyncIterator[ChangeEvent]):
    """The changes of a collection, for an `async for` loop; see Collection.watch.

    A task that is cancelled while it waits loses nothing. Close it, or use `async with`.
    """

    def __init__(self, watch: Watch, run: _Run) -> None:
        self._watch = watch
        self._run = run
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def __del__(self) -> None:
        self._end()

    async def __aenter__(self) -> AsyncWatch:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def __aiter__(self) -> AsyncWatch:
        return self

    async def __anext__(self) -> ChangeEvent:
        event = self._watch._take() or await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    @property
    def closed(self) -> bool:
        return self._watch.closed

    async def next(self, timeout: float | None = None) -> ChangeEvent | None:
        """As Watch.next."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._watch.closed:
            if event := self._watch._take():
                return event
            more = await self._run(self._watch._read_on)
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0 and not self._watch._ready:
                return None
            if not more:
                await self._change(left)
        return None

    async def _change(self, timeout: float | None) -> None:
        """Wait until there may be something to read."""
        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(
                target=_wait,
                args=(self._watch._reader, self._questions),
                name="velocity-watch",
                daemon=True,
            )
            self._thread.start()
        self._questions.put((loop, change))
        await asyncio.wait([change], timeout=timeout)

    async def close(self) -> None:
        """End it, also a wait in another task. Idempotent."""
        self._end()

    def _end(self) -> None:
        self._watch.close()
        self._questions.put(None)


def _wait(reader: ChangeReader, questions: SimpleQueue[_Question | None]) -> None:
    """Answer each question when there may be something to read."""
    while question := questions.get():
        loop, change = question
        with contextlib.suppress(VelocityError):  # who reads on will be told
            while not reader.wait(WAIT):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(_answer, change)


def _answer(change: asyncio.Future[None]) -> None:
    if not change.done():
        change.set_result(None)

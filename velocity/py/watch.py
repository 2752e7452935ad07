"""Watching a collection: its changes one by one, in the order in which they were made.

A watch holds a place in the log, not what is still to come. It may be used by any thread, one at
a time; `close` ends the wait of another.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from velocity._core.document import Document
from velocity._core.engine import ChangeReader, CollectionBase
from velocity._core.errors import QueryError
from velocity._core.filter import Filter
from velocity.py.by_id import ID, names_id

ChangeKind = Literal["insert", "update", "delete", "expire"]
SLICE = 0.25  # seconds: a wait looks at signals this often
SEQUENCE_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One change of one document.

    document: as it is after the change, None when it is gone. version: the document's; of one that
    is gone, the last it had. sequence: of the batch, rising; position: within the batch, rising.
    """

    kind: ChangeKind
    id: str
    document: Document | None
    version: int
    sequence: int
    position: int = 0


class Watch(Iterator[ChangeEvent]):
    """The changes of a collection, for a `for` loop that waits for the next; see Collection.watch.

    Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        collection: CollectionBase,
        filter: Mapping[str, Any] | None = None,
        since: int | ChangeEvent | None = None,
    ) -> None:
        judge = None
        if isinstance(filter, Mapping) and names_id(filter):
            judge, filter = _judge_of(filter), None
        self._reader = ChangeReader(collection, *_place(since), filter, judge)
        self._ready: deque[tuple[Any, ...]] = deque()
        self._lock = threading.Lock()  # held by who reads, also while waiting
        self._closed = False

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Watch:
        return self

    def __next__(self) -> ChangeEvent:
        event = self._take() or self.next()
        if event is None:
            raise StopIteration
        return event

    @property
    def closed(self) -> bool:
        return self._closed

    def next(self, timeout: float | None = None) -> ChangeEvent | None:
        """The next change, waiting for it at most `timeout` seconds; None: no more for now, or
        the watch is closed. Raises HistoryLostError when it fell too far behind."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            while not self._closed:
                if event := self._take():
                    return event
                more = self._fill()
                left = SLICE if deadline is None else deadline - time.monotonic()
                if left <= 0 and not self._ready:
                    return None
                if not more:
                    self._reader.wait(min(left, SLICE))
            return None

    def _take(self) -> ChangeEvent | None:
        """The next of those read."""
        try:
            return ChangeEvent(*self._ready.popleft())
        except IndexError:
            return None

    def _read_on(self) -> bool:
        """_fill for who does not wait here."""
        with self._lock:
            return not self._closed and (bool(self._ready) or self._fill())

    def _fill(self) -> bool:
        """Read on without waiting; whether anything came. Requires the lock."""
        changes = self._reader.read()
        self._ready.extend(changes)
        return bool(changes)

    def close(self) -> None:
        """End it, also a wait in another thread. Idempotent."""
        self._closed = True
        self._ready.clear()
        self._reader.stop()


def _judge_of(filter: Mapping[str, Any]) -> Callable[[str, Document | None], bool]:
    """Of a filter that speaks of "_id", which the encoded documents do not hold: whether it lets a
    change through. Of a document that is gone only the id is known."""
    whole, gone = Filter(filter), Filter({ID: filter[ID]} if ID in filter else {})

    def judge(id: str, document: Document | None) -> bool:
        if document is None:
            return gone.matches({ID: id})
        return whole.matches({**document.fields, ID: id})

    return judge


def _place(since: Any) -> tuple[int | None, int | None]:
    """What to read after: (sequence, position in its batch or None for all of it)."""
    if isinstance(since, ChangeEvent):
        return since.sequence, since.position
    if since is None:
        return None, None
    if isinstance(since, bool) or not isinstance(since, int):
        raise QueryError(
            f"since: wants a sequence, a ChangeEvent or None, not {type(since).__name__}"
        )
    if not 0 <= since <= SEQUENCE_MAX:
        raise QueryError(f"since: {since} is no sequence")
    return since, None

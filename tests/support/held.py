"""A call that is held where it reads a document from disk, so that others can be made meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from velocity._core import engine


class Held:
    """A call in a thread of its own, held at the first read. `end` lets it go: what it returned, or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self._call = call
        self._result: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        engine.file_watch(self._watch)
        self._thread.start()
        assert self._begun.wait(60)

    def _run(self) -> None:
        try:
            self._result = self._call()
        except Exception as error:
            self._result = error

    def _watch(self, point, path, to, done, error) -> None:
        first = point == "read" and threading.get_ident() == self._thread.ident
        if first and not self._begun.is_set():
            self._begun.set()
            assert self._go.wait(60)

    def end(self) -> Any:
        self._go.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self._result

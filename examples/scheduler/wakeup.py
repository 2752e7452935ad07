"""Wakeup: tells executors that there is a process to take, as soon as there is one.

One thread watches the collection of processes. An executor that finds none waits for the next
change, which it cannot miss: it says up to which one it has looked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import velocity
from velocity.py.colonyos import WAITING

CLAIMABLE = {"state": WAITING, "isassigned": False, "waitforparents": False}


class Wakeup:
    def __init__(self, db: velocity.VelocityDB) -> None:
        self._changed = threading.Condition()  # guards what follows
        self._count = 0  # changes so far
        self._listeners: list[Callable[[], None]] = []
        self._watch = db["processes"].watch(CLAIMABLE)
        self._thread = threading.Thread(target=self._run, name="wakeup")
        self._thread.start()

    @property
    def count(self) -> int:
        return self._count

    def wait(self, seen: int) -> None:
        """Return when there was a change after the first *seen* ones."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > seen)

    def listen(self, listener: Callable[[], None]) -> None:
        """Have *listener* called after each change, by another thread."""
        with self._changed:
            self._listeners.append(listener)

    def wake(self) -> None:
        """As if there had been a change: whoever waits looks, also at whether to stop."""
        with self._changed:
            self._count += 1
            listeners = list(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            listener()

    def close(self) -> None:
        self._watch.close()
        self._thread.join()

    def _run(self) -> None:
        for _ in self._watch:  # ends when it is closed
            self.wake()

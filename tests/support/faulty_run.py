"""A run on a disk where one call fails: what is refused is not applied, health says so, reads go on."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.run import Run, State, differences
from velocity import StorageError
from velocity._core import engine


@dataclass(frozen=True)
class Fault:
    """Call number `after` to a point of fileio.h fails. lasting: "once", to the end of the "step", or until "reopened"."""

    point: str
    error: int
    short: bool = False
    lasting: str = "once"
    after: int = 0

    def __str__(self) -> str:
        short = " after a half" if self.short else ""
        name = errno.errorcode[self.error]
        return f"call {self.after} to {self.point} fails with {name}{short} ({self.lasting})"


class FaultyRun(Run):
    """Steps go on after a failure; after one that is latched the database is closed and opened again."""

    def __init__(self, root: Path, mode: str, sync: bool, seed: str, fault: Fault) -> None:
        self._fault = fault
        self._latched = False
        self._sequence = 0  # of the log, before the step
        once = fault.lasting == "once"
        engine.fault_set(fault.point, fault.after, fault.error, once, fault.short)
        super().__init__(root, mode, sync, seed)

    @property
    def fired(self) -> bool:
        return any(error == self._fault.error for _, _, error in self.failed_calls)

    def _open(self):
        try:
            return super()._open()
        except StorageError as error:
            self._expect(error)
            engine.fault_clear()
            return super()._open()

    def _attempt(self, call) -> bool:
        try:
            call()
        except StorageError as error:
            self._expect(error)
            if self._fault.lasting == "step":
                engine.fault_clear()
            return False
        return True

    def _expect(self, error: StorageError) -> None:
        assert self.fired, f"no call had failed: {error}"
        assert error.errno in (self._fault.error, errno.EIO), error

    def contents(self) -> State:
        try:
            return super().contents()
        except StorageError as error:
            assert self._fault.point == "read"
            self._expect(error)
            engine.fault_clear()
            return super().contents()

    # --- what must hold after a failure ---------------------------------------------------------

    def _step(self, models, call) -> bool:
        if self._latched:  # a write in the middle of a compaction
            return False
        self._sequence = self.db.stats().sequence
        if super()._step(models, call):
            return True
        self._check_failure(self.states[-2])
        if not self._latched:  # refused for good; else the disk may have it or not
            self.states.pop()
        return False

    def step_flush(self) -> bool:
        self._sequence = self.db.stats().sequence
        done = super().step_flush()
        if not done:
            self._check_failure(self.states[-1])
            # A full disk that keeps the manifest from being stored latches nothing.
            assert self._latched or self._fault.error == errno.ENOSPC
        return done

    def step_compact(self) -> bool:
        self._sequence = self.db.stats().sequence
        done = super().step_compact()
        if not done and not self._latched:
            self._check_failure(self.states[-1])
        return done

    def _check_failure(self, state: State) -> None:
        health = self.db.health()
        # An expired document that was removed since tells that all is well again.
        if self._fault.point != "read" and self.db.stats().sequence == self._sequence:
            assert not health.ok, "health does not tell"
        self._latched = "until reopened" in health.checks["log"]
        found = self.contents()
        assert found == state, f"applied though refused: {differences(found, state)}"

    def settle(self) -> None:
        super().settle()
        if self._latched:
            self._relaunch()

    def _relaunch(self) -> None:
        """Nothing is written any more, and no later sync says that all is well; what reopening finds is on disk."""
        engine.fault_clear()
        calls = [self.db.flush, self.db.compact, lambda: self.db.create_collection("refused")]
        for name in self.states[self.acknowledged]:
            calls.append(lambda name=name: self.db.put(name, "refused", {}))
            calls.append(lambda name=name: self.db.drop_collection(name))
        for call in calls:
            with pytest.raises(StorageError, match="until reopened"):
                call()
        assert "until reopened" in self.db.health().checks["log"]
        assert not self._attempt(self.db.close)
        self._latched = False
        self.reopen()

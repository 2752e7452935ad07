"""Executors: what takes processes from the queue and does them.

assign_process gives each process to one executor only, so they need nothing else to agree on who
does what.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping

from examples.scheduler.jobs import AsyncJob, Job
from examples.scheduler.wakeup import Wakeup
from velocity.py.colonyos import (
    ColonyOSAdapter,
    Executor,
    Process,
    ProcessStateError,
    random_id,
)


def register(db: ColonyOSAdapter, colony: str, kind: str, name: str) -> str:
    """An executor of the colony, approved; its id."""
    executor = Executor(
        executorid=random_id(), executortype=kind, executorname=name, colonyname=colony
    )
    db.add_executor(executor)
    db.approve_executor(executor)
    return executor.executorid


def succeed(db: ColonyOSAdapter, process: Process, output: list[object]) -> None:
    try:
        db.close_successful(process.processid, output)
    except ProcessStateError:
        pass  # its deadline has passed meanwhile: the result comes too late


def fail(db: ColonyOSAdapter, process: Process, error: Exception) -> None:
    try:
        db.close_failed(process.processid, [f"{type(error).__name__}: {error}"])
    except ProcessStateError:
        pass


class ThreadExecutor(threading.Thread):
    """One thread that does one process after another."""

    def __init__(
        self, db: ColonyOSAdapter, wakeup: Wakeup, colony: str, name: str, jobs: Mapping[str, Job]
    ) -> None:
        super().__init__(name=name)
        self._db, self._wakeup, self._colony, self._jobs = db, wakeup, colony, jobs
        self._id = register(db, colony, "thread", name)
        self._stopping = False

    def run(self) -> None:
        while not self._stopping:
            seen = self._wakeup.count  # before looking, so that nothing is missed
            process = self._db.assign_process(self._colony, self._id)
            if process is None:
                self._wakeup.wait(seen)
            else:
                self._do(process)

    def stop(self) -> None:
        """End after the process at hand."""
        self._stopping = True
        self._wakeup.wake()
        self.join()

    def _do(self, process: Process) -> None:
        try:
            output = self._jobs[process.spec.funcname](process)
        except Exception as error:  # whatever a job raises is its process's failure
            fail(self._db, process, error)
        else:
            succeed(self._db, process, output)


class AsyncExecutor:
    """Many processes at once in one event loop. The database is asked in between: that takes
    microseconds, which is less than handing the call to a thread would."""

    def __init__(
        self,
        db: ColonyOSAdapter,
        wakeup: Wakeup,
        colony: str,
        name: str,
        jobs: Mapping[str, AsyncJob],
        at_once: int,
    ) -> None:
        self._db, self._colony, self._jobs = db, colony, jobs
        self._id = register(db, colony, "async", name)
        self._slots = asyncio.Semaphore(at_once)
        self._changed = asyncio.Event()
        self._stopping = False
        loop = asyncio.get_running_loop()
        wakeup.listen(lambda: loop.call_soon_threadsafe(self._changed.set))

    async def run(self) -> None:
        running: set[asyncio.Task[None]] = set()
        while not self._stopping:
            await self._slots.acquire()
            self._changed.clear()  # before looking, so that nothing is missed
            process = None if self._stopping else self._db.assign_process(self._colony, self._id)
            if process is None:
                self._slots.release()
                await self._changed.wait()
                continue
            task = asyncio.create_task(self._do(process))
            running.add(task)
            task.add_done_callback(running.discard)
        for task in running:
            task.cancel()

    def stop(self) -> None:
        """Take no more; what still runs is cancelled."""
        self._stopping = True
        self._changed.set()

    async def _do(self, process: Process) -> None:
        seconds = process.spec.maxexectime
        try:
            job = self._jobs[process.spec.funcname](process)
            output = await asyncio.wait_for(job, seconds if seconds > 0 else None)
        except asyncio.TimeoutError:
            pass  # the server fails the process or queues it again, as it says
        except Exception as error:  # whatever a job raises is its process's failure
            fail(self._db, process, error)
        else:
            succeed(self._db, process, output)
        finally:
            self._slots.release()

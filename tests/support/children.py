"""Child processes: workers that write, acknowledge over a pipe and are killed; and plain forks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
ACK = struct.Struct("<I")


class Child:
    """A process of support/worker.py. It acknowledges with 4-byte numbers on its stdout."""

    def __init__(self, arguments: list[str]) -> None:
        path = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.worker", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.pid = self._process.pid
        self._rest = b""

    def read_ack(self) -> int:
        """The next acknowledgement, waiting for it."""
        while len(self._rest) < ACK.size:
            more = os.read(self._process.stdout.fileno(), 65536)
            if not more:
                self._process.wait(30)
                raise AssertionError(f"the worker ended: {self._process.stderr.read().decode()}")
            self._rest += more
        (number,) = ACK.unpack_from(self._rest)
        self._rest = self._rest[ACK.size :]
        return number

    def read_until(self, count: int) -> list[int]:
        """At least count acknowledgements."""
        return [self.read_ack() for _ in range(count)]

    def kill(self) -> list[int]:
        """SIGKILL now; returns the acknowledgements that were still on the way."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        rest = self._rest + self._process.stdout.read()
        errors = self._process.stderr.read().decode()
        code = self._process.wait(30)
        self._process.stdout.close()
        self._process.stderr.close()
        assert code in (0, -signal.SIGKILL), errors
        return [number for (number,) in ACK.iter_unpack(rest[: len(rest) // ACK.size * ACK.size])]

    def wait(self) -> list[int]:
        """Let it end by itself."""
        out, errors = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, errors.decode()
        out = self._rest + out
        return [number for (number,) in ACK.iter_unpack(out)]


def spawn(job: str, *arguments: object) -> Child:
    """Start job `job` of support/worker.py."""
    return Child([job, *(a if isinstance(a, str) else json.dumps(a) for a in arguments)])


def run_in_fork(call: Callable[[], object]) -> str:
    """Run call in a fork of this process; the name of the exception it raised, or ''."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12: fork with threads
        pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            try:
                call()
                text = ""
            except AssertionError:
                text = traceback.format_exc()
            except BaseException as error:
                text = type(error).__name__
            os.write(writer, text.encode()[:60000])
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the fork ended with status {status}"
    return text

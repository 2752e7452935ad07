"""Redis over a unix socket: a server of our own as a child process, msgpack bytes by id."""

import ctypes
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bench.data import Fields
from bench.peers.face import PackedPeer, Variant

SERVER = "redis-server"
START_S = 120  # loading a large log again included
PR_SET_PDEATHSIG = 1

if shutil.which(SERVER) is None:
    raise ImportError(f"no {SERVER} on the path")


def _die_with_parent() -> None:
    """A killed benchmark leaves no server behind, and "killed" means the one with the data."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Redis(PackedPeer):
    def __init__(self, directory: Path, *settings: str) -> None:
        # A directory of its own: a socket's path has at most 107 bytes. It can go as soon as we are
        # connected, since one connection is all that a single-threaded program needs.
        with tempfile.TemporaryDirectory() as folder:
            socket = f"{folder}/redis.sock"
            self.server = subprocess.Popen(
                [
                    *(SERVER, "--port", "0", "--unixsocket", socket, "--dir", str(directory)),
                    *("--save", "", "--loglevel", "warning", *settings),
                ],
                stdout=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,
            )
            try:
                self.client = self._connect(socket, time.monotonic() + START_S)
            except BaseException:
                self._end(self.server.kill)
                raise
        self.find, self.put_packed = self.client.get, self.client.set

    def _connect(self, socket: str, deadline: float) -> redis.Redis:
        """Asks until the server answers: it says nowhere that it is ready, where one could wait."""
        no_retry = Retry(NoBackoff(), 0)
        while True:
            try:
                client = redis.Redis(
                    unix_socket_path=socket, single_connection_client=True, retry=no_retry
                )
                client.ping()
                return client
            except redis.exceptions.ConnectionError:  # not listening yet, or still loading
                if self.server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.001)

    def _end(self, signal_server: Callable[[], None]) -> None:
        signal_server()
        self.server.wait()

    def get(self, id: str) -> Fields | None:
        packed = self.find(id)
        return None if packed is None else msgpack.unpackb(packed)

    def put(self, id: str, fields: Fields) -> None:
        self.put_packed(id, msgpack.packb(fields))

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        self.client.mset({id: msgpack.packb(fields) for id, fields in pairs})

    def delete(self, id: str) -> None:
        self.client.delete(id)

    def count(self) -> int:
        return self.client.dbsize()

    def close(self) -> None:
        self.client.close()
        self._end(self.server.terminate)


def _opener(*settings: str) -> Callable[[Path], Redis]:
    return lambda directory: Redis(directory, *settings)


def _logged(fsync: str, durability: str) -> Variant:
    settings = ("--appendonly", "yes", "--appendfsync", fsync)
    return Variant("Redis", durability, f"appendfsync {fsync}", _opener(*settings))


VARIANTS = [
    Variant("Redis", "none", "no persistence", _opener("--appendonly", "no"), persistent=False),
    # Both write() before they answer; "everysec" puts it off, 2 s at most, while an fsync runs.
    _logged("no", "os"),
    _logged("everysec", "os"),
    _logged("always", "fsync"),
]

"""What the figures were measured on and with: a table of figures without it says nothing."""

import os
import platform
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgpack

import velocity
from bench.peers.registry import LEFT_OUT


def _first(path: str, prefix: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(prefix):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return "unknown"


def processor() -> str:
    return _first("/proc/cpuinfo", "model name")


def memory_gib() -> int:
    total = _first("/proc/meminfo", "MemTotal")
    return round(int(total.split()[0]) / 2**20) if total != "unknown" else 0


def filesystem(directory: Path) -> str:
    """Type of the file system that holds *directory*."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind = line.split()[:3]
        inside = directory.resolve().is_relative_to(mount)
        if inside and len(mount) >= len(best[0]):
            best = (mount, kind)
    return best[1]


def python() -> str:
    threading = ", free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"CPython {platform.python_version()} ({'PGO' if optimised else 'no PGO'}{threading})"


def _peer_versions() -> Iterator[str]:
    for package in ("lmdb", "rocksdict", "plyvel", "diskcache", "redis"):
        try:
            yield f", {package} {version(package)}"
        except PackageNotFoundError:
            continue
    if "Redis" not in LEFT_OUT:
        words = subprocess.run(["redis-server", "--version"], stdout=subprocess.PIPE, text=True)
        yield f", redis-server {words.stdout.partition('v=')[2].split()[0]}"


def description(directory: Path) -> list[str]:
    """Lines for people: machine, software, load, and the stores that are not there."""
    msgpack_version = ".".join(map(str, msgpack.version))
    lines = [
        f"{processor()}, {os.cpu_count()} CPUs, {memory_gib()} GiB; "
        f"{platform.system()} {platform.release()}, {filesystem(directory)}; "
        f"load {os.getloadavg()[0]:.1f} at the start",
        f"{python()}, velocity {velocity.__version__}, msgpack {msgpack_version}, "
        f"SQLite {sqlite3.sqlite_version}{''.join(_peer_versions())}",
    ]
    if LEFT_OUT:
        reasons = "; ".join(f"{store} ({reason})" for store, reason in LEFT_OUT.items())
        lines.append(f"Left out on this machine: {reasons}")
    return lines


if __name__ == "__main__":
    print("\n".join(description(Path(sys.argv[1] if len(sys.argv) > 1 else "."))))

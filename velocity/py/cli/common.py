"""What commands share: their options, opening a directory, progress."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any, TextIO

from velocity.py.config import Config
from velocity.py.database import VelocityDB
from velocity.py.levels import StorageMode

MANIFEST = "MANIFEST"  # what makes a directory a data directory
PROGRESS_INTERVAL = 0.1  # seconds


class InputError(Exception):
    """Bad input: one line that says what."""


def add_command(commands: Any, name: str, run: Any, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(run=run)
    return parser


def add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-d",
        "--data-dir",
        metavar="DIR",
        default=os.environ.get("VELOCITY_DATA_DIR"),
        help="the data directory (default: $VELOCITY_DATA_DIR)",
    )
    add_mode(parser, "--storage-mode")


def add_mode(parser: argparse.ArgumentParser, option: str) -> None:
    modes = [mode.value for mode in StorageMode if mode.durable]
    parser.add_argument(
        option,
        dest="storage_mode",
        metavar="MODE",
        choices=modes,
        default=StorageMode.PERSISTENT.value,
        help=f"{', '.join(modes)} (default: persistent)",
    )


def data_dir(options: argparse.Namespace) -> str:
    if not options.data_dir:
        raise InputError("no data directory given: use --data-dir or set VELOCITY_DATA_DIR")
    return str(options.data_dir)


def open_database(options: argparse.Namespace, make: bool = False) -> VelocityDB:
    """Open the directory named; only with `make` one that is not there yet."""
    path = data_dir(options)
    if not make and not os.path.exists(os.path.join(path, MANIFEST)):
        raise InputError(f"{path}: there is no database")
    return VelocityDB(Config(path, storage_mode=options.storage_mode))


def standard_input() -> TextIO:
    if sys.stdin is None:
        raise InputError("standard input is closed")
    return sys.stdin


class Progress:
    """One line on stderr that counts, when stderr is a terminal."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what, self._total = what, total
        self._shown = 0.0
        self._live = sys.stderr.isatty()

    def show(self, count: int) -> None:
        now = time.monotonic()
        if self._live and now - self._shown >= PROGRESS_INTERVAL:
            self._shown = now
            self._write(count)

    def end(self, count: int) -> None:
        if self._live:
            self._write(count)
            sys.stderr.write("\n")

    def _write(self, count: int) -> None:
        part = ""
        if self._total:
            done = min(30, 30 * count // self._total)
            part = f" [{'#' * done}{'.' * (30 - done)}]"
        sys.stderr.write(f"\r{self._what}{part} {count:,}")
        sys.stderr.flush()

"""The program: parses arguments, runs a command, turns errors into exit codes.

0: done. 1: not found, or problems found. 2: bad input; one line on stderr says what.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from velocity import __version__
from velocity._core.errors import (
    CorruptionError,
    NotFoundError,
    StorageError,
    VelocityError,
)
from velocity.py.cli import admin, bench, demo, documents, transfer
from velocity.py.cli.common import InputError

EXIT_PROBLEM, EXIT_INPUT = 1, 2


class _Parser(argparse.ArgumentParser):
    """Bad input is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_INPUT, f"{self.prog}: {message}\n")


def make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="velocity",
        description="Work with a VelocityDB data directory.",
        epilog="Exit codes: 0 done, 1 not found or problems found, 2 bad input.",
    )
    parser.add_argument("--version", action="version", version=f"velocity {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (admin, documents, transfer, bench, demo):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    options = make_parser().parse_args(arguments)
    try:
        if sys.stdout is None:
            raise InputError("standard output is closed")
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except (NotFoundError, CorruptionError, StorageError) as error:
        return _fail(error, EXIT_PROBLEM)
    except (VelocityError, InputError) as error:
        return _fail(error, EXIT_INPUT)
    except UnicodeEncodeError as error:
        text = f"the output is {error.encoding}, which has no {error.object[error.start]!a}"
        return _fail(InputError(f"{text}: set PYTHONIOENCODING=utf-8"), EXIT_INPUT)
    except BrokenPipeError:  # the reader (head, say) has what it wants
        _write_no_more()
        return 0
    except OSError as error:  # of the output; those of the database are StorageError
        _write_no_more()
        where = error.filename or "the output"
        return _fail(OSError(f"{where}: {error.strerror}"), EXIT_PROBLEM)
    except KeyboardInterrupt:
        return 130


def _write_no_more() -> None:
    """Have what standard output still holds go nowhere at exit, instead of failing again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: Exception, code: int) -> int:
    text = " ".join(str(error).split())
    print(f"velocity: {text}", file=sys.stderr)
    return code

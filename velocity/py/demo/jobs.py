"""Jobs: made ones, always the same, or those of a trace in the Standard Workload Format 2.2."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

SEED = 20_051_120
GZIP_MAGIC = b"\x1f\x8b"
QUEUES = ("short", "long", "gpu", "night")

# Columns of a trace that become fields, by position from 0; -1 stands for unknown.
COLUMNS = {
    "number": 0,
    "submit_time": 1,
    "run_time": 3,
    "processors": 4,
    "user": 11,
    "group": 12,
    "queue": 14,
}
COLUMN_COUNT = 18

Job = tuple[str, dict[str, Any]]


class TraceError(Exception):
    """A trace that cannot be read at all."""


def job_id(number: int) -> str:
    return f"job-{number:08}"


def _waiting(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "state": "waiting", "executor": None, "attempt": 0}


def made_jobs(count: int) -> Iterator[Job]:
    """The same jobs every time."""
    chance = random.Random(SEED).random
    submit_time = 0.0
    for number in range(1, count + 1):
        submit_time += 14 * chance()
        fields = {
            "number": number,
            "submit_time": int(submit_time),
            "run_time": int(10 ** (5 * chance())),  # seconds to a day
            "processors": 1 << int(8 * chance()),
            "user": int(200 * chance()),
            "group": int(20 * chance()),
            "queue": QUEUES[int(4 * chance())],
        }
        yield job_id(number), _waiting(fields)


def trace_jobs(path: str, report: Callable[[str], None]) -> Iterator[Job]:
    """The jobs of a trace, gzip or plain. A line that is no job goes to `report`, with its number.

    Raises TraceError when the file cannot be read.
    """
    seen: set[int] = set()
    try:
        with _open(path) as file:
            for line_number, line in enumerate(file, 1):
                if not line.strip() or line.startswith(b";"):
                    continue
                try:
                    fields = _parse(line)
                    if fields["number"] in seen:
                        raise ValueError(f"job {fields['number']} is there already")
                except ValueError as error:
                    report(f"{path}:{line_number}: {error}")
                    continue
                seen.add(fields["number"])
                yield job_id(fields["number"]), _waiting(fields)
    except (OSError, EOFError, zlib.error) as error:
        raise TraceError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _open(path: str) -> IO[bytes]:
    with open(path, "rb") as file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return cast(IO[bytes], gzip.open(path)) if packed else open(path, "rb")


def _parse(line: bytes) -> dict[str, Any]:
    columns = line.split()
    if len(columns) != COLUMN_COUNT:
        raise ValueError(f"{COLUMN_COUNT} columns are wanted, not {len(columns)}")
    fields = {}
    for name, position in COLUMNS.items():
        try:
            fields[name] = int(columns[position])
        except ValueError:
            text = columns[position].decode(errors="replace")
            raise ValueError(f"{name}: {text!r} is not a whole number") from None
    if fields["number"] < 0:
        raise ValueError(f"number: {fields['number']} is below 0")
    return fields

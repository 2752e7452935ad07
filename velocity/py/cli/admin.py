"""status, stats, compact, verify: the state of a data directory."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from typing import Any

from velocity._core.errors import DatabaseLockedError
from velocity.py.cli.common import (
    MANIFEST,
    InputError,
    add_command,
    add_database,
    data_dir,
    open_database,
)
from velocity.py.database import verify


def add_commands(commands: Any) -> None:
    status = add_command(commands, "status", run_status, "say whether the database is well")
    stats = add_command(commands, "stats", run_stats, "print counters")
    stats.add_argument("--json", action="store_true", help="as one JSON object")
    compact = add_command(commands, "compact", run_compact, "give back the space of old versions")
    check = add_command(commands, "verify", run_verify, "read and check every file; change nothing")
    for parser in (status, stats, compact, check):
        add_database(parser)


def run_status(options: argparse.Namespace) -> int:
    try:
        with open_database(options) as db:
            health, stats = db.health(), db.stats()
            names = db.list_collections()
    except DatabaseLockedError as error:
        print(f"in use: {error}")
        return 0
    print("ok" if health.ok else "problems found")
    for check, text in health.checks.items():
        print(f"  {check}: {text}")
    print(f"  collections: {len(names)}")
    print(f"  documents: {stats.documents:,}")
    print(f"  disk: {human_size(stats.disk_usage)}")
    return 0 if health.ok else 1


def run_stats(options: argparse.Namespace) -> int:
    with open_database(options) as db:
        counters = asdict(db.stats())
    counters.update(counters.pop("extra"))
    if options.json:
        print(json.dumps(counters, default=str))
        return 0
    width = max(map(len, counters))
    for name, value in counters.items():
        shown = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
        print(f"{name:{width}}  {shown:>18}")
    return 0


def run_compact(options: argparse.Namespace) -> int:
    with open_database(options) as db:
        print(f"{human_size(db.compact())} given back")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    path = data_dir(options)
    if not os.path.exists(os.path.join(path, MANIFEST)):
        raise InputError(f"{path}: there is no database")
    report = verify(path)
    for error in report.errors:
        print(error)
    print(f"{'ok' if report.ok else 'problems found'}: {report.records:,} records read")
    return 0 if report.ok else 1


def human_size(size: float) -> str:
    """Bytes in the unit that leaves a short number."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while abs(size) >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:,.{int(units[0] != 'B')}f} {units[0]}"

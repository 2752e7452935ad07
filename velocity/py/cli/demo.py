"""demo: the command in front of velocity.py.demo."""

from __future__ import annotations

import argparse
from typing import Any

from velocity.py.cli.common import InputError, add_command, add_mode
from velocity.py.demo.jobs import TraceError
from velocity.py.demo.scheduler import Demo

JOBS, WORKERS = 100_000, 4


def add_commands(commands: Any) -> None:
    help = "run a job scheduler on a durable database, kill it half way, prove nothing was lost"
    parser = add_command(commands, "demo", run, help)
    parser.add_argument("--jobs", type=int, metavar="N", help=f"jobs to make (default: {JOBS:,})")
    parser.add_argument("--trace", metavar="FILE", help="jobs from a trace in SWF, gzip or plain")
    parser.add_argument("--workers", type=int, default=WORKERS, metavar="N", help="worker threads")
    parser.add_argument("--keep", metavar="DIR", help="keep the database in this new directory")
    add_mode(parser, "--mode")


def run(options: argparse.Namespace) -> int:
    if options.workers < 1:
        raise InputError(f"--workers: {options.workers} is below 1")
    if options.jobs is not None and options.jobs < 2:
        raise InputError(f"--jobs: {options.jobs} is below 2")
    demo = Demo(
        jobs=options.jobs if options.jobs or options.trace else JOBS,
        trace=options.trace,
        workers=options.workers,
        mode=options.storage_mode,
        keep=options.keep,
    )
    try:
        return demo.run()
    except TraceError as error:
        raise InputError(str(error)) from None

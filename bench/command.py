"""What the parts of the report share when they run by themselves: options and progress."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Say = Callable[[str], None]


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def parser_for(module: str, doc: str, count: int | None = 1_000_000) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m bench.{module}", description=doc.split("\n")[0]
    )
    if count is not None:
        parser.add_argument("--count", type=int, default=count, help="documents in each store")
    parser.add_argument("--dir", type=Path, help="for the data; default: the temporary directory")
    return parser


@contextmanager
def data_folder(parent: Path | None) -> Iterator[Path]:
    """An empty directory that goes at the end; its name may be handed to other processes."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder).absolute()

"""Measures everything and prints the tables as markdown.

    python -m bench.report [--documents N] [--only ratios,peers,opening] [--write README.md]

Progress goes to standard error, the tables to standard output. With --write they replace what
stands between the markers `<!-- bench:start -->` and `<!-- bench:end -->` of that file.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import velocity
from bench import floors, machine, tables
from bench.opening import measure_opening
from bench.peers.compare import compare
from bench.peers.worker import load
from bench.reads import read_rows
from bench.rows import Stores
from bench.timing import measure
from bench.writes import write_rows

PARTS = ("ratios", "peers", "opening")
START, END = "<!-- bench:start -->", "<!-- bench:end -->"


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


class Loadable:
    """A collection with the two methods that `load` needs besides its own."""

    def __init__(self, database: velocity.VelocityDB) -> None:
        self.users = database.create_collection("users")
        self.put_batch = self.users.put_many
        self.flush = database.flush

    def count(self) -> int:
        return len(self.users)


def measure_ratios(options: argparse.Namespace) -> Iterator[tables.Ratio]:
    count = options.documents
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        say(f"ratios: loading {count} documents four times")
        databases = {
            mode: velocity.open(f"{folder}/{mode}", storage_mode=mode)
            for mode in ("memory-first", "persistent")
        }
        collections = {}
        for mode, database in databases.items():
            loadable = Loadable(database)
            load(loadable, count)
            collections[mode] = loadable.users
        stores = Stores(
            count, floors.plain_documents(count), floors.packed_documents(count), collections
        )
        for row in chain(read_rows(stores), write_rows(stores)):
            say(f"ratios: {row.title} ({row.mode})")
            samples = measure(row.cases, options.rounds, options.block_ms / 1e3)
            yield tables.Ratio(row.title, row.mode, samples)
        for database in databases.values():
            database.close()


def find_block(path: Path) -> tuple[str, str]:
    """What stands before and after the block; ValueError when the file has not one pair of markers.

    Called before measuring, too: a wrong file should be told of at once.
    """
    whole = path.read_text()
    if whole.count(START) != 1 or whole.count(END) != 1 or whole.index(START) > whole.index(END):
        raise ValueError(f"{path} needs one {START} and after it one {END}")
    before, rest = whole.split(START)
    return before, rest.split(END)[1]


def replace_block(path: Path, text: str) -> None:
    before, after = find_block(path)
    path.write_text(f"{before}{START}\n{text}\n{END}{after}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.report", description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=1_000_000, help="in each store")
    parser.add_argument("--rounds", type=int, default=25, help="blocks per case")
    parser.add_argument("--block-ms", type=float, default=20, help="CPU time of one block")
    parser.add_argument("--dir", type=Path, help="for the data; default: the temporary directory")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the block in FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all samples as JSON")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    if options.documents < 1_000 or options.rounds < 2:
        parser.error("--documents must be at least 1000 and --rounds at least 2")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    # A bad file should be told of now, not after ten minutes.
    if options.write:
        replace_block(
            options.write, options.write.read_text().split(START)[1].split(END)[0].strip()
        )
    described = machine.description(options.dir or Path(tempfile.gettempdir()))
    samples: dict[str, object] = {"machine": described}
    text = [tables.heading(described, options.documents, options.rounds, options.block_ms)]
    if "ratios" in options.only:
        ratios = list(measure_ratios(options))
        samples["ratios"] = [asdict(ratio) for ratio in ratios]
        text.append(tables.ratio_table(ratios))
    if "peers" in options.only:
        outcomes = compare(
            options.documents, max(2, options.rounds // 3), options.block_ms / 1e3, options.dir, say
        )
        samples["peers"] = {key: asdict(outcome) for key, outcome in outcomes.items()}
        text.append(tables.peer_tables(outcomes, options.documents))
    if "opening" in options.only:
        rounds = max(1, options.rounds // 8)
        opening = measure_opening(options.documents, rounds, options.dir, say)
        samples["opening"] = opening
        text.append(tables.opening_table(opening))
    report = "\n\n".join(text)
    if options.json:
        options.json.write_text(json.dumps(samples, indent=1))
    if options.write:
        replace_block(options.write, report)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())

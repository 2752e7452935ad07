"""Measures everything and prints the tables as markdown.

    python -m bench.report [--quick] [--documents N] [--only ratios,peers,...] [--write README.md]

Progress goes to standard error, the tables to standard output. With --write they replace what
stands between the markers `<!-- bench:start -->` and `<!-- bench:end -->` of that file.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench import machine, space, tables
from bench.parts import PARTS
from bench.peers.registry import add_stores

START, END = "<!-- bench:start -->", "<!-- bench:end -->"


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


QUICK = {"documents": 100_000, "rounds": 6, "block_ms": 5, "load": 1_000_000, "quiet": 1}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.report", description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=1_000_000, help="in each store")
    parser.add_argument(
        "--load", type=int, default=10_000_000, help="documents of the long loading"
    )
    parser.add_argument("--rounds", type=int, default=25, help="blocks per case")
    parser.add_argument("--block-ms", type=float, default=20, help="CPU time of one block")
    parser.add_argument(
        "--quiet", type=float, default=space.QUIET, help="seconds until files count as settled"
    )
    parser.add_argument("--dir", type=Path, help="for the data; default: the temporary directory")
    add_stores(parser)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--write", type=Path, metavar="FILE", help="replace the block in FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all samples as JSON")
    parser.add_argument("--quick", action="store_true", help=f"as {QUICK}, which others override")
    if "--quick" in (sys.argv[1:] if arguments is None else arguments):
        parser.set_defaults(**QUICK)
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := set(options.only) - set(PARTS):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    if options.documents < 1_000 or options.rounds < 2:
        parser.error("--documents must be at least 1000 and --rounds at least 2")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    # A bad file should be told of now, not after half an hour.
    if options.write:
        find_block(options.write)
    described = machine.description(options.dir or Path(tempfile.gettempdir()))
    samples: dict[str, object] = {"machine": described}
    text = [tables.heading(described, options.documents, options.rounds, options.block_ms)]
    for name, part in PARTS.items():
        if name in options.only:
            samples[name], table = part(options)
            text.append(table)
    report = "\n\n".join(text)
    if options.json:
        options.json.write_text(json.dumps(samples))
    if options.write:
        replace_block(options.write, report)
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())

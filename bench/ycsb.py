"""The core workloads A to F of YCSB, on every store of every durability class.

    python -m bench.ycsb [--count N] [--rounds N] [--block-ms MS] [--workloads ABCDEF]

Documents have five fields, requests follow the benchmark's own distributions (zipf.py), and an
update changes one field. Stores of bytes read, unpack, change, pack and put for that.
"""

import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.command import Say, parser_for, say
from bench.peers.compare import Process, each_class
from bench.peers.face import DURABILITY, Variant
from bench.peers.mix import WORKLOADS
from bench.peers.registry import VARIANTS, add_stores, variants_of
from bench.tables import microseconds, table
from bench.timing import percentile

ALL = "".join(WORKLOADS)


@dataclass
class Mixed:
    """What was measured of one store in one workload."""

    rates: list[float] = field(default_factory=list)  # operations per second, one item per round
    latencies: list[int] = field(default_factory=list)  # ns

    def add(self, block: dict[str, Any]) -> None:
        self.rates.append(block["operations"] / block["nanoseconds"] * 1e9)
        self.latencies += block["latencies"]

    def cell(self) -> str:
        rate = statistics.median(self.rates) / 1e3
        median, p99 = (percentile(self.latencies, share) for share in (0.5, 0.99))
        shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"
        return f"{shown} · {microseconds(median)} · {microseconds(p99)}"


@dataclass
class Outcome:
    mixes: dict[str, Mixed]
    sizes: dict[str, int] = field(default_factory=dict)  # bytes, and documents, at the end


def _can(process: Process, workload: str) -> bool:
    return "scan" not in WORKLOADS[workload].shares or process.ask("ordered")


def measure(
    variants: dict[str, Variant],
    count: int,
    rounds: int,
    block_s: float,
    parent: Path | None,
    say: Say,
    workloads: str = ALL,
) -> dict[str, Outcome]:
    """D and E insert, so that the later workloads find more documents than *count*."""
    outcomes: dict[str, Outcome] = {}
    for durability, stores in each_class(variants, count, parent, say):
        outcomes |= {key: Outcome({}) for key in stores}
        for name in workloads:
            able = {key: process for key, (process, _) in stores.items() if _can(process, name)}
            say(f"YCSB {name}, {durability}: {len(able)} stores, {rounds} rounds")
            for key in able:
                outcomes[key].mixes[name] = Mixed()
            for number in range(rounds + 1):
                for key, process in able.items():
                    block = process.ask("mix", workload=name, seconds=block_s)
                    if number:  # the first warms up
                        outcomes[key].mixes[name].add(block)
        for key, (process, _) in stores.items():
            outcomes[key].sizes = process.ask("sizes")
    return outcomes


def tables(outcomes: dict[str, Outcome]) -> str:
    names = list(dict.fromkeys(name for outcome in outcomes.values() for name in outcome.mixes))
    mixes = "; ".join(f"{name}: {WORKLOADS[name].title}" for name in names)
    parts = [
        f"**YCSB** (per cent: {mixes}; requests by scrambled Zipf 0.99). Each cell: thousand "
        "operations per second · median µs · p99 µs of single operations. Empty: the store has no "
        "ordered scan."
    ]
    head = ["store", "settings", *names, "memory MB", "disk MB"]
    for durability, meaning in DURABILITY.items():
        rows: list[list[str]] = []
        for key, outcome in outcomes.items():
            variant = VARIANTS[key]
            if variant.durability == durability:
                mixed = outcome.mixes
                cells = [mixed[name].cell() if name in mixed else "" for name in names]
                sizes = outcome.sizes
                disk = f"{sizes['disk'] / 1e6:.0f}" if sizes["disk"] else ""
                memory = f"{sizes['private'] / 1e6:.0f}"
                rows.append([variant.name, variant.settings, *cells, memory, disk])
        if rows:
            parts.append(f"Durability *{durability}*: {meaning}.\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def main(arguments: list[str] | None = None) -> None:
    parser = parser_for("ycsb", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="blocks per store and workload")
    parser.add_argument("--block-ms", type=float, default=200, help="wall time of one block")
    parser.add_argument("--workloads", default=ALL, help=f"some of {ALL}")
    add_stores(parser)
    options = parser.parse_args(arguments)
    if not options.workloads or set(options.workloads) - set(ALL):
        parser.error(f"--workloads: some of {ALL}")
    outcomes = measure(
        variants_of(options.stores),
        options.count,
        options.rounds,
        options.block_ms / 1e3,
        options.dir,
        say,
        options.workloads,
    )
    print(tables(outcomes))


if __name__ == "__main__":
    sys.exit(main())

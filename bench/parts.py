"""The parts of the report: each measures with the report's options and makes its tables.

The options of the report set the sizes of all of them: --rounds and --block-ms are those of the
ratios, whose blocks are many and short, and the others' are derived from them.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import velocity
from bench import columns, commits, floors, footprint, latency, space, tables, threads, ycsb
from bench.colonyos.measure import measure as measure_colonyos
from bench.colonyos.table import colonyos_tables
from bench.command import say
from bench.opening import measure_opening
from bench.peers.compare import compare
from bench.peers.registry import variants_of
from bench.peers.worker import load
from bench.queries.measure import measure as measure_queries
from bench.queries.table import query_tables
from bench.reads import read_rows
from bench.rows import Stores
from bench.timing import measure
from bench.writes import write_rows

# What was measured, fit for JSON, and the tables of it as markdown.
Part = tuple[Any, str]


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


def ratios(options: argparse.Namespace) -> Part:
    measured = list(measure_ratios(options))
    return [asdict(ratio) for ratio in measured], tables.ratio_table(measured)


def peers(options: argparse.Namespace) -> Part:
    rounds, block_s = max(2, options.rounds // 3), options.block_ms / 1e3
    outcomes = compare(
        variants_of(options.stores), options.documents, rounds, block_s, options.dir, say
    )
    text = tables.peer_tables(outcomes, options.documents)
    return {key: asdict(outcome) for key, outcome in outcomes.items()}, text


def mixes(options: argparse.Namespace) -> Part:
    rounds, block_s = max(1, options.rounds // 5), options.block_ms / 100
    outcomes = ycsb.measure(
        variants_of(options.stores), options.documents, rounds, block_s, options.dir, say
    )
    return {key: asdict(outcome) for key, outcome in outcomes.items()}, ycsb.tables(outcomes)


def writers(options: argparse.Namespace) -> Part:
    say("writes that wait for the disk")
    results = commits.measure(max(1, options.rounds // 3), options.block_ms / 40, options.dir)
    return {key: asdict(each) for key, each in results.items()}, commits.commits_table(results)


def two_threads(options: argparse.Namespace) -> Part:
    say("two threads")
    results = threads.measure(options.documents, max(1, options.rounds // 2), options.dir)
    return {key: asdict(each) for key, each in results.items()}, threads.threads_table(results)


def tails(options: argparse.Namespace) -> Part:
    seconds = options.block_ms / 2
    measured = latency.measure(options.load, options.documents, seconds, options.dir, say)
    plain = {part: {key: asdict(t) for key, t in rows.items()} for part, rows in measured.items()}
    return plain, latency.latency_tables(measured)


def sizes(options: argparse.Namespace) -> Part:
    results = space.measure(options.documents, options.dir, say, options.quiet)
    plain = results | {"files": [asdict(row) for row in results["files"]]}
    return plain, space.space_tables(results)


def before_documents(options: argparse.Namespace) -> Part:
    say("footprint")
    results = footprint.measure(max(1, options.rounds), options.dir)
    return results, footprint.footprint_table(results)


def whole_columns(options: argparse.Namespace) -> Part:
    rows = columns.measure(options.documents, max(2, options.rounds // 3))
    plain = {row.title: {key: asdict(each) for key, each in row.samples.items()} for row in rows}
    return plain, columns.columns_table(rows, options.documents)


def openings(options: argparse.Namespace) -> Part:
    results = measure_opening(
        variants_of(options.stores),
        options.documents,
        max(1, options.rounds // 8),
        options.dir,
        say,
    )
    return results, tables.opening_table(results)


def queries(options: argparse.Namespace) -> Part:
    results = measure_queries(options.documents, options.rounds, options.block_ms, options.dir, say)
    return asdict(results), query_tables(results)


def colonyos(options: argparse.Namespace) -> Part:
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        rounds = max(2, options.rounds // 4)
        results = measure_colonyos(Path(folder), options.documents, rounds, say)
    return asdict(results), colonyos_tables(results)


PARTS: dict[str, Callable[[argparse.Namespace], Part]] = {
    "ratios": ratios,
    "peers": peers,
    "ycsb": mixes,
    "queries": queries,
    "commits": writers,
    "threads": two_threads,
    "latency": tails,
    "space": sizes,
    "footprint": before_documents,
    "opening": openings,
    "columns": whole_columns,
    "colonyos": colonyos,
}

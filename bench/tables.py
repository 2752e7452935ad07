"""The tables of the report, as markdown. Rows that VelocityDB loses stay in."""

from dataclasses import dataclass

from bench.peers.compare import OPERATIONS, Outcome
from bench.peers.face import CACHE_MB, DURABILITY
from bench.peers.registry import VARIANTS
from bench.timing import Samples, ratio

FLOORS = (
    "F1 is a dict of dicts, F2 `msgpack.unpackb(d[id])`, F3 `d[id] = msgpack.packb(fields)`, "
    "F4 unpack, change, pack again, F5 `del d[id]`. None of them locks, versions, checks types or keeps a log."
)


@dataclass
class Ratio:
    """One measured row: samples by case name, ours under "velocity"."""

    title: str
    mode: str
    samples: dict[str, Samples]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown, the first two columns to the left, numbers to the right."""
    rule = ["---" if number < 2 else "---:" for number in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, rule, *rows])


def times(value: float) -> str:
    return f"{value:.1f}×" if value < 10 else f"{value:.0f}×"


def microseconds(nanoseconds: float) -> str:
    value = nanoseconds / 1e3
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def heading(described: list[str], count: int, rounds: int, block_ms: float) -> str:
    lines = [
        *described,
        f"{count:,} documents of five fields (73 bytes as msgpack); blocks of {block_ms:g} ms CPU "
        f"time, interleaved, {rounds} rounds, medians of the ratios within a round; "
        "fresh id strings; the garbage collector off while timing",
    ]
    return "\n".join(f"- {line}." for line in lines)


def ratio_table(ratios: list[Ratio]) -> str:
    rows = []
    for row in ratios:
        ours = row.samples["velocity"]
        packed = next(name for name in row.samples if name not in ("velocity", "F1"))
        plain = row.samples.get("F1")
        floor = row.samples[packed]
        rows.append(
            [
                row.title,
                row.mode,
                microseconds(ours.cpu_median()),
                times(ratio(plain.cpu, ours.cpu)) if plain else "",
                f"{times(ratio(floor.cpu, ours.cpu))} {packed}",
                times(ratio(floor.wall, ours.wall)),
            ]
        )
    head = ["operation", "mode", "µs/document", "× F1", "× packed floor", "the same by wall time"]
    return (
        "**Beside a dict** (CPU time of the calling thread; above 1× VelocityDB is faster)\n\n"
        f"{table(head, rows)}\n\n{FLOORS}"
    )


def peer_tables(outcomes: dict[str, Outcome], count: int) -> str:
    parts = [
        "**Beside other stores** (wall time in µs per document, each in its own process; the "
        "others hold msgpack bytes; the p99 are of single calls)"
    ]
    head = ["store", "settings", "get + field", "get p99", "put", "put p99", "put new", "put 100", "delete", "memory B/doc", "disk B/doc"]  # fmt: skip # noqa: E501
    for durability, meaning in DURABILITY.items():
        rows = []
        for key, outcome in outcomes.items():
            variant = VARIANTS[key]
            if variant.durability != durability:
                continue
            medians = [microseconds(outcome.median(o)) for o in OPERATIONS]
            medians.insert(1, microseconds(outcome.p99("get")))
            medians.insert(3, microseconds(outcome.p99("put")))
            memory = f"{outcome.loaded['private'] / count:.0f}"
            disk = f"{outcome.loaded['disk'] / count:.0f}" if outcome.loaded["disk"] else ""
            rows.append([variant.name, variant.settings, *medians, memory, disk])
        batched = "; put 100 shares one fsync" if durability == "fsync" else ""
        parts.append(f"Durability *{durability}*: {meaning}{batched}.\n\n{table(head, rows)}")
    return "\n\n".join([*parts, PEERS_NOTE])


PEERS_NOTE = (
    f"RocksDB and LevelDB: Bloom filters of 10 bits, {CACHE_MB} MB block cache, 64 MB write buffer, "
    "no compression; LevelDB cannot run without its log. Redis: a server of its own, asked over a "
    "unix socket; with `appendfsync everysec` a killed server may lose up to 2 s while an fsync "
    "runs. Redis's memory includes the server's."
)


def opening_table(opening: dict[str, dict[str, float]]) -> str:
    rows = [
        [
            VARIANTS[key].name,
            VARIANTS[key].settings,
            f"{seconds['close'] * 1e3:.1f}",
            f"{seconds['kill'] * 1e3:.1f}",
        ]
        for key, seconds in opening.items()
    ]
    head = ["store", "settings", "after close, ms", "after kill -9, ms"]
    return (
        "**Opening** until the first document is read (files in the page cache)\n\n"
        f"{table(head, rows)}"
    )

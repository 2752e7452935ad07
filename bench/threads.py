"""Two threads beside one: how much more the same calls get done.

    python -m bench.threads [--count N] [--rounds N]

With the GIL only the parts of a batch that run without it can overlap; single calls are here to
show what they lose. Wall time: each thread does the same work, ready before the clock starts.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import velocity
from bench.command import data_folder, parser_for, say
from bench.data import Uniform, document, document_id, pairs
from bench.reads import read_field, read_many
from bench.rows import ages_of, ids_of
from bench.tables import microseconds, table
from bench.timing import WrongAnswerError, collector_off, together

WORK = 100_000  # documents per thread and round


@dataclass
class Scaling:
    """Wall ns per document with one thread and with two, one item per round."""

    one: list[float] = field(default_factory=list)
    two: list[float] = field(default_factory=list)

    def scaling(self) -> float:
        return statistics.median(a / b for a, b in zip(self.one, self.two, strict=True))


@dataclass
class Work:
    """What a thread does: arguments for document numbers, and a loop over them that adds up."""

    title: str
    prepare: Callable[[list[int]], Any]
    run: Callable[[Any], int]
    expect: Callable[[list[int]], int]


def in_batches(size: int) -> Callable[[list[int]], list[list[str]]]:
    def prepare(numbers: list[int]) -> list[list[str]]:
        ids = ids_of(numbers)
        return [ids[start : start + size] for start in range(0, len(ids), size)]

    return prepare


def works(collection: Any) -> list[Work]:
    def read_lazily(batches: list[list[str]]) -> int:
        count = 0
        for ids in batches:
            count += len(collection.get_many(ids))
        return count

    def put(pairs: list[tuple[str, Any]]) -> int:
        for id, fields in pairs:
            collection.put(id, fields)
        return len(pairs)

    def documents(numbers: list[int]) -> list[tuple[str, Any]]:
        return [(document_id(number), document(number)) for number in numbers]

    field_each = read_many(collection)
    return [
        Work("get_many of 100, nothing read", in_batches(100), read_lazily, len),
        Work("get_many of 1,000, nothing read", in_batches(1_000), read_lazily, len),
        Work("get_many of 100, one field each", in_batches(100), field_each, ages_of),
        Work("get_many of 1,000, one field each", in_batches(1_000), field_each, ages_of),
        Work("get, one field", ids_of, read_field(collection), ages_of),
        Work("put, existing ids", documents, put, len),
    ]


def run(work: Work, access: Uniform, threads: int, amount: int) -> float:
    """Wall ns per document, all threads' documents counted."""
    numbers = [access.take(amount) for _ in range(threads)]
    arguments = [work.prepare(own) for own in numbers]
    answers: list[int] = [0] * threads

    def loop(place: int) -> None:
        answers[place] = work.run(arguments[place])

    elapsed = together(loop, threads) * 1e9
    if answers != [work.expect(own) for own in numbers]:
        raise WrongAnswerError(f"{work.title}: a thread has got a wrong answer")
    return elapsed / (amount * threads)


def measure(count: int, rounds: int, parent: Path | None) -> dict[str, Scaling]:
    """By title and mode."""
    results: dict[str, Scaling] = {}
    amount = min(WORK, 10 * count)
    for mode in ("memory-first", "persistent"):
        with (
            data_folder(parent) as folder,
            velocity.open(str(folder), storage_mode=mode) as database,
        ):
            users = database.create_collection("users")
            users.put_many(pairs(range(count)))
            database.flush()
            for work in works(users):
                scaling = results[f"{work.title}/{mode}"] = Scaling()
                access = Uniform(count)
                with collector_off():
                    for _ in range(rounds):
                        scaling.one.append(run(work, access, 1, amount))
                        scaling.two.append(run(work, access, 2, amount))
    return results


def threads_table(results: dict[str, Scaling]) -> str:
    rows = []
    for key, scaling in results.items():
        title, mode = key.split("/")
        medians = [microseconds(statistics.median(side)) for side in (scaling.one, scaling.two)]
        rows.append([title, mode, *medians, f"{scaling.scaling():.2f}×"])
    head = ["calls", "mode", "one thread, µs/document", "two threads, µs/document", "scaling"]
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return (
        f"**Two threads beside one** ({'with the GIL' if gil else 'free-threaded'}; wall time, each "
        f"thread the same work; 2× would be perfect)\n\n{table(head, rows)}"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = parser_for("threads", __doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    say(f"two threads: {options.count} documents")
    print(threads_table(measure(options.count, options.rounds, options.dir)))


if __name__ == "__main__":
    sys.exit(main())

"""Sizes and stores for the benchmarks that pytest runs.

`pytest bench` measures with 100,000 documents, `pytest bench --benchmark-disable` only runs each
once with 2,000. VELOCITY_BENCH_DOCUMENTS says otherwise.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

import velocity
from bench import floors
from bench.data import pairs
from bench.timing import Case

MODES = ("memory-only", "memory-first", "hybrid", "persistent")


@pytest.fixture(scope="session")
def document_count(request: pytest.FixtureRequest) -> int:
    smoke = request.config.getoption("benchmark_disable", False)
    return int(os.environ.get("VELOCITY_BENCH_DOCUMENTS", 2_000 if smoke else 100_000))


@pytest.fixture(scope="module", params=MODES)
def users(
    request: pytest.FixtureRequest, document_count: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A filled collection in each storage mode."""
    directory = None if request.param == "memory-only" else str(tmp_path_factory.mktemp("data"))
    with velocity.open(directory, storage_mode=request.param) as database:
        collection = database.create_collection("users")
        collection.put_many(pairs(range(document_count)))
        assert len(collection) == document_count
        yield collection


@pytest.fixture(scope="module")
def plain(document_count: int) -> floors.Plain:
    return floors.plain_documents(document_count)


@pytest.fixture(scope="module")
def packed(document_count: int) -> floors.Packed:
    return floors.packed_documents(document_count)


class Loop:
    """Hands a benchmark fresh arguments for each round, times only the call, checks the answer."""

    STRETCH = 1_000

    def __init__(self, benchmark: Any) -> None:
        self.benchmark = benchmark

    def __call__(self, case: Case) -> None:
        numbers: list[int] = []

        def setup() -> tuple[tuple[Any], dict[str, Any]]:
            numbers[:] = case.access.take(self.STRETCH)
            return (case.prepare(numbers),), {}

        self.benchmark.extra_info["documents per round"] = self.STRETCH
        answer = self.benchmark.pedantic(case.run, setup=setup, rounds=50, warmup_rounds=2)
        assert answer == case.expect(numbers)
        assert case.check(numbers)


@pytest.fixture
def loop(benchmark: Any) -> Loop:
    return Loop(benchmark)

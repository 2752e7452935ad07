"""Uncontended compare-and-swap, beside unpack, compare, change, pack (F4)."""

import pytest

from bench.data import Uniform
from bench.rows import ids_of
from bench.timing import Case
from bench.writes import our_swap, packed_swap


@pytest.mark.benchmark(group="compare_and_swap")
def test_swap(loop, users, document_count):
    loop(our_swap(users, Uniform(document_count)))


@pytest.mark.benchmark(group="compare_and_swap")
def test_floor_swap(loop, packed, document_count):
    loop(packed_swap(packed, Uniform(document_count)))


@pytest.mark.benchmark(group="compare_and_swap, mismatch")
def test_mismatch(loop, users, document_count):
    """A swap that fails writes nothing and hands back what stood in the way."""

    def run(ids):
        mismatches = 0
        for id in ids:
            mismatches += not users.compare_and_swap(id, {"state": "nowhere"}, {"state": "x"})
        return mismatches

    loop(Case("velocity", Uniform(document_count), ids_of, run, len))


@pytest.mark.benchmark(group="compare_and_swap, by version")
def test_swap_by_version(loop, users, document_count):
    swap = users.compare_and_swap

    def prepare(numbers):
        return [(id, users.get(id).version) for id in {*ids_of(numbers)}]

    def run(targets):
        successes = 0
        for id, version in targets:
            successes += swap(id, value={"priority": 3}, expected_version=version).success
        return successes

    loop(Case("velocity", Uniform(document_count), prepare, run, lambda ns: len({*ns})))

"""One `put` or `update` per document, beside packing into a dict (F3, F4)."""

import pytest

from bench.data import Fresh, Uniform
from bench.writes import our_put, our_update, packed_put, packed_update

ORDERS = pytest.mark.parametrize(
    "order",
    [
        pytest.param(Uniform, marks=pytest.mark.benchmark(group="put, existing ids")),
        pytest.param(Fresh, marks=pytest.mark.benchmark(group="put, new ids")),
    ],
)


@ORDERS
def test_put(loop, users, order):
    loop(our_put(users, order(len(users))))


@ORDERS
def test_floor_put(loop, packed, order):
    loop(packed_put(packed, order(len(packed))))


@pytest.mark.benchmark(group="update, one field")
def test_update(loop, users, document_count):
    loop(our_update(users, Uniform(document_count)))


@pytest.mark.benchmark(group="update, one field")
def test_floor_update(loop, packed, document_count):
    loop(packed_update(packed, Uniform(document_count)))

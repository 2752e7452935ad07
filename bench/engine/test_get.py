"""One `get` per document, beside a dict of dicts (F1) and a dict of msgpack bytes (F2)."""

import pytest

from bench.data import Hot, Uniform, Zipf
from bench.reads import our_read, packed_read, plain_read, read_dict, read_field

ORDERS = pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, marks=pytest.mark.benchmark(group=f"get, {order.__name__.lower()}"))
        for order in (Uniform, Zipf, Hot)
    ],
)


@ORDERS
def test_get_one_field(loop, users, order, document_count):
    loop(our_read(users, order(document_count), read_field))


@ORDERS
def test_get_to_dict(loop, users, order, document_count):
    loop(our_read(users, order(document_count), read_dict))


@ORDERS
def test_floor_dict_of_dicts(loop, plain, order, document_count):
    loop(plain_read(plain, order(document_count)))


@ORDERS
def test_floor_msgpack(loop, packed, order, document_count):
    loop(packed_read(packed, order(document_count)))

"""A hundred documents per call, beside the floors one by one."""

import pytest

from bench.data import Fresh, Uniform
from bench.reads import our_read, packed_read, plain_read, read_many, read_many_dicts
from bench.writes import our_delete, our_put, our_put_many, packed_delete, packed_put


@pytest.mark.benchmark(group="get_many of 100")
@pytest.mark.parametrize("reader", [read_many, read_many_dicts])
def test_get_many(loop, users, reader, document_count):
    loop(our_read(users, Uniform(document_count), reader, batched=True))


@pytest.mark.benchmark(group="get_many of 100")
@pytest.mark.parametrize("floor", ["plain", "packed"])
def test_floor_get(loop, floor, plain, packed, document_count):
    access = Uniform(document_count)
    loop(plain_read(plain, access) if floor == "plain" else packed_read(packed, access))


@pytest.mark.benchmark(group="put_many of 100, existing ids")
@pytest.mark.parametrize("writer", [our_put_many, our_put])
def test_put_many(loop, users, writer, document_count):
    loop(writer(users, Uniform(document_count)))


@pytest.mark.benchmark(group="put_many of 100, new ids")
def test_put_many_new(loop, users):
    loop(our_put_many(users, Fresh(len(users))))


@pytest.mark.benchmark(group="put_many of 100, new ids")
def test_floor_put_new(loop, packed):
    loop(packed_put(packed, Fresh(len(packed))))


@pytest.mark.benchmark(group="delete_many of 100")
def test_delete_many(loop, users, document_count):
    """Ids come from above those the other tests read; each round puts what it deletes."""
    loop(our_delete(users, Fresh(10 * document_count), batched=True))


@pytest.mark.benchmark(group="delete")
def test_delete(loop, users, document_count):
    loop(our_delete(users, Fresh(10 * document_count)))


@pytest.mark.benchmark(group="delete")
def test_floor_delete(loop, packed, document_count):
    loop(packed_delete(packed, Fresh(10 * document_count)))

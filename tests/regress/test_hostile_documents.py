"""Documents that no encoder wrote, in a log whose checksums are right. Opening does not look into bodies (`verify` does):
readers that took bodies for valid went past their bytes, or told of an error that nobody had filled in."""

from __future__ import annotations

import pytest

from support.hostile import HostileLog
from velocity import CorruptionError

UNKNOWN_NAME = b"\xe0\xd4\x03"  # the number of a name that is none
UNKNOWN_FIELD = b"\x01" + UNKNOWN_NAME + b"\xa0"


def of_object(body):
    """The body of a document whose field n1 is an object of this body."""
    return b"\x01\x02\x13" + bytes([len(body)]) + body


@pytest.fixture
def log(tmp_path):
    return HostileLog(tmp_path, ["n0", "n1"])


@pytest.fixture(params=["memory-first", "persistent"])
def mode(request):
    return request.param


def test_a_column_of_a_name_that_is_none(log, mode):
    """Its place was looked up behind the end of those there are."""
    with log.open([UNKNOWN_FIELD], mode) as data:
        assert data.column("n1").mask.tolist() == [True]
        assert [column.name for column in data._columns(None)] == ["_id"]


def test_characters_of_a_text_that_is_none(log, mode):
    """Bytes that begin no character had no room, and one that was cut off went on behind the text."""
    with log.open([b"\x01\x02\x48" + b"\x80" * 8, b"\x01\x02\x41\xf0", b"\x01\x02\x44\xf7\xbf\xbf\xbf"], mode) as data:
        assert set(data.column("n1").tolist()) <= {"", "\0", "\ufffd"}


def test_values_in_order_with_a_name_that_is_none(log, mode):
    """The name was read where none is."""
    with log.open([of_object(UNKNOWN_FIELD), of_object(UNKNOWN_FIELD[:-1] + b"\xa1")], mode) as data:
        assert len(data.find({"n1": {"$gte": {"a": 1}}})) == 2
        with pytest.raises(ValueError, match="malformed"):
            data.aggregate([{"$group": {"_id": None, "least": {"$min": "$n1"}}}])


def test_a_strict_schema_and_a_name_that_is_none(log, mode):
    """The name was to be told, and read where none is; then the error was what the stack held."""
    with log.open([UNKNOWN_FIELD], mode) as data, pytest.raises(CorruptionError, match="^the body of a document"):
        data.evolve({"name": "s", "strict": True, "fields": {"n0": {"type": "INT"}}})


READERS = {
    "index": lambda data: data.create_index(["n1"]),
    "sort": lambda data: data.find(sort=["n1"]),
    "group": lambda data: data.aggregate([{"$group": {"_id": "$n1"}}]),
}


@pytest.mark.parametrize("reader", READERS)
def test_keys_of_a_name_that_is_none(log, mode, reader):
    """The error was what the stack held, or that there was no memory."""
    with log.open([of_object(UNKNOWN_FIELD)], mode) as data:
        with pytest.raises(CorruptionError, match="^the body of a document"):
            READERS[reader](data)
        assert data.put("whole", {"n1": 1}) == 1

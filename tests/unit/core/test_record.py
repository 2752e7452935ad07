"""Records: the byte layout, what is refused, and that nothing has two encodings."""

import struct

import pytest

from velocity._core.errors import CorruptionError
from velocity._core.storage import record_decode, record_encode

CREATED, EXPIRY, WIDE, TOMBSTONE = 1, 2, 4, 8


def raw(id=b"a", body=b"\0", *, size=None, id_size=None, flags=0, version=1, stamp=5, extra=b""):
    """A record by hand, right or wrong."""
    rest = extra + id + body
    return struct.pack(
        "<IHBBq",
        16 + len(rest) if size is None else size,
        len(id) if id_size is None else id_size,
        flags,
        version,
        stamp,
    ) + rest


def test_the_smallest_record_is_sixteen_bytes_and_the_id():
    assert record_encode(b"a", b"\0", modified=5) == raw()


def test_every_optional_field_in_its_order():
    made = record_encode(b"id", b"body", modified=5, created=4, expiry=9, version=256)
    extra = struct.pack("<qqQ", 4, 9, 256)
    assert made == raw(b"id", b"body", flags=CREATED | EXPIRY | WIDE, version=0, extra=extra)


@pytest.mark.parametrize("created", [None, 4, -(2**63)])
@pytest.mark.parametrize("expiry", [0, 9, -1, 2**63 - 1])
@pytest.mark.parametrize("version", [1, 255, 256, 2**64 - 1])
@pytest.mark.parametrize("tombstone", [False, True])
def test_round_trip(created, expiry, version, tombstone):
    body = b"" if tombstone else b"\1\2\3"
    made = record_encode(
        "ø".encode(), body, modified=5, created=created, expiry=expiry, version=version,
        tombstone=tombstone,
    )
    assert record_decode(made) == {
        "size": len(made), "id": "ø".encode(), "body": body, "modified": 5,
        "created": 5 if created is None else created, "expiry": expiry, "version": version,
        "tombstone": tombstone,
    }


def test_padding_behind_a_record_is_not_part_of_it():
    assert record_decode(raw() + b"\0" * 6) == record_decode(raw())


@pytest.mark.parametrize("cut", range(len(raw(b"abc", b"body"))))
def test_every_truncation_is_refused(cut):
    with pytest.raises(CorruptionError):
        record_decode(raw(b"abc", b"body")[:cut])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (raw(size=15), "too small"),
        (raw(size=2**32 - 1), "runs past"),
        (raw(b"", b"\0"), "id's size"),
        (raw(b"x" * 1025), "id's size"),
        (raw(id_size=3), "too small"),
        (raw(flags=16), "unknown record flag"),
        (raw(flags=128), "unknown record flag"),
        (raw(flags=CREATED), "too small"),
        (raw(flags=TOMBSTONE), "tombstone with a body"),
        (raw(flags=CREATED, extra=struct.pack("<q", 5)), "equals the modified"),
        (raw(flags=EXPIRY, extra=bytes(8)), "expiry is 0"),
        (raw(version=0), "version is 0"),
        (raw(flags=WIDE, extra=struct.pack("<Q", 256)), "two versions"),
        (raw(flags=WIDE, version=0, extra=struct.pack("<Q", 255)), "below 256"),
        (raw(b"", size=16), "id's size"),
        (raw(b"a", bytes((16 << 20) + 1)), "larger than 16 MiB"),
    ],
)
def test_what_is_refused(data, why):
    with pytest.raises(CorruptionError, match=why) as caught:
        record_decode(data)
    assert caught.value.offset == 0


def test_the_largest_id_and_body():
    made = record_encode(b"x" * 1024, bytes(16 << 20), modified=5)
    assert record_decode(made)["size"] == 16 + 1024 + (16 << 20)


@pytest.mark.parametrize(
    "id",
    [
        b"\x80", b"\xc3", b"a\xc3", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xed\xa0\x80",
        b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xe2\x82",
        b"12345678\x80", b"1234567\xe2\x82\xac8\xf0\x9f\x92",
    ],
)
def test_an_id_that_is_not_utf8_is_refused(id):
    with pytest.raises(CorruptionError, match="UTF-8"):
        record_decode(raw(id))


@pytest.mark.parametrize("id", ["a", "ø", "€", "💾", "\U0010ffff", "\ud7ff\ue000", "12345678€", "\0"])
def test_an_id_that_is_utf8_is_taken(id):
    assert record_decode(raw(id.encode()))["id"] == id.encode()

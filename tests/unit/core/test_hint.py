"""Hint files: the byte layout, and that whatever does not fit is refused as a whole."""

import struct

import pytest
import xxhash

from velocity._core.errors import CorruptionError
from velocity._core.storage import OP_DEFINE, OP_DELETE, OP_PUT, hint_decode, hint_encode

ID, SALT, SIZE = 7, 0xFEED, 4096
ENTRY = struct.Struct("<QQqIIIIq")


def entry(at, size=48, kind=OP_PUT, **more):
    fields = {"hash": 11, "expiry": 0, "collection": 1, "check": 22, "stamp": 33}
    if kind == OP_DEFINE:
        fields |= {"hash": 0, "check": 0, "stamp": 0}
    return fields | {"at": at, "size": size, "kind": kind} | more


ENTRIES = [
    entry(152, kind=OP_DEFINE, size=32),
    entry(184, hash=2**64 - 1, check=2**32 - 1, expiry=2**63 - 1, stamp=-(2**63)),
    entry(256, kind=OP_DELETE, collection=2**32 - 1),
    entry(SIZE - 1024, size=1024),
]


def python_hint(entries, *, id=ID, salt=SALT, size=SIZE, count=None, **head):
    """A hint by hand, right or wrong, with checksums that fit it."""
    body = b"".join(
        ENTRY.pack(
            e["hash"], e["at"] >> 3 | e["kind"] << 32 | e.get("where", 0), e["expiry"],
            e["collection"], e["size"], e["check"], e.get("pad", 0), e["stamp"],
        )
        for e in entries
    )
    header = head.get("magic", b"VELHINT1") + struct.pack(
        "<IIQQQQQ", head.get("version", 1), head.get("entry_size", 48), id, salt,
        len(entries) if count is None else count, size, xxhash.xxh3_64_intdigest(body, salt),
    )
    return header + struct.pack("<Q", xxhash.xxh3_64_intdigest(header)) + body


def refused(data, id=ID, salt=SALT, size=SIZE):
    with pytest.raises(CorruptionError):
        hint_decode(data, id, salt, size)
    return True


@pytest.mark.parametrize("count", range(5))
def test_round_trip_and_bytes(count):
    data = hint_encode(ID, SALT, SIZE, ENTRIES[:count])
    assert data == python_hint(ENTRIES[:count])
    assert hint_decode(data, ID, SALT, SIZE) == ENTRIES[:count]


def test_a_hint_of_another_segment_is_refused():
    data = hint_encode(ID, SALT, SIZE, ENTRIES)
    assert refused(data, id=ID + 1)
    assert refused(data, salt=SALT + 1)
    assert refused(data, size=SIZE + 8)


def test_every_bit_flip_is_refused():
    data = hint_encode(ID, SALT, SIZE, ENTRIES)
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(bytes(changed))


def test_every_truncation_and_extension_is_refused():
    data = hint_encode(ID, SALT, SIZE, ENTRIES)
    for size in range(len(data)):
        assert refused(data[:size])
    for more in (1, 8, 48):
        assert refused(data + bytes(more))


@pytest.mark.parametrize(
    "data",
    [
        python_hint(ENTRIES, magic=b"VELHINT2"),
        python_hint(ENTRIES, version=2),
        python_hint(ENTRIES, entry_size=56),
        python_hint(ENTRIES, count=3),
        python_hint(ENTRIES, count=2**60),
    ],
)
def test_a_header_with_right_checksums_and_wrong_content_is_refused(data):
    assert refused(data)


@pytest.mark.parametrize(
    "entries",
    [
        [entry(152, kind=0)],
        [entry(152, kind=4)],
        [entry(152, size=24)],
        [entry(152, size=44)],
        [entry(152, size=2**32 - 8)],
        [entry(144)],
        [entry(0)],
        [entry(SIZE - 40)],
        [entry(SIZE)],
        [entry(152), entry(152)],
        [entry(152), entry(192)],
        [entry(300 // 8 * 8), entry(152)],
        [entry(152, kind=OP_DEFINE, hash=1)],
        [entry(152, kind=OP_DEFINE, stamp=1)],
        [entry(152, kind=OP_DEFINE, expiry=1)],
    ],
)
def test_entries_that_cannot_be_are_neither_written_nor_read(entries):
    assert refused(python_hint(entries))
    with pytest.raises(ValueError, match="do not fit"):
        hint_encode(ID, SALT, SIZE, entries)


@pytest.mark.parametrize("wrong", [{"pad": 1}, {"where": 1 << 27}, {"where": 1 << 40}])
def test_bytes_that_must_be_zero(wrong):
    assert refused(python_hint([entry(152, **wrong)]))


def test_no_segment_is_larger_than_a_gibibyte():
    largest = 1 << 30
    last = [entry(largest - 48)]
    assert hint_decode(hint_encode(ID, SALT, largest, last), ID, SALT, largest) == last
    assert refused(python_hint([], size=largest + 8), size=largest + 8)

"""The formats on arbitrary input: what is written comes back, and hostile bytes are only refused.

The sanitizer builds run this file too: a reader that leaves its input shows there.
"""

import struct

import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from velocity._core.errors import CorruptionError
from velocity._core.storage import (
    OP_DEFINE,
    OP_DELETE,
    OP_PUT,
    build_segment,
    frame_search,
    hint_decode,
    hint_encode,
    manifest_decode,
    manifest_encode,
    read_segment,
    record_decode,
    record_encode,
    walk_segment,
)

u32 = st.integers(0, 2**32 - 1)
u64 = st.integers(0, 2**64 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).map(str.encode)


@st.composite
def records(draw, tombstone=False):
    return record_encode(
        draw(ids),
        b"" if tombstone else draw(st.binary(max_size=60)),
        modified=draw(i64),
        created=draw(st.none() | i64),
        expiry=draw(st.just(0) | i64),
        version=draw(st.integers(1, 300) | st.integers(1, 2**64 - 1)),
        tombstone=tombstone,
    )


@st.composite
def defines(draw):
    names = draw(st.lists(st.binary(max_size=20), min_size=1, max_size=4))
    first = draw(st.integers(1, 65535 + 1 - len(names)))
    coded = b"".join(bytes([len(name)]) + name for name in names)
    return struct.pack("<II", first, len(names)) + coded


ops = st.one_of(
    st.tuples(st.just(OP_PUT), u32, records()),
    st.tuples(st.just(OP_DELETE), u32, records(tombstone=True)),
    st.tuples(st.just(OP_DEFINE), u32, defines()),
)
frames = st.lists(
    st.tuples(st.integers(2**32, 2**64 - 1), u32, st.lists(ops, max_size=4)), max_size=5
)
headers = st.fixed_dictionaries(
    {"id": u64, "kind": st.sampled_from([1, 2]), "base_seq": u64, "durable_seq": u64, "salt": u64}
)
# Damage, as (place, new byte): the place is taken modulo the size.
damage = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=6)


def damaged(data, changes):
    data = bytearray(data)
    for place, byte in changes:
        data[place % len(data)] = byte
    return bytes(data)


@given(headers, frames, st.integers(0, 100))
def test_frames_round_trip(header, frames, spare):
    data = build_segment(header, frames)
    data += bytes(spare)
    got_header, got = read_segment(data)
    assert got_header == header
    assert [
        (f["seq"], [(o["kind"], o["collection"], o["payload"]) for o in f["ops"]]) for f in got
    ] == [
        (seq, [(kind, c, p + bytes(-len(p) % 8)) for kind, c, p in ops]) for seq, _, ops in frames
    ]
    for frame, (seq, lag, _) in zip(got, frames, strict=True):
        assert frame["durable_seq"] == (0 if lag == 2**32 - 1 else seq - lag)


@given(headers, frames, damage)
def test_damaged_segments_give_a_prefix_or_are_refused(header, frames, changes):
    data = build_segment(header, frames)
    original = read_segment(data)[1]
    data = damaged(data, changes)
    try:
        _, got, stopped, _ = walk_segment(data)
    except CorruptionError:
        return
    assert got == original[: len(got)]
    frame_search(data, stopped, header["salt"], 0)


@given(st.binary(max_size=400), u64)
@example(b"\x18\0\0\0" + b"\xff" * 20, 0)
def test_arbitrary_frames_are_refused(noise, salt):
    header = {"id": 1, "kind": 1, "base_seq": 0, "durable_seq": 0, "salt": salt}
    _, frames, _, _ = walk_segment(build_segment(header, []) + noise)
    assert frames == []
    assert not frame_search(noise, 0, salt, 0)


@given(st.binary(max_size=120), st.integers(0, 5), st.integers(0, 2**24), u64)
def test_arbitrary_payloads_under_right_checksums_are_safe(payload, kind, reserved, salt):
    """What a checksum cannot refuse, because someone computed it, is parsed or refused."""
    payload += bytes(-len(payload) % 8)
    size = struct.pack("<I", 16 + len(payload))
    rest = struct.pack("<II", 1, (kind | reserved << 8) & 0xFFFFFFFF) + payload
    seed = xxhash.xxh3_64_intdigest(size, salt)
    op = size + struct.pack("<I", xxhash.xxh3_64_intdigest(rest, seed) & 0xFFFFFFFF) + rest
    head = struct.pack("<QII", 1, 1, 0)
    h = xxhash.xxh3_64_intdigest(op[:8], xxhash.xxh3_64_intdigest(head, salt)) & 0xFFFFFFFF
    frame = struct.pack("<II", 24 + len(op), h) + head + op
    header = {"id": 1, "kind": 1, "base_seq": 0, "durable_seq": 0, "salt": salt}
    _, frames, _, error = walk_segment(build_segment(header, []) + frame)
    if error is None:
        assert frames[0]["ops"][0]["payload"] == payload
        assert kind in (OP_PUT, OP_DELETE, OP_DEFINE)


@given(st.binary(max_size=80))
def test_arbitrary_records_are_safe(data):
    try:
        record = record_decode(data)
    except CorruptionError:
        return
    assert record["size"] <= len(data)
    record["id"].decode()


@given(records(), damage)
def test_a_record_has_one_encoding(data, changes):
    data = damaged(data, changes)
    try:
        fields = record_decode(data)
    except CorruptionError:
        return
    size = fields.pop("size")
    id, body = fields.pop("id"), fields.pop("body")
    assert record_encode(id, body, **fields) == data[:size]


@st.composite
def hints(draw):
    """Entries that lie in order in a segment of the size that comes with them."""
    at, entries = 152, []
    for kind, gap, eighths in draw(
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.integers(4, 99)), max_size=6)
    ):
        named = kind != OP_DEFINE
        at += 8 * gap
        entries.append({
            "at": at, "kind": kind, "size": 8 * eighths, "collection": draw(u32),
            "hash": draw(u64) if named else 0, "check": draw(u32),
            "expiry": draw(i64) if named else 0, "stamp": draw(i64) if named else 0,
        })
        at += 8 * eighths
    return entries, at + 8 * draw(st.integers(0, 9))


@given(hints(), u64, u64, damage)
def test_hints_round_trip_and_damage_is_refused(hint, id, salt, changes):
    entries, size = hint
    data = hint_encode(id, salt, size, entries)
    assert hint_decode(data, id, salt, size) == entries
    changed = damaged(data, changes)
    try:
        hint_decode(changed, id, salt, size)
    except CorruptionError:
        return
    assert changed == data


@st.composite
def manifests(draw):
    strings = st.binary(max_size=30)
    collection = st.fixed_dictionaries({
        "id": st.integers(0, 2**31), "level": st.integers(0, 3), "name": strings,
        "names": st.just(b"") | st.binary(max_size=9).map(
            lambda name: struct.pack("<II", 1, 1) + bytes([len(name)]) + name
        ),
        "metadata": strings, "documents": u64,
    })
    segment = st.fixed_dictionaries({
        "id": st.integers(0, 2**63), "base_seq": u64, "last_seq": u64,
        "salt": st.integers(0, 2**64 - 1), "size": st.integers(0, 1 << 30), "kind": st.sampled_from([1, 2]), "cleaned_stamp": i64,
    })
    clean = draw(st.integers(0, 1))
    return {
        "uuid": draw(st.binary(min_size=16, max_size=16)), "hash_seed": draw(u64),
        "next_segment_id": draw(st.integers(2**63 + 1, 2**64 - 1)),
        "next_collection_id": draw(st.integers(2**31 + 1, 2**32 - 1)),
        "clean": clean, "checkpoint": draw(u64) if clean else 0, "sealed_seq": draw(u64), "durable_seq": draw(u64),
        "last_stamp": draw(i64), "collections": draw(st.lists(collection, max_size=4)),
        "segments": draw(st.lists(segment, max_size=4)),
    }


@given(manifests(), damage)
def test_manifests_round_trip_and_damage_is_refused(manifest, changes):
    data = manifest_encode(manifest)
    assert manifest_decode(data) == manifest
    changed = damaged(data, changes)
    try:
        manifest_decode(changed)
    except CorruptionError as error:
        assert 0 <= error.offset <= len(data)
        return
    assert changed == data


@given(manifests(), damage)
def test_damage_under_a_right_checksum_is_safe(manifest, changes):
    payload = damaged(manifest_encode(manifest)[24:], changes)
    checksum = xxhash.xxh3_64_intdigest(payload, len(payload))
    data = b"VELMANI1" + struct.pack("<IIQ", 1, len(payload), checksum) + payload
    try:
        found = manifest_decode(data)
    except CorruptionError as error:
        assert 24 <= error.offset <= len(data)
        return
    assert manifest_encode(found) == data

"""The manifest: its bytes, what is refused and where, and that it is replaced whole."""

import copy
import errno
import struct

import pytest
import xxhash

from velocity._core.errors import CorruptionError, StorageError
from velocity._core.storage import (
    fault_clear,
    fault_set,
    manifest_decode,
    manifest_encode,
    manifest_load,
    manifest_store,
)

NAMES = struct.pack("<II", 1, 2) + b"\4name\3age"
MANIFEST = {
    "uuid": bytes(range(16)), "hash_seed": 2**64 - 1, "next_segment_id": 9,
    "next_collection_id": 4, "clean": 1, "sealed_seq": 70, "durable_seq": 71, "last_stamp": -5,
    "checkpoint": 2**64 - 2,
    "collections": [
        {"id": 1, "level": 0, "name": b"users", "names": NAMES, "metadata": b"{}", "documents": 5},
        {"id": 3, "level": 3, "name": "ø".encode(), "names": b"", "metadata": b"", "documents": 1 << 40},
    ],
    "segments": [
        {"id": 2, "salt": 77, "base_seq": 1, "last_seq": 50, "size": 1 << 30, "kind": 2, "cleaned_stamp": 44},
        {"id": 8, "salt": 1 << 63, "base_seq": 51, "last_seq": 0, "size": 0, "kind": 1, "cleaned_stamp": -1},
    ],
}
SMALL = MANIFEST | {"collections": [], "segments": []}


@pytest.fixture(autouse=True)
def _no_faults_left():
    yield
    fault_clear()


def seal(payload, *, magic=b"VELMANI1", version=1):
    """A manifest of these bytes with the checksum that fits them."""
    checksum = xxhash.xxh3_64_intdigest(payload, len(payload))
    return magic + struct.pack("<IIQ", version, len(payload), checksum) + payload


def python_payload(m):
    def string(b):
        return struct.pack("<I", len(b)) + b

    out = m["uuid"] + struct.pack(
        "<QQIIQQqQ", m["hash_seed"], m["next_segment_id"], m["next_collection_id"], m["clean"],
        m["sealed_seq"], m["durable_seq"], m["last_stamp"], m["checkpoint"],
    )
    out += struct.pack("<I", len(m["collections"]))
    for c in m["collections"]:
        out += struct.pack("<IB", c["id"], c["level"])
        out += string(c["name"]) + string(c["names"]) + string(c["metadata"])
        out += struct.pack("<Q", c["documents"])
    out += struct.pack("<I", len(m["segments"]))
    for s in m["segments"]:
        out += struct.pack(
            "<QQQQQIq", s["id"], s["salt"], s["base_seq"], s["last_seq"], s["size"], s["kind"],
            s["cleaned_stamp"],
        )
    return out


def changed(**changes):
    """MANIFEST with fields changed: collection_x and segment_x in the first item."""
    m = copy.deepcopy(MANIFEST)
    for name, value in changes.items():
        kind, _, field = name.partition("_")
        if kind in ("collection", "segment"):
            m[kind + "s"][0][field] = value
        else:
            m[name] = value
    return m


@pytest.mark.parametrize("manifest", [MANIFEST, SMALL, SMALL | {"clean": 0, "checkpoint": 0}])
def test_round_trip_and_bytes(manifest):
    assert manifest_encode(manifest) == seal(python_payload(manifest))
    assert manifest_decode(manifest_encode(manifest)) == manifest


def test_every_bit_flip_is_refused():
    data = manifest_encode(MANIFEST)
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CorruptionError):
            manifest_decode(bytes(damaged))


def test_every_truncation_is_refused_also_with_a_right_checksum():
    data = manifest_encode(MANIFEST)
    for size in range(len(data)):
        with pytest.raises(CorruptionError):
            manifest_decode(data[:size])
    for size in range(len(data) - 24):
        with pytest.raises(CorruptionError) as caught:
            manifest_decode(seal(data[24 : 24 + size]))
        assert 24 <= caught.value.offset <= 24 + size


@pytest.mark.parametrize(
    ("data", "offset", "why"),
    [
        (b"", 0, "cut off"),
        (seal(python_payload(SMALL), magic=b"VELMANI2"), 0, "magic"),
        (seal(python_payload(SMALL), version=2), 8, "newer format version"),
        (seal(python_payload(SMALL), version=0), 8, "version is unknown"),
        (seal(python_payload(SMALL)) + b"\0", 12, "does not have its size"),
        (seal(python_payload(SMALL))[:-1] + b"\1", 16, "checksum"),
        (seal(python_payload(SMALL) + b"\0"), 24 + 80, "after the manifest's end"),
        (seal(python_payload(SMALL)[:-8] + b"\xff" * 4 + bytes(4)), 24 + 72, "count is larger"),
        (seal(python_payload(SMALL)[:-4] + b"\xff" * 4), 24 + 76, "count is larger"),
    ],
)
def test_refusals_name_their_place(data, offset, why):
    with pytest.raises(CorruptionError, match=why) as caught:
        manifest_decode(data)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (changed(clean=2), "unknown flags"),
        (changed(clean=0), "not closed"),
        (changed(collection_level=4), "consistency level"),
        (changed(collection_id=4), "collection's id"),
        (changed(collection_names=NAMES + b"x"), "bytes after the field names"),
        (changed(collection_names=NAMES[:-1]), "field names are cut off"),
        (changed(collection_names=NAMES[:7]), "field names are cut off"),
        (changed(collection_names=b"\2" + NAMES[1:]), "begin with number 1"),
        (changed(collection_metadata=bytes((1 << 20) + 1)), "metadata is too large"),
        (changed(segment_id=9), "segment's id"),
        (changed(segment_kind=0), "kind of segment"),
        (changed(segment_kind=3), "kind of segment"),
        (changed(segment_size=(1 << 30) + 1), "larger than 1 GiB"),
    ],
)
def test_what_may_not_be_is_neither_written_nor_read(manifest, why):
    with pytest.raises(CorruptionError, match=why):
        manifest_decode(seal(python_payload(manifest)))
    with pytest.raises(ValueError, match="cannot be written"):
        manifest_encode(manifest)


def test_load_store_and_absence(tmp_path):
    assert manifest_load(tmp_path) is None
    manifest_store(tmp_path, MANIFEST)
    manifest_store(tmp_path, SMALL)
    assert manifest_load(tmp_path) == SMALL
    assert [p.name for p in tmp_path.iterdir()] == ["MANIFEST"]


def test_damage_on_disk_names_file_and_offset(tmp_path):
    manifest_store(tmp_path, MANIFEST)
    path = tmp_path / "MANIFEST"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptionError, match="does not have its size") as caught:
        manifest_load(tmp_path)
    assert (caught.value.path, caught.value.offset) == (str(path), 12)
    path.write_bytes(b"")
    with pytest.raises(CorruptionError, match="cut off"):
        manifest_load(tmp_path)


@pytest.mark.parametrize("point", ["open", "write", "sync", "rename"])
def test_a_store_that_fails_keeps_the_old_manifest(tmp_path, point):
    manifest_store(tmp_path, SMALL)
    fault_set(point, 0, errno.EIO)
    with pytest.raises(StorageError):
        manifest_store(tmp_path, MANIFEST)
    fault_clear()
    assert manifest_load(tmp_path) == SMALL
    assert [p.name for p in tmp_path.iterdir()] == ["MANIFEST"]


@pytest.mark.parametrize("point", ["open", "read"])
def test_a_load_that_fails_says_so(tmp_path, point):
    manifest_store(tmp_path, SMALL)
    fault_set(point, 0, errno.EIO, once=True)
    with pytest.raises(StorageError) as caught:
        manifest_load(tmp_path)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path / "MANIFEST"))
    assert manifest_load(tmp_path) == SMALL

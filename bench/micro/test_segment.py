"""What the log's bytes cost: sealing, checking, searching, appending, syncing.

Shows the core's part alone: no index, no Python documents. Each round writes or reads the same bytes,
so the data is warm; a sync waits for the disk this runs on, and says nothing about another.
"""

import os

import pytest

from velocity._core import storage

HEADER = {"id": 1, "kind": storage.SEGMENT_LOG, "base_seq": 1, "durable_seq": 0, "salt": 12345}
RECORD = storage.record_encode(b"user000000012345", bytes(96), modified=1)  # 128 bytes
OP_SIZE = 16 + len(RECORD)
IMAGE_SIZE = 8 << 20


def filled(ops_per_frame):
    """An image full of frames, and how many operations it holds."""
    frame = 24 + ops_per_frame * OP_SIZE
    count = (IMAGE_SIZE - 128) // frame
    writer = storage.SegmentWriter(HEADER, IMAGE_SIZE)
    writer.append(1, 1, [(storage.OP_PUT, 1, RECORD)] * ops_per_frame, repeat=count)
    return writer.image(), count * ops_per_frame


@pytest.fixture
def fd(tmp_path):
    fd = storage.file_open(tmp_path / "segment", os.O_RDWR | os.O_CREAT)
    storage.file_allocate(fd, 0, IMAGE_SIZE)
    yield fd
    storage.file_close(fd)


@pytest.mark.benchmark(group="segment: seal 16384 operations of 128-byte records")
@pytest.mark.parametrize("ops_per_frame", [1, 16, 256])
def test_seal(benchmark, ops_per_frame):
    assert len(RECORD) == 128
    writer = storage.SegmentWriter(HEADER, 4 << 20)
    ops = [(storage.OP_PUT, 1, RECORD)] * ops_per_frame

    def seal():
        writer.rewind()
        writer.append(1, 1, ops, repeat=16384 // ops_per_frame)

    benchmark(seal)
    image = writer.image()
    assert storage.count_segment(image) == (16384 // ops_per_frame, 16384)


@pytest.mark.benchmark(group="segment: walk and check 8 MiB of 128-byte records")
@pytest.mark.parametrize("ops_per_frame", [1, 16, 256])
def test_walk(benchmark, ops_per_frame):
    image, ops = filled(ops_per_frame)
    assert benchmark(storage.count_segment, image)[1] == ops


@pytest.mark.benchmark(group="segment: search 8 MiB for a durable frame that is not there")
@pytest.mark.parametrize("content", ["zeros", "frames"])
def test_search(benchmark, content):
    image = bytes(IMAGE_SIZE) if content == "zeros" else filled(16)[0]
    assert benchmark(storage.frame_search, image, 0, HEADER["salt"], 2**63) is False


@pytest.mark.benchmark(group="segment: append 1024 frames of 168 bytes")
@pytest.mark.parametrize("way", ["mapping", "write"])
def test_append(benchmark, fd, way):
    frame = bytes(24 + OP_SIZE)
    mapped = storage.MappedFile(fd, IMAGE_SIZE)

    def append():
        at = 128
        for _ in range(1024):
            if way == "mapping":
                mapped.write(at, frame)
            else:
                storage.file_write(fd, at, frame)
            at += len(frame)

    benchmark(append)
    mapped.close()


@pytest.mark.benchmark(group="segment: append and sync")
@pytest.mark.parametrize("frames", [1, 16, 256])
@pytest.mark.parametrize("way", ["mapping", "write"])
def test_sync(benchmark, fd, way, frames):
    data = bytes((24 + OP_SIZE) * frames)
    mapped = storage.MappedFile(fd, IMAGE_SIZE)
    at = 128

    def sync():
        nonlocal at
        at = at + len(data) if at + 2 * len(data) < IMAGE_SIZE else 128
        if way == "mapping":
            mapped.write(at, data)
        else:
            storage.file_write(fd, at, data)
        storage.file_sync(fd)

    benchmark.pedantic(sync, rounds=100, warmup_rounds=5)
    mapped.close()


@pytest.mark.benchmark(group="hint: 64 Ki entries")
@pytest.mark.parametrize("way", ["encode", "decode"])
def test_hint(benchmark, way):
    entry = {"kind": storage.OP_PUT, "size": OP_SIZE, "collection": 1, "hash": 1, "check": 2,
             "expiry": 0, "stamp": 3}
    entries = [entry | {"at": 152 + i * (OP_SIZE + 24)} for i in range(1 << 16)]
    data = storage.hint_encode(1, 2, 1 << 24, entries)
    if way == "encode":
        assert benchmark(storage.hint_encode, 1, 2, 1 << 24, entries) == data
    else:
        assert len(benchmark(storage.hint_decode, data, 1, 2, 1 << 24)) == len(entries)

"""Segments: the byte layout against a second writer, and what a reader makes of damage."""

import struct

import pytest
import xxhash

from velocity._core import storage
from velocity._core.errors import CorruptionError
from velocity._core.storage import (
    OP_DEFINE,
    OP_DELETE,
    OP_PUT,
    SEGMENT_COMPACTED,
    SEGMENT_LOG,
    build_segment,
    frame_search,
    read_header,
    read_segment,
    record_encode,
    walk_segment,
)

SALT = 0x1234_5678_9ABC_DEF0
HEADER = {"id": 3, "kind": SEGMENT_LOG, "base_seq": 10, "durable_seq": 8, "salt": SALT}
PUT = record_encode(b"alpha", b"\1\1\x81", modified=100)
WIDE_PUT = record_encode(b"beta", bytes(range(40)), modified=101, created=7, version=300)
TOMBSTONE = record_encode(b"alpha", modified=102, version=2, tombstone=True)
DEFINE = struct.pack("<II", 1, 2) + b"\4name\3age"
LAG_MAX = 0xFFFFFFFF

FRAMES = [
    (10, 2, [(OP_DEFINE, 1, DEFINE), (OP_PUT, 1, PUT)]),
    (11, 2, [(OP_PUT, 2, WIDE_PUT)]),
    (12, 1, []),
    (13, 2, [(OP_DELETE, 1, TOMBSTONE), (OP_PUT, 1, PUT), (OP_PUT, 2**32 - 1, PUT)]),
]


def xxh(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed)


def python_op(kind, collection, payload, *, reserved=0, pad=b"\0", size=None, salt=SALT):
    """An operation by hand, right or wrong, with the checksum that fits it."""
    payload += pad * (-len(payload) % 8)
    head = struct.pack("<I", 16 + len(payload) if size is None else size)
    rest = struct.pack("<II", collection, kind | reserved << 8) + payload
    return head + struct.pack("<I", xxh(rest, salt) & 0xFFFFFFFF) + rest


def python_frame(seq, lag, ops, *, count=None, more=0, salt=SALT):
    """A frame of operations that are bytes already."""
    head = struct.pack("<QII", seq, len(ops) if count is None else count, lag)
    h = xxh(head, salt)
    for op in ops:
        h = xxh(op[:8], h)
    body = b"".join(ops)
    return struct.pack("<II", 24 + len(body) + more, h & 0xFFFFFFFF) + head + body


def python_header(h, *, magic=b"VELSEG01", version=1, tail=b""):
    head = magic + struct.pack(
        "<IIQQQQ", version, h["kind"], h["id"], h["base_seq"], h["durable_seq"], h["salt"]
    )
    return (head + struct.pack("<Q", xxh(head)) + tail).ljust(128, b"\0")


def python_segment(*frames):
    return python_header(HEADER) + b"".join(frames)


def image(size=0):
    return build_segment(HEADER, FRAMES, size=size)


def positions(data):
    return [frame["at"] for frame in read_segment(data)[1]]


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def without(data, start, size=8):
    return data[:start] + bytes(size) + data[start + size :]


def test_the_bytes_are_those_of_the_format():
    by_hand = python_segment(
        *(python_frame(seq, lag, [python_op(*op) for op in ops]) for seq, lag, ops in FRAMES)
    )
    assert image() == by_hand


def test_round_trip():
    header, frames = read_segment(image(size=4096))
    assert header == HEADER
    assert [(f["seq"], f["seq"] - f["durable_seq"]) for f in frames] == [f[:2] for f in FRAMES]
    for frame, (_, _, ops) in zip(frames, FRAMES, strict=True):
        assert [(o["kind"], o["collection"]) for o in frame["ops"]] == [o[:2] for o in ops]
        for got, (_, _, payload) in zip(frame["ops"], ops, strict=True):
            assert got["payload"] == payload.ljust(got["size"] - 16, b"\0")
            assert got["at"] % 8 == 0
    assert frames[0]["at"] == 128
    assert storage.count_segment(image(size=4096)) == (4, 6)


def test_a_segment_without_frames_ends_at_its_header():
    assert walk_segment(build_segment(HEADER, []))[1:] == ([], 128, None)
    assert walk_segment(build_segment(HEADER, [], size=133))[1:] == ([], 128, None)


def test_segment_name_has_ten_hex_digits():
    assert storage.segment_name("d", 0xABC) == "d/0000000abc.seg"
    assert storage.segment_name("d", 1 << 39, "hint") == "d/8000000000.hint"


def test_the_highest_valid_watermark_counts():
    writer = storage.SegmentWriter(HEADER, 0)
    writer.watermark(0, 9)
    assert read_header(writer.image())["durable_seq"] == 9
    writer.watermark(1, 12)
    assert read_header(writer.image())["durable_seq"] == 12
    writer.watermark(2, 7)  # slots alternate: even numbers are slot 0
    assert read_header(writer.image())["durable_seq"] == 12
    torn = without(writer.image(), 80)
    assert read_header(torn)["durable_seq"] == 8  # neither slot above the header's own


def test_a_watermark_of_another_segment_does_not_count():
    other = storage.SegmentWriter(HEADER | {"salt": 1}, 0)
    other.watermark(0, 99)
    assert read_header(image()[:64] + other.image()[64:128])["durable_seq"] == 8


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cut off"),
        (bytes(128), "magic"),
        (python_header(HEADER, magic=b"VELSEG02"), "magic"),
        (python_header(HEADER, version=2), "another format version"),
        (python_header(HEADER | {"kind": 3}), "unknown kind"),
        (python_header(HEADER, tail=b"\1"), "must be zero"),
        (python_header(HEADER, tail=bytes(71) + b"\1"), "must be zero"),
    ],
)
def test_a_wrong_header_is_refused(data, why):
    with pytest.raises(CorruptionError, match=why) as caught:
        read_segment(data)
    assert caught.value.offset == 0


def test_both_kinds_of_segment_are_known():
    for kind in (SEGMENT_LOG, SEGMENT_COMPACTED):
        assert read_header(build_segment(HEADER | {"kind": kind}, []))["kind"] == kind


OP = python_op(OP_PUT, 1, PUT)


@pytest.mark.parametrize(
    ("op", "why"),
    [
        (python_op(0, 1, PUT), "unknown kind"),
        (python_op(4, 1, PUT), "unknown kind"),
        (python_op(OP_PUT, 1, PUT, reserved=1), "must be zero"),
        (python_op(OP_PUT, 1, PUT, reserved=1 << 16), "must be zero"),
        (python_op(OP_DEFINE, 1, DEFINE, pad=b"\1"), "padding"),
        (python_op(OP_PUT, 1, WIDE_PUT + bytes(8)), "larger than what it holds"),
        (python_op(OP_PUT, 1, TOMBSTONE), "put of a tombstone"),
        (python_op(OP_DELETE, 1, PUT), "no tombstone"),
        (python_op(OP_PUT, 1, b"\xff" * 24), "record runs past"),
        (python_op(OP_PUT, 1, PUT, size=48 + 8), "runs past the end"),
        (python_op(OP_PUT, 1, PUT, size=0), "size is impossible"),
        (python_op(OP_PUT, 1, PUT, size=36), "size is impossible"),
        (python_op(OP_PUT, 1, PUT, size=2**31), "size is impossible"),
        (python_op(OP_PUT, 1, PUT, salt=1), "checksum does not match"),
        (python_op(OP_PUT, 1, b""), "size is impossible"),
        (python_op(OP_DEFINE, 1, struct.pack("<II", 0, 1) + b"\1x"), "not in 1..65535"),
        (python_op(OP_DEFINE, 1, struct.pack("<II", 65535, 2) + b"\1x\1y"), "not in 1..65535"),
        (python_op(OP_DEFINE, 1, struct.pack("<II", 1, 2**32 - 1) + b"\1x"), "not in 1..65535"),
        (python_op(OP_DEFINE, 1, struct.pack("<II", 1, 2) + b"\1x\7y"), "names are cut off"),
        (python_op(OP_DEFINE, 1, struct.pack("<II", 1, 9) + b"\1x\1y"), "names are cut off"),
    ],
)
def test_an_operation_with_a_right_checksum_and_wrong_content_is_refused(op, why):
    with pytest.raises(CorruptionError, match=why) as caught:
        read_segment(python_segment(python_frame(10, 0, [OP, op])))
    assert caught.value.offset == 128 + 24 + len(OP)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (python_frame(10, 0, [OP], count=2), "header is cut off"),
        (python_frame(10, 0, [OP, OP], count=1), "longer than its operations"),
        (python_frame(10, 0, [OP], more=8) + bytes(8), "longer than its operations"),
        (python_frame(10, 0, [OP], more=8), "runs past the end"),
        (python_frame(10, 0, [OP], more=4) + bytes(8), "length is impossible"),
        (python_frame(10, 0, [], more=-8), "length is impossible"),
        (python_frame(10, 0, [OP], salt=1), "frame's checksum"),
        (python_frame(10, 11, [OP]), "lag is larger"),
        (b"\1", "header is cut off"),
    ],
)
def test_a_wrong_frame_is_refused(frame, why):
    good = python_frame(9, 0, [OP])
    _, frames, end, error = walk_segment(python_segment(good, frame))
    assert ([f["seq"] for f in frames], end) == ([9], 128 + len(good))
    with pytest.raises(CorruptionError, match=why):
        raise error


def test_a_saturated_lag_says_nothing_about_durability():
    (frame,) = read_segment(build_segment(HEADER, [(2**33, LAG_MAX, [])]))[1]
    assert frame["durable_seq"] == 0


def test_every_bit_flip_is_detected_or_harmless():
    data = image(size=len(image()) + 40)
    original = read_segment(data)[1]
    starts = [frame["at"] for frame in original]
    end = starts[-1] + original[-1]["length"]
    for bit in range(len(data) * 8):
        damaged, at = flipped(data, bit), bit // 8
        if at < 64 or 96 <= at < 128:
            with pytest.raises(CorruptionError):
                read_segment(damaged)
            continue
        header, frames, stopped, error = walk_segment(damaged)
        if at < 96:  # a watermark slot: falls back to what is valid, never above it
            assert (header, frames, error) == (HEADER, original, None)
            continue
        assert header == HEADER
        if at >= end + 4:  # behind the zero length: never read
            assert (frames, stopped, error) == (original, end, None)
            continue
        hit = max([start for start in starts if start <= at] if at < end else [end])
        assert frames == original[: (starts + [end]).index(hit)]
        assert stopped == hit
        # Only a length of one bit can become zero and look like the end; see frame_search below.
        assert error is not None or at < hit + 4


def test_every_truncation_is_detected_or_ends_between_frames():
    data = image()
    original = read_segment(data)[1]
    ends = {frame["at"] + frame["length"] for frame in original} | {128}
    for size in range(len(data)):
        if size < 128:
            with pytest.raises(CorruptionError):
                read_segment(data[:size])
            continue
        _, frames, stopped, error = walk_segment(data[:size])
        whole = [frame for frame in original if frame["at"] + frame["length"] <= size]
        assert frames == whole
        assert stopped == max(end for end in ends if end <= size)
        assert (error is None) == (size in ends)


def test_a_write_torn_at_any_eight_bytes_leaves_whole_frames_and_no_sign_of_damage():
    data = image()
    original = read_segment(data)[1]
    for cut in range(128, len(data), 8):
        torn = data[:cut] + bytes(len(data) - cut)
        _, frames, stopped, _ = walk_segment(torn)
        assert frames == [f for f in original if f["at"] + f["length"] <= cut]
        assert not frame_search(torn, stopped, SALT, (frames[-1]["seq"] if frames else 9) + 1)


def synced(count=5):
    """Frames of which each says that all before it are on disk."""
    return build_segment(HEADER, [(10 + i, 1, [(OP_PUT, 1, PUT)]) for i in range(count)], size=2048)


def test_any_eight_bytes_lost_below_a_synced_frame_are_found_as_damage():
    data = synced()
    starts = positions(data)
    for start in range(128, starts[-1], 8):
        damaged = without(data, start)
        if damaged == data:
            continue
        _, frames, stopped, _ = walk_segment(damaged)
        seq = 10 + len(frames)  # the first one that is missing
        assert stopped == starts[len(frames)]
        assert frame_search(damaged, stopped, SALT, seq)


def test_search_wants_the_durable_sequence():
    data = synced(2)  # the second frame says that 10 is durable
    assert frame_search(data, 128, SALT, 10)
    assert not frame_search(data, 128, SALT, 11)
    assert not frame_search(data, positions(data)[1], SALT, 0)


def test_search_takes_only_whole_frames_of_this_segment():
    data = synced(2)
    assert not frame_search(data, 128, SALT ^ 1, 10)
    last = positions(data)[1]
    for bit in range(last * 8, (last + read_segment(data)[1][1]["length"]) * 8):
        assert not frame_search(flipped(data, bit), 128, SALT, 10)
    assert not frame_search(build_segment(HEADER, [(2**33, LAG_MAX, [])]), 0, SALT, 0)
    assert not frame_search(python_segment(python_frame(9, 10, [OP])), 0, SALT, 0)


def test_search_stays_inside_whatever_it_is_given():
    for size in range(0, 64):
        assert not frame_search(b"\x18" + b"\0" * size, 0, SALT, 0)
        assert not frame_search(b"\xff" * size, 0, SALT, 0)
        assert not frame_search(b"", size, SALT, 0)
    assert not frame_search(synced(), 2**64 - 8, SALT, 0)


def test_search_finds_a_frame_at_any_distance():
    frame = python_frame(20, 0, [OP])
    for gap in range(8, 80, 8):
        noise = bytes(range(1, 9)) * (gap // 8)
        assert frame_search(noise + frame, 0, SALT, 20)


def test_the_writer_refuses_what_does_not_fit():
    writer = storage.SegmentWriter(HEADER, 128 + 24 + len(OP))
    writer.append(1, 0, [(OP_PUT, 1, PUT)])
    with pytest.raises(ValueError, match="full"):
        writer.append(2, 0, [])
    writer.rewind()
    writer.append(3, 0, [(OP_PUT, 1, PUT)])
    assert [frame["seq"] for frame in read_segment(writer.image())[1]] == [3]

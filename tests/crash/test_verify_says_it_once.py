"""verify: one damage is one problem, though later frames and the checkpoint miss what it took."""

from __future__ import annotations

import shutil

import pytest

import velocity


def filled(path):
    db = velocity.open(path, storage_mode="persistent")
    users = db.create_collection("users")
    for n in range(100):
        users.put(f"u{n}", {"n": n, "text": "x" * 50})
    db.flush()
    return db


def flip_middle_of_a_segment(path):
    (segment,) = path.glob("*.seg")
    data = bytearray(segment.read_bytes())
    data[data.index(b"u50")] ^= 1
    segment.write_bytes(data)
    return segment


def assert_said_once(path, segment):
    report = velocity.verify(path)
    assert not report.ok
    (error,) = report.errors
    assert error.startswith(f"{segment} offset ")


def test_in_the_open_end_of_the_log(tmp_path):
    db = filled(tmp_path / "d")
    shutil.copytree(tmp_path / "d", tmp_path / "copy")
    db.close()
    assert_said_once(tmp_path / "copy", flip_middle_of_a_segment(tmp_path / "copy"))


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_in_a_sealed_segment_that_a_checkpoint_names(damage, tmp_path):
    filled(tmp_path / "d").close()
    assert (tmp_path / "d" / "CHECKPOINT").exists()
    (segment,) = (tmp_path / "d").glob("*.seg")
    if damage == "flip":
        flip_middle_of_a_segment(tmp_path / "d")
    elif damage == "cut":
        segment.write_bytes(segment.read_bytes()[:-100])
    else:
        segment.unlink()
    assert_said_once(tmp_path / "d", segment)

"""Damage in synced data: CorruptionError that says where, and never a wrong value."""

from __future__ import annotations

import random
import re

import pytest

import velocity
from support.files import cut, flip, image, overwrite, segments
from support.history import History, perform
from support.store import Store, contents
from velocity import CorruptionError

STEPS = 150


@pytest.fixture(params=["closed", "closed after compaction", "crashed"])
def sound(request, durable):
    """(mode, a directory, its contents)."""
    history = History("damage")
    db = durable.open()
    for name in history.models:
        db.create_collection(name)
    for _ in range(STEPS):
        perform(db, history.step())
    if request.param == "closed after compaction":
        db.compact()
    db.flush()
    if request.param != "crashed":
        durable.close()
    return durable.mode, image(durable.path, durable.path.parent / "sound"), history.contents()


def outcome(mode, directory, expected):
    """ "refused", "read errors" or "sound"; an AssertionError when anything wrong is served."""
    store = Store(mode, directory)
    try:
        db = store.open()
    except CorruptionError as error:
        check_place(error, directory)
        return "refused"
    errors = 0
    with db:
        assert db.list_collections() == sorted(expected)
        for name, documents in expected.items():
            try:
                assert set(db[name]) == documents.keys()
            except CorruptionError as error:
                check_place(error, directory)
                errors += 1
            for id, (version, fields) in documents.items():
                try:
                    doc = db[name].get(id)
                    assert (doc.version, doc.fields) == (version, fields)
                except CorruptionError as error:
                    check_place(error, directory)
                    errors += 1
            if not errors:
                assert contents(db[name]) == documents
    return "read errors" if errors else "sound"


def check_place(error, directory):
    assert str(directory) in error.path
    assert isinstance(error.offset, int)
    assert error.path in str(error)


def damaged(sound, damage):
    mode, directory, expected = sound
    copy = image(directory, directory.parent / "copy")
    damage(copy)
    report = None
    try:
        report = velocity.verify(copy)
    except CorruptionError as error:
        check_place(error, copy)
    image(copy, copy.parent / "opened")
    result = outcome(mode, copy.parent / "opened", expected)
    return result, report is not None and report.ok, report


def test_sound(sound):
    assert damaged(sound, lambda copy: None)[:2] == ("sound", True)


def test_bit_flips_in_segments(sound):
    """verify notices every flip in what is stored. Opening refuses, or reading does, or the bit was in a dead record."""
    chance = random.Random("flips")
    results = []
    for segment in segments(sound[1]):
        stored = len(segment.read_bytes().rstrip(b"\0"))
        for place in sorted(chance.sample(range(128, stored), min(stored - 128, 60))):
            result, intact, _ = damaged(
                sound, lambda copy, s=segment, place=place: flip(copy / s.name, place, place % 8)
            )
            assert not intact, (segment.name, place)
            results.append(result)
    assert len(results) >= 20
    assert "refused" in results or "read errors" in results
    if sound[0] == "memory-first":  # reads every record when it opens
        assert set(results) == {"refused"}


def test_bit_flips_in_segment_headers(sound):
    """A header says what its segment is; the unused rest of it and an old watermark mean nothing."""
    for segment in segments(sound[1]):
        for place in range(128):
            result, intact, _ = damaged(
                sound, lambda copy, s=segment, place=place: flip(copy / s.name, place, 5)
            )
            if place < 56:
                assert (result, intact) == ("refused", False), (segment.name, place)


def test_bit_flips_in_hints_and_the_manifest(sound):
    chance = random.Random("other flips")
    for path in sorted(sound[1].iterdir()):
        if path.suffix == ".seg":
            continue
        for place in sorted(chance.sample(range(path.stat().st_size), min(path.stat().st_size, 8))):
            result, _, _ = damaged(
                sound, lambda copy, path=path, place=place: flip(copy / path.name, place, 3)
            )
            assert result == "refused" if path.name == "MANIFEST" else "sound"


def test_frames_tell_what_was_synced_when_the_watermarks_do_not(durable):
    """The watermark of the last sync may not be on disk: later frames say that earlier ones were."""
    db = durable.open(flush_interval=3600)
    users = db.create_collection("users")
    for n in range(60):
        users.put(f"u{n}", {"n": n, "data": bytes(100)})
        if n % 20 == 10:
            db.flush()
    directory = image(durable.path, durable.path.parent / "crashed")
    newest = segments(directory)[-1]
    overwrite(newest, 64, bytes(32))  # both watermark slots
    stored = len(newest.read_bytes().rstrip(b"\0"))
    whole = {"users": contents(users)}
    assert outcome(durable.mode, image(directory, directory.parent / "copy"), whole) == "sound"
    for part in (10, 5, 3):  # in the frames before the last flush but one
        copy = image(directory, directory.parent / "copy")
        flip(copy / newest.name, stored // part, 4)
        assert outcome(durable.mode, copy, whole) == "refused"


def test_segments_cut_short(sound):
    """A part of the synced log is missing."""
    for segment in segments(sound[1]):
        data = segment.read_bytes().rstrip(b"\0")
        for size in (0, 64, 127, len(data) // 3, len(data) * 2 // 3, len(data) - 16):
            if size < 0:
                continue
            result, intact, _ = damaged(
                sound, lambda copy, s=segment, size=size: cut(copy / s.name, size)
            )
            assert result != "sound", (segment.name, size)
            assert not intact


def test_a_zeroed_block(sound):
    for segment in segments(sound[1]):
        data = segment.read_bytes().rstrip(b"\0")
        if len(data) < 2000:
            continue
        place = len(data) // 2 // 512 * 512
        result, intact, _ = damaged(
            sound, lambda copy, s=segment, p=place: overwrite(copy / s.name, p, bytes(512))
        )
        assert result != "sound"
        assert not intact


def test_a_missing_segment(sound):
    for segment in segments(sound[1]):
        if segment.stat().st_size <= 4096 and not any(segment.read_bytes()[128:]):
            continue  # nothing was in it
        result, intact, _ = damaged(sound, lambda copy, s=segment: (copy / s.name).unlink())
        assert result == "refused", segment.name
        assert not intact


def test_missing_hints_are_no_loss(sound):
    def remove(copy):
        for hint in copy.glob("*.hint"):
            hint.unlink()

    assert damaged(sound, remove)[:2] == ("sound", True)


def test_segments_of_another_database(sound, tmp_path):
    """A file from elsewhere under the right name is not read as ours."""
    other = Store("persistent", tmp_path / "other" / "data")
    db = other.open()
    db.create_collection("one").put_many((f"id{n}", {"step": "foreign"}) for n in range(40))
    other.close()
    foreign = max(segments(other.path), key=lambda path: path.stat().st_size).read_bytes()
    target = max(segments(sound[1]), key=lambda path: path.stat().st_size).name
    result, intact, _ = damaged(sound, lambda copy: (copy / target).write_bytes(foreign))
    assert result != "sound"
    assert not intact


def test_verify_names_file_and_offset(sound):
    segment = max(segments(sound[1]), key=lambda path: len(path.read_bytes().rstrip(b"\0")))
    place = len(segment.read_bytes().rstrip(b"\0")) // 2
    _, _, report = damaged(sound, lambda copy: flip(copy / segment.name, place))
    assert report is not None
    assert not report.ok
    assert any(re.search(rf"{segment.name} offset \d+", error) for error in report.errors)

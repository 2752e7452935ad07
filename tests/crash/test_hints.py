"""Hints: written for segments of large documents, read by the opening after a crash, never believed when damaged."""

from __future__ import annotations

import pytest

from support.files import flip, image
from support.store import Store, contents
from support.waiting import eventually


@pytest.fixture(params=["hybrid", "persistent"])
def crashed(request, tmp_path):
    """A directory as a kill left it, with a hint; its mode and contents."""
    store = Store(request.param, tmp_path / "store" / "data")
    db = store.open(flush_interval=0.01)
    large = db.create_collection("large")
    large.put_many((f"l{n}", {"n": n, "data": bytes(2_000)}) for n in range(9_000))  # 18 MB
    large.delete_many([f"l{n}" for n in range(0, 9_000, 6)])
    large.put_many((f"l{n}", {"again": n}) for n in range(0, 9_000, 9))
    large.put("timed", {"data": bytes(5_000)}, ttl=1000)
    db.flush()
    eventually(lambda: list(store.path.glob("*.hint")))
    directory = image(store.path, tmp_path / "crashed")
    expected = contents(large)
    store.finish()
    return directory, request.param, expected


def check(directory, mode, expected):
    with Store(mode, directory).open() as db:
        assert contents(db["large"]) == expected
        assert db["large"]["timed"].expires is not None


def test_opening_with_them(crashed):
    check(*crashed)


def test_they_are_small(crashed):
    directory, _, _ = crashed
    for hint in directory.glob("*.hint"):
        assert hint.stat().st_size * 8 <= hint.with_suffix(".seg").stat().st_size


def test_damaged_ones_are_ignored_and_written_anew(crashed):
    directory, mode, expected = crashed
    for hint in directory.glob("*.hint"):
        whole = hint.read_bytes()
        for place in (3, 40, 70, len(whole) // 2, len(whole) - 1):
            copy = image(directory, directory.parent / "copy")
            flip(copy / hint.name, place, place % 8)
            check(copy, mode, expected)
            assert (copy / hint.name).read_bytes() == whole


def test_small_documents_get_none(tmp_path):
    """Nearly half the size of its segment a hint would cost more room than it saves time."""
    store = Store("persistent", tmp_path / "data")
    with store.open() as db:
        users = db.create_collection("users")
        users.put_many((f"u{n}", {"n": n}) for n in range(1_000))
        expected = contents(users)
    assert not list(store.path.glob("*.hint"))
    with store.open() as db:
        assert contents(db["users"]) == expected
    store.finish()

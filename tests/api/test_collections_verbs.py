"""Collections: create, find, list, drop; what survives a reopen."""

from __future__ import annotations

import pytest

from support.store import contents
from velocity import ConfigError, Consistency, DuplicateKeyError, NotFoundError, VelocityError


def test_create_returns_the_collection(db):
    users = db.create_collection("users")
    assert users.name == "users"
    assert len(users) == 0
    users.insert("a", {"n": 1})
    assert db.collection("users").get("a").fields == {"n": 1}
    assert db["users"].get("a").fields == {"n": 1}


def test_create_twice_is_refused(db):
    db.create_collection("users").insert("a", {})
    with pytest.raises(DuplicateKeyError, match="users"):
        db.create_collection("users")
    assert len(db["users"]) == 1


def test_create_if_not_exists(db):
    db.create_collection("users", if_not_exists=True).insert("a", {"n": 1})
    assert db.create_collection("users", if_not_exists=True)["a"]["n"] == 1


def test_list_is_sorted(db):
    for name in ("b", "a", "ä", "B", "zeta", "c"):
        db.create_collection(name)
    assert db.list_collections() == sorted(["b", "a", "ä", "B", "zeta", "c"])


def test_absent_collections(db):
    for call in (
        lambda: db.collection("users"),
        lambda: db["users"],
        lambda: db.drop_collection("users"),
        lambda: db.get("users", "a"),
        lambda: db.insert("users", "a", {}),
    ):
        with pytest.raises(NotFoundError, match="users"):
            call()
    with pytest.raises(KeyError):
        db["users"]


def test_drop(db):
    users = db.create_collection("users")
    users.insert("a", {"n": 1})
    db.drop_collection("users")
    assert db.list_collections() == []
    with pytest.raises(NotFoundError, match="users"):
        db["users"]


def test_a_handle_of_a_dropped_collection(db):
    users = db.create_collection("users")
    users.insert("a", {"n": 1})
    doc = users.get("a")
    db.drop_collection("users")
    for call in (
        lambda: users.put("b", {}),
        lambda: users.get("a"),
        lambda: users.insert_many([("b", {})]),
        lambda: users.get_many(["a"]),
        lambda: users.delete("a"),
        lambda: list(users.scan()),
        lambda: users.count(),
        lambda: len(users),
        lambda: "a" in users,
        lambda: users.compare_and_swap("a", value={}),
    ):
        with pytest.raises(NotFoundError, match="users"):
            call()
    assert doc.fields == {"n": 1}


def test_a_handle_stays_dropped_when_the_name_comes_back(db):
    old = db.create_collection("users")
    old.insert("a", {"n": 1})
    db.drop_collection("users")
    new = db.create_collection("users")
    assert contents(new) == {}
    new.insert("b", {})
    with pytest.raises(NotFoundError):
        old.put("c", {})
    assert contents(new) == {"b": (1, {})}


def test_collections_do_not_mix(db):
    one, two = db.create_collection("one"), db.create_collection("two")
    one.insert("a", {"n": 1})
    two.insert("a", {"n": 2})
    two.insert("b", {"n": 3})
    assert contents(one) == {"a": (1, {"n": 1})}
    assert contents(two) == {"a": (1, {"n": 2}), "b": (1, {"n": 3})}


def test_collections_survive_a_reopen(durable):
    db = durable.open()
    for name in ("users", "jobs", "empty", "gone", "name with spaces / and \N{SNOWMAN}"):
        db.create_collection(name)
    db["users"].insert("a", {"n": 1, "x": {"y": 2}})
    db["jobs"].insert("a", {"n": 2})
    db["gone"].insert("a", {"n": 3})
    db.drop_collection("gone")
    for _ in range(2):
        db = durable.reopen()
        assert db.list_collections() == sorted(
            ["users", "jobs", "empty", "name with spaces / and \N{SNOWMAN}"]
        )
        assert contents(db["users"]) == {"a": (1, {"n": 1, "x": {"y": 2}})}
        assert contents(db["jobs"]) == {"a": (1, {"n": 2})}
        assert contents(db["empty"]) == {}


def test_drop_and_create_again_survives_a_reopen(durable):
    db = durable.open()
    for number in range(5):
        db.create_collection("users").put_many(
            [(f"u{n}", {"round": number, f"field{number}": n}) for n in range(50)]
        )
        db.drop_collection("users")
    db.create_collection("users").insert("u7", {"round": "last"})
    assert contents(durable.reopen()["users"]) == {"u7": (1, {"round": "last"})}


def test_dropping_gives_memory_back(db):
    before = db.stats().memory_usage
    db.create_collection("big").put_many((f"u{n}", {"text": "x" * 500}) for n in range(8000))
    grown = db.stats().memory_usage
    db.drop_collection("big")
    db.create_collection("small").insert("a", {})
    assert db.stats().memory_usage < before + (grown - before) / 2 + 4_000_000


def test_levels_survive_a_reopen(durable):
    db = durable.open()
    for level in Consistency:
        db.create_collection(level.value, consistency=level)
    db = durable.reopen()
    for level in Consistency:
        db[level.value].insert("a", {}, consistency=level)


def test_many_small_collections(durable):
    db = durable.open()
    for n in range(300):
        db.create_collection(f"c{n:03}").insert("a", {f"field{n}": n})
    memory = db.stats().memory_usage
    db = durable.reopen()
    assert db.list_collections() == [f"c{n:03}" for n in range(300)]
    assert all(db[f"c{n:03}"]["a"].fields == {f"field{n}": n} for n in range(300))
    assert memory < 300 * 40_000 + 10_000_000


@pytest.mark.parametrize("name", ["", 5, None, b"users", "\ud800", "x" * 100_000], ids=repr)
def test_names_that_may_not_be(name, db):
    with pytest.raises((VelocityError, TypeError)) as caught:
        db.create_collection(name)
    assert isinstance(caught.value, (ValueError, TypeError))
    assert db.list_collections() == []


def test_an_unknown_level_is_refused(db):
    with pytest.raises(ConfigError, match="sometimes"):
        db.create_collection("users", consistency="sometimes")
    assert db.list_collections() == []


@pytest.mark.parametrize(
    "name",
    ["a", "a" * 100, "user data", "ü/ö", "..", "\N{PILE OF POO}", "line\nbreak", "nul\0"],
    ids=ascii,
)
def test_any_sensible_name(name, durable):
    db = durable.open()
    try:
        db.create_collection(name).insert("a", {"n": 1})
    except VelocityError as error:  # a stricter rule must say so
        assert isinstance(error, ValueError)
        assert db.list_collections() == []
        return
    assert durable.reopen()[name]["a"].fields == {"n": 1}

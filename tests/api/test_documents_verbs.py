"""Documents: every verb, its result and its refusal, with versions 1, 2, 3."""

from __future__ import annotations

import pytest

from support.store import contents
from velocity import Document, DuplicateKeyError, NotFoundError, SchemaError


def test_insert(users):
    assert users.insert("user1", {"name": "John Doe", "age": 30}) == 1
    doc = users.get("user1")
    assert (doc.id, doc.version, doc.fields) == ("user1", 1, {"name": "John Doe", "age": 30})


def test_insert_of_a_present_id(users):
    users.insert("user1", {"n": 1})
    with pytest.raises(DuplicateKeyError, match="user1"):
        users.insert("user1", {"n": 2})
    assert contents(users) == {"user1": (1, {"n": 1})}


def test_insert_takes_a_document(users, db):
    assert users.insert(Document("user1", {"n": 1})) == 1
    assert db.insert("users", Document("user2", {"n": 2})) == 1
    users.insert_many([Document("user3", {"n": 3}), ("user4", {"n": 4})])
    assert contents(users) == {f"user{n}": (1, {"n": n}) for n in (1, 2, 3, 4)}


def test_a_document_read_can_be_inserted_elsewhere(users, db):
    users.put("a", {"n": 1})
    users.put("a", {"n": 2})
    copies = db.create_collection("copies")
    assert copies.insert(users["a"]) == 1
    assert contents(copies) == {"a": (1, {"n": 2})}


def test_add_makes_time_ordered_ids(users):
    made = [users.add({"n": n}) for n in range(500)]
    assert all(isinstance(id, str) for id in made)
    assert made == sorted(set(made))
    assert [doc["n"] for doc in users.scan()] == list(range(500))
    assert users[made[0]].version == 1


def test_put(users):
    assert users.put("a", {"n": 1, "m": 1}) == 1
    assert users.put("a", {"n": 2}) == 2
    assert contents(users) == {"a": (2, {"n": 2})}


def test_update_merges(users):
    users.insert("a", {"n": 1, "kept": True, "deep": {"x": 1}})
    assert users.update("a", {"n": 2, "new": None, "deep": {"y": 2}}) == 2
    assert users["a"].fields == {"n": 2, "kept": True, "deep": {"y": 2}, "new": None}
    assert users.update("a", {}) == 3
    assert users["a"].fields == {"n": 2, "kept": True, "deep": {"y": 2}, "new": None}


@pytest.mark.parametrize("verb", ["update", "replace"])
def test_update_and_replace_of_an_absent_id(verb, users):
    with pytest.raises(NotFoundError, match="user1"):
        getattr(users, verb)("user1", {"n": 1})
    assert contents(users) == {}


def test_replace(users):
    users.insert("a", {"n": 1, "m": 1})
    assert users.replace("a", {"x": 1}) == 2
    assert users["a"].fields == {"x": 1}


def test_delete(users):
    users.insert("a", {})
    assert users.delete("a") is True
    assert users.delete("a") is False
    assert users.delete("never") is False
    assert users.get("a") is None
    assert contents(users) == {}


def test_versions_rise_by_one_and_restart_after_a_delete(users):
    assert users.insert("a", {}) == 1
    assert users.put("a", {}) == 2
    assert users.update("a", {"n": 1}) == 3
    assert users.replace("a", {}) == 4
    assert users.compare_and_swap("a", {}, {"n": 2}).version == 5
    users.put_many([("a", {})])
    assert users["a"].version == 6
    users.delete("a")
    assert users.insert("a", {}) == 1
    assert users.put("a", {}) == 2


def test_versions_past_a_byte(durable):
    users = durable.open().create_collection("users")
    assert [users.put("a", {"n": n}) for n in range(300)] == list(range(1, 301))
    users = durable.reopen()["users"]
    assert users["a"].version == 300
    assert users.put("a", {}) == 301


def test_get_of_an_absent_id(users):
    assert users.get("a") is None
    default = object()
    assert users.get("a", default) is default


def test_get_many_keeps_order_and_holes(users):
    users.put_many([(f"u{n}", {"n": n}) for n in range(100)])
    wanted = ["u7", "absent", "u3", "u7", "u99", "", "gone"][:5] + ["gone"]
    assert [doc and doc["n"] for doc in users.get_many(wanted)] == [7, None, 3, 7, 99, None]
    assert users.get_many([]) == []
    assert [doc.id for doc in users.get_many(f"u{n}" for n in range(99, -1, -1))] == [
        f"u{n}" for n in range(99, -1, -1)
    ]


def test_many_calls_count(users):
    assert users.insert_many((f"u{n}", {"n": n}) for n in range(1000)) == 1000
    assert users.put_many([("u5", {"n": -5}), ("new", {})]) == 2
    assert users.delete_many(["u1", "absent", "u2", "new"]) == 3
    assert users.delete_many([]) == users.insert_many([]) == users.put_many([]) == 0
    assert len(users) == 998
    assert users["u5"].version == 2


def test_the_same_verbs_on_the_database(db, users):
    assert db.insert("users", "a", {"n": 1}) == 1
    assert db.put("users", "a", {"n": 2}) == 2
    assert db.update("users", "a", {"m": 1}) == 3
    assert db.replace("users", "a", {"n": 3}) == 4
    assert db.get("users", "a").fields == {"n": 3}
    assert db.delete("users", "a") is True
    made = db.add("users", {"n": 4})
    assert db.insert_many("users", [("x", {}), ("y", {})]) == 2
    assert db.put_many("users", [("x", {"n": 5})]) == 1
    assert [doc and doc.id for doc in db.get_many("users", ["x", "nope"])] == ["x", None]
    assert {doc.id for doc in db.scan("users")} == {"x", "y", made}
    assert [doc.id for doc in db.scan("users", start="x", limit=1)] == ["x"]
    assert db.count("users") == 3
    assert db.count("users", {"n": 5}) == 1
    assert db.delete_many("users", ["x", "y"]) == 2
    assert contents(users) == {made: (1, {"n": 4})}


def test_count_with_a_filter(users):
    users.put_many(
        (f"u{n}", {"state": "even" if n % 2 == 0 else "odd", "n": n % 10}) for n in range(100)
    )
    users.put("no state", {})
    assert users.count({"state": "even"}) == 50
    assert users.count({"state": "even", "n": 4}) == 10
    assert users.count({"state": "even", "n": 3}) == 0
    assert users.count({"state": None}) == 1
    assert users.count({"n": 4.0}) == 10
    assert users.count({"unheard of": 1}) == 0
    assert users.count({}) == users.count() == 101


def test_merging_keeps_the_order_of_fields(users):
    users.put("a", {"x": 1, "y": 2, "z": 3})
    users.update("a", {"w": 0, "y": "new"})
    assert list(users["a"].fields.items()) == [("x", 1), ("y", "new"), ("z", 3), ("w", 0)]


def test_fields_are_copied_on_the_way_in(users):
    fields = {"list": [1, 2], "deep": {"x": 1}}
    users.put("a", fields)
    fields["list"].append(3)
    fields["deep"]["x"] = 2
    assert users["a"].fields == {"list": [1, 2], "deep": {"x": 1}}


@pytest.mark.parametrize(
    "fields", [None, 5, "text", [("n", 1)], {1, 2}, {5: 1}, {None: 1}, {b"n": 1}], ids=repr
)
@pytest.mark.parametrize("verb", ["put", "update", "replace"])
def test_fields_that_are_not_a_dict_of_str(verb, fields, users):
    users.put("a", {"n": 1})
    with pytest.raises((SchemaError, TypeError)):
        getattr(users, verb)("a", fields)
    assert contents(users) == {"a": (1, {"n": 1})}


def test_the_empty_document_and_the_empty_name(users):
    users.put("a", {})
    users.put("b", {"": 1, "\0": 2, "\N{SNOWMAN}" * 300: 3})
    assert users["a"].fields == {}
    assert users["b"].fields == {"": 1, "\0": 2, "\N{SNOWMAN}" * 300: 3}
    assert users["b"][""] == 1

"""Document: a snapshot with its own fields, a mapping, and its times."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

import pytest

from velocity import Document


def test_times_are_aware_and_in_order(users):
    before = datetime.now(timezone.utc) - timedelta(milliseconds=5)
    users.insert("a", {})
    first = users["a"]
    assert first.created == first.modified
    assert first.created.tzinfo is not None
    assert first.created.utcoffset() == timedelta(0)
    users.put("a", {})
    second = users["a"]
    assert second.created == first.created
    assert second.modified >= first.modified
    users.update("a", {"n": 1})
    third = users["a"]
    assert third.created == first.created
    assert (
        before
        <= first.created
        <= second.modified
        <= third.modified
        <= datetime.now(timezone.utc) + timedelta(seconds=1)
    )


def test_created_restarts_after_a_delete(users):
    users.insert("a", {})
    first = users["a"]
    users.delete("a")
    users.insert("a", {})
    assert users["a"].created >= first.modified


def test_modified_never_goes_back(users):
    times = []
    for n in range(300):
        users.put(f"u{n % 7}", {"n": n})
        times.append(users[f"u{n % 7}"].modified)
    assert times == sorted(times)


def test_times_survive_a_reopen(durable):
    users = durable.open().create_collection("users")
    users.insert("a", {})
    users.put("a", {"n": 1})
    old = users["a"]
    users = durable.reopen()["users"]
    assert (users["a"].created, users["a"].modified, users["a"].version) == (
        old.created,
        old.modified,
        2,
    )
    users.put("a", {"n": 2})
    assert users["a"].created == old.created
    assert users["a"].modified >= old.modified


def test_later_writes_do_not_change_it(users):
    users.insert("a", {"n": 1, "text": "x" * 100, "list": [1, {"y": 2}]})
    doc, lazy = users.get("a"), users.get("a")
    expected = copy.deepcopy(doc.fields)
    for n in range(200):  # replaced memory is used again
        users.put("a", {"n": n, "text": "y" * 100, "list": [n]})
    users.delete("a")
    users.put_many(
        (f"u{n}", {"n": n, "text": "z" * 100, "list": [1, {"y": 3}]}) for n in range(500)
    )
    assert doc.fields == expected
    assert lazy["n"] == 1
    assert lazy["text"] == "x" * 100
    assert lazy.to_dict() == expected
    assert lazy.version == 1


def test_fields_belong_to_the_caller(users):
    users.insert("a", {"n": 1, "list": [1]})
    doc = users["a"]
    doc.fields["n"] = 2
    doc.fields["list"].append(2)
    made = doc.to_dict()
    made["list"].append(3)
    made["n"] = 3
    assert users["a"].fields == {"n": 1, "list": [1]}
    again = doc.to_dict()
    again["x"] = 1
    assert "x" not in doc.to_dict()


def test_as_a_mapping(users):
    fields = {"age": 30, "name": "John", "none": None, "deep": {"x": [1]}}
    users.insert("a", fields)
    doc = users["a"]
    assert doc["age"] == 30
    assert doc.get("age") == 30
    assert doc.get("none") is None
    assert doc.get("absent") is None
    assert doc.get("absent", 5) == 5
    assert "age" in doc
    assert "none" in doc
    assert "absent" not in doc
    assert 5 not in doc
    assert dict(doc) == doc.to_dict() == doc.fields == fields
    assert {**doc} == fields
    assert list(doc) == list(doc.keys()) == list(fields)
    assert list(doc.values()) == list(fields.values())
    assert list(doc.items()) == list(fields.items())
    assert len(doc) == 4
    with pytest.raises(KeyError, match="absent"):
        doc["absent"]
    assert isinstance(doc, Mapping)


def test_is_read_only(users):
    users.insert("a", {"n": 1})
    doc = users["a"]
    with pytest.raises(TypeError):
        doc["n"] = 2
    for name in ("id", "version", "created", "modified"):
        with pytest.raises(AttributeError):
            setattr(doc, name, 1)


def test_repr_names_it(users):
    users.insert("user1", {"n": 12345})
    assert "user1" in repr(users["user1"])


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda doc: pickle.loads(pickle.dumps(doc))]
)
def test_a_copy_has_everything_of_its_original(users, copied):
    users.insert("a", {"n": 1, "deep": {"list": [1]}}, ttl=1000)
    users.update("a", {"n": 2})
    doc = users["a"]
    again = copied(copied(doc))
    for name in ("id", "version", "created", "modified", "expires", "fields"):
        assert getattr(again, name) == getattr(doc, name), name
    assert again == doc
    assert again.version == 2


def test_a_deep_copy_shares_nothing_with_its_original():
    doc = Document("a", {"list": [1]})
    again = copy.deepcopy(doc)
    again.fields["list"].append(2)
    assert doc.fields == {"list": [1]}
    assert (again.version, again.created) == (0, None)


def test_equality(users):
    users.insert("a", {"n": 1})
    users.insert("b", {"n": 1})
    assert users["a"] == users["a"]
    assert users["a"] != users["b"]
    old = users["a"]
    users.put("a", {"n": 1})
    assert users["a"] != old or users["a"].fields == old.fields
    users.put("a", {"n": 2})
    assert users["a"] != old


def test_made_by_hand():
    doc = Document("a", {"n": 1, "list": [1, 2]})
    assert doc.id == "a"
    assert doc["n"] == 1
    assert doc.fields == dict(doc) == doc.to_dict() == {"n": 1, "list": [1, 2]}
    assert "n" in doc
    assert len(doc) == 2
    assert doc.version == 0
    with pytest.raises(KeyError):
        doc["absent"]


def test_made_by_hand_is_a_snapshot_too():
    fields = {"list": [1]}
    doc = Document("a", fields)
    fields["n"] = 2
    assert doc.fields == {"list": [1]}


@pytest.mark.parametrize(
    ("id", "fields"), [("", {}), (5, {}), ("a", {"n": {1, 2}}), ("a", [1]), ("x" * 1025, {})]
)
def test_what_cannot_be_stored_is_refused_by_the_time_it_is_inserted(id, fields, users):
    with pytest.raises((ValueError, TypeError)):
        users.insert(Document(id, fields))
    assert len(users) == 0

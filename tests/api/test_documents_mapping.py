"""Collection as a MutableMapping of id -> Document, and scans in id order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

import pytest

from support.store import contents
from velocity import NotFoundError


def test_is_a_mutable_mapping(users):
    assert isinstance(users, MutableMapping)
    assert isinstance(users, Mapping)


def test_subscripts(users):
    users["a"] = {"n": 1}
    users["a"] = {"n": 2}
    assert users["a"].fields == {"n": 2}
    assert users["a"].version == 2
    del users["a"]
    assert "a" not in users
    with pytest.raises(NotFoundError, match="a"):
        users["a"]
    with pytest.raises(KeyError):
        users["a"]
    with pytest.raises(NotFoundError):
        del users["a"]


def test_len_in_iter(users):
    assert (len(users), list(users), bool(users)) == (0, [], False)
    users.put_many((f"u{n}", {"n": n}) for n in range(50))
    assert len(users) == 50
    assert bool(users)
    assert "u7" in users
    assert "u50" not in users
    assert sorted(users) == sorted(f"u{n}" for n in range(50))


def test_keys_values_items(users):
    users.put_many((f"u{n}", {"n": n}) for n in range(20))
    assert set(users.keys()) == {f"u{n}" for n in range(20)}
    assert sorted(doc["n"] for doc in users.values()) == list(range(20))
    assert {id: doc["n"] for id, doc in users.items()} == {f"u{n}": n for n in range(20)}
    assert "u3" in users.keys()  # noqa: SIM118


def test_pop_popitem_setdefault_clear(users):
    users["a"] = {"n": 1}
    assert users.pop("a")["n"] == 1
    assert users.pop("a", None) is None
    with pytest.raises(KeyError):
        users.pop("a")
    assert users.setdefault("b", {"n": 2})["n"] == 2
    assert users.setdefault("b", {"n": 3})["n"] == 2
    assert contents(users) == {"b": (1, {"n": 2})}
    id, doc = users.popitem()
    assert (id, doc["n"]) == ("b", 2)
    with pytest.raises(KeyError):
        users.popitem()
    users.put_many((f"u{n}", {}) for n in range(20))
    users.clear()
    assert contents(users) == {}


def test_update_is_the_document_verb(users):
    users["a"] = {"n": 1}
    users.update("a", {"m": 2})
    assert users["a"].fields == {"n": 1, "m": 2}


def test_iterating_while_writing(users):
    users.put_many((f"u{n:03}", {}) for n in range(200))
    seen = set()
    for id in users:
        seen.add(id)
        users.delete(id)
        users.put(f"new{id}", {})
    assert {f"u{n:03}" for n in range(200)} <= seen
    assert not any(id.startswith("u") for id in users)


IDS = [
    "a",
    "aa",
    "ab",
    "b",
    "b\0",
    "b\0a",
    "ba",
    "z",
    "é",
    "ü",
    "€",
    "\uffff",
    "\U0001f600",
    "A",
    "_",
    "0",
    "10",
    "9",
    " ",
]
ORDERED = sorted(IDS, key=str.encode)


@pytest.fixture
def filled(users):
    users.put_many((id, {"id": id}) for id in IDS)
    return users


def scan(users, **bounds):
    found = users.scan(**bounds)
    assert isinstance(found, Iterator)
    docs = list(found)
    assert all(doc["id"] == doc.id for doc in docs)
    return [doc.id for doc in docs]


def test_scan_all_in_order_of_utf8(filled):
    assert scan(filled) == ORDERED
    assert scan(filled, reverse=True) == ORDERED[::-1]


def test_scan_prefix(filled):
    for prefix in ("", "a", "b", "b\0", "é", "€", "\U0001f600", "\uffff", "nothing", "zz"):
        assert scan(filled, prefix=prefix) == [id for id in ORDERED if id.startswith(prefix)]


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_bounds_include_start_and_exclude_end(filled, reverse):
    for start in (None, "", "a", "ab", "b\0", "c", "é", "\U0010ffff"):
        for end in (None, "a", "b", "b\0", "zz", "\uffff", "\U0010ffff"):
            wanted = [
                id
                for id in ORDERED
                if (start is None or id.encode() >= start.encode())
                and (end is None or id.encode() < end.encode())
            ]
            assert scan(filled, start=start, end=end, reverse=reverse) == (
                wanted[::-1] if reverse else wanted
            )


def test_scan_prefix_with_bounds(filled):
    assert scan(filled, prefix="b", start="b\0a") == ["b\0a", "ba"]
    assert scan(filled, prefix="b", end="b\0a") == ["b", "b\0"]
    assert scan(filled, prefix="a", start="b") == []


def test_scan_limit(filled):
    assert scan(filled, limit=3) == ORDERED[:3]
    assert scan(filled, limit=3, reverse=True) == ORDERED[::-1][:3]
    assert scan(filled, limit=0) == []
    assert scan(filled, limit=1000) == ORDERED
    assert scan(filled, prefix="b", limit=2) == ["b", "b\0"]


@pytest.mark.parametrize(
    "bounds", [{"limit": -1}, {"limit": "3"}, {"prefix": 5}, {"start": b"a"}, {"end": 3}], ids=repr
)
def test_scan_refuses_wrong_bounds(filled, bounds):
    with pytest.raises((TypeError, ValueError)):
        list(filled.scan(**bounds))


def test_scan_sees_whole_documents_while_they_change(users):
    users.put_many((f"u{n:04}", {"n": 0, "copy": 0}) for n in range(2000))
    seen = []
    for turn, doc in enumerate(users.scan()):
        assert doc["n"] == doc["copy"]
        seen.append(doc.id)
        users.put(f"u{(turn * 7) % 2000:04}", {"n": turn, "copy": turn})
        if turn % 100 == 50:
            users.delete(f"u{turn - 1:04}")
    assert seen == sorted(set(seen))
    assert len(seen) >= 1980


def test_scan_after_reopen(durable):
    db = durable.open()
    db.create_collection("users").put_many((id, {"id": id}) for id in IDS)
    users = durable.reopen()["users"]
    assert scan(users) == ORDERED
    assert scan(users, prefix="b") == [id for id in ORDERED if id.startswith("b")]


def test_ordered_reads_stay_right_after_writes(users):
    users.put_many((f"u{n}", {"id": f"u{n}"}) for n in range(0, 100, 2))
    assert len(scan(users)) == 50
    users.put_many((f"u{n}", {"id": f"u{n}"}) for n in range(1, 100, 2))
    users.delete_many(f"u{n}" for n in range(50, 60))
    wanted = sorted(f"u{n}" for n in range(100) if not 50 <= n < 60)
    assert scan(users) == wanted
    users.delete("u0")
    users.put("u5000", {"id": "u5000"})
    assert scan(users) == sorted({*wanted, "u5000"} - {"u0"})

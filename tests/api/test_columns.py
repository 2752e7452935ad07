"""Columns as numpy arrays: types, nulls, paths, filters, documents on disk."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

import velocity

numpy = pytest.importorskip("numpy")
UTC = timezone.utc
# Values of one kind, and the dtype of their column.
KINDS = {
    "small ints": ([1, -16, 111, 0], "int64"),
    "wide ints": ([-(2**63), 2**63 - 1, 2**31, -200], "int64"),
    "floats": ([1.5, -0.0, 1e300, float("inf")], "float64"),
    "ints and floats": ([1, 2.5, -3, 2**40], "float64"),
    "bools": ([True, False, True], "bool"),
    "times": ([datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 1, 2, 3, 4, UTC)], "datetime64[us]"),
    "strings": (["", "a", "Zoë", "日本", "🦊" * 3], "<U3"),
    "strings of 64": (["ß" * 64, "b"], "<U64"),
    "longer strings": (["ß" * 65, "b"], "object"),
    "strings that end in NUL": (["a\0", "b"], "object"),
    "empty strings": (["", ""], "<U1"),
    "bytes": ([b"", b"abc", b"\xff" * 300], "object"),
    "bools and ints": ([True, 1], "object"),
    "everything": ([1, 2.5, True, "s", b"b", [1], {"a": 2}, datetime(2000, 1, 1, tzinfo=UTC)], "object"),
    "lists": ([[1, 2], [3, 4]], "object"),  # of one length: not a matrix
    "objects": ([{"a": 1}, {"a": [2, {"b": 3}]}], "object"),
}


def fill(users, values, name="x"):
    users.put_many((f"u{number}", {name: value}) for number, value in enumerate(values))


def rows(users, path, filter=None):
    """Id -> what stands in its row."""
    [ids, data] = users._columns([None, path], filter)
    return dict(zip(ids.objects(), data.objects(), strict=True))


def plain(values):
    """As the array has them: times without a zone."""
    return [v.replace(tzinfo=None) if isinstance(v, datetime) else v for v in values]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_value_has_its_dtype(kind):
    values, dtype = KINDS[kind]
    with velocity.open() as db:
        users = db.create_collection("users")
        fill(users, values)
        array = users.column("x")
        assert not numpy.ma.isMaskedArray(array)
        assert array.dtype == dtype and array.shape == (len(values),)
        wanted = values if dtype == "object" else plain(values)
        assert sorted(array.tolist(), key=repr) == sorted(
            [float(v) for v in values] if dtype == "float64" else wanted, key=repr
        )
        assert rows(users, "x") == {f"u{n}": v for n, v in enumerate(values)}


@pytest.mark.parametrize("kind", KINDS)
def test_nulls_and_missing_fields_are_masked(kind):
    values, dtype = KINDS[kind]
    with velocity.open() as db:
        users = db.create_collection("users")
        fill(users, [*values, None])
        users.insert("without", {"y": 1})
        array = users.column("x")
        assert numpy.ma.isMaskedArray(array) and array.dtype == dtype
        assert array.mask.sum() == 2 and array.count() == len(values)
        wanted = {f"u{n}": v for n, v in enumerate([*values, None])} | {"without": None}
        assert rows(users, "x") == wanted


def test_arrays_may_be_written_to_and_outlive_the_database():
    db = velocity.open()
    users = db.create_collection("users")
    fill(users, range(1000))
    array = users.column("x")
    del users
    db.close()
    array += 1
    assert array.sum() == sum(range(1, 1001))


def test_nothing_there():
    with velocity.open() as db:
        users = db.create_collection("users")
        assert users.column("x").shape == (0,)
        fill(users, [1, 2])
        assert users.column("x", {"x": 3}).shape == (0,)
        array = users.column("y")
        assert array.shape == (2,) and array.mask.all()


def test_paths():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.insert("a", {"x": {"y": {"z": 1}}, "l": [[5, 6], {"q": 7}]})
        users.insert("b", {"x": {"y": 2}, "l": [{"q": 8}], "a.b": 3, "": 4})
        users.insert("c", {"x": [{"y": 9}], "l": 3})
        assert rows(users, "x.y.z") == {"a": 1, "b": None, "c": None}
        assert rows(users, "x.y") == {"a": {"z": 1}, "b": 2, "c": None}  # through a list: many
        assert rows(users, "x.0.y") == {"a": None, "b": None, "c": 9}
        assert rows(users, "l.0") == {"a": [5, 6], "b": {"q": 8}, "c": None}
        assert rows(users, "l.0.1") == {"a": 6, "b": None, "c": None}
        assert rows(users, "l.1.q") == {"a": 7, "b": None, "c": None}
        assert sorted(users.column("_id")) == ["a", "b", "c"]


def test_names_that_stand_in_the_documents():
    """Names longer than 255 bytes have no number."""
    long = "n" * 300
    with velocity.open() as db:
        users = db.create_collection("users")
        users.insert("a", {long: "one", "x": 1})
        users.insert("b", {"x": 2, long + "2": "two"})
        assert rows(users, long) == {"a": "one", "b": None}
        names = [data.name for data in users._columns(None)]
        assert sorted(names) == sorted(["_id", "x", long, long + "2"])
        for data in users._columns(None)[2:]:
            assert {value for value in data.objects() if value} <= {"one", "two"}


def test_filter():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.put_many((f"u{n}", {"n": n, "s": f"text {n}"}) for n in range(5000))
        assert sorted(users.column("n", {"n": {"$gte": 4990}})) == list(range(4990, 5000))
        # Python's part in it: a pattern that the core cannot decide.
        array = db.column("users", "n", {"s": {"$regex": "^text (1|2)7.?$"}, "n": {"$lt": 200}})
        assert sorted(array) == [17, 27, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179]


def test_expired_documents_are_left_out():
    with velocity.open() as db:
        users = db.create_collection("users")
        fill(users, range(50))
        for number in range(50, 100):
            users.insert(f"u{number}", {"x": number}, ttl=1e-9)
        assert sorted(users.column("x")) == list(range(50))
        assert sorted(users.column("x", {"x": {"$gte": 40}})) == list(range(40, 50))


def test_all_modes_with_documents_on_disk(store):
    db = store.open(cache_size=1)
    users = db.create_collection("users")
    text = "x" * 2000
    for at in range(0, 2000, 500):
        users.put_many((f"u{n}", {"n": n, "s": text}) for n in range(at, at + 500))
    users.insert("late", {"f": 1.5})
    for _ in range(2):
        ids, s, n, f = users._columns([None, "s", "n", "f"])
        got = {i: row for i, *row in zip(ids.objects(), s.objects(), n.objects(), f.objects())}
        assert got == {f"u{n}": [text, n, None] for n in range(2000)} | {"late": [None, None, 1.5]}
        names = [data.name for data in users._columns(None)]
        assert names == ["_id", "n", "s", "f"]
        assert users.column("n").sum() == sum(range(2000))
        assert sorted(users.column("n", {"n": {"$lt": 3}})) == [0, 1, 2]


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "\ud800", 5, None, ["x"], "a." * 200 + "a"])
def test_what_is_no_path(path):
    with velocity.open() as db:
        users = db.create_collection("users")
        fill(users, [1])
        with pytest.raises(velocity.QueryError, match="path"):
            users.column(path)


def test_other_bad_arguments():
    with velocity.open() as db:
        users, other = db.create_collection("users"), db.create_collection("other")
        with pytest.raises(velocity.QueryError, match=r"\$what"):
            users.column("x", {"x": {"$what": 1}})
        with pytest.raises(ValueError, match="another collection"):
            users.column("x", other._filter({"x": 1}))
    with pytest.raises(velocity.DatabaseClosedError):
        users.column("x")


def test_times_of_any_zone_are_utc():
    east = timezone(timedelta(hours=5, minutes=45))
    with velocity.open() as db:
        users = db.create_collection("users")
        fill(users, [datetime(2020, 1, 1, 5, 45, tzinfo=east)])
        assert users.column("x")[0] == numpy.datetime64("2020-01-01T00:00:00")

"""create_index, drop_index, indexes: names, errors, what is kept, and what an index holds."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timezone

import pytest

import velocity
import velocity.aio
from support.index_model import AFTER, expected, held
from support.store import contents
from support.waiting import eventually
from velocity import (
    BatchOperation,
    NotFoundError,
    QueryError,
    SchemaError,
    UniqueError,
)
from velocity._core.engine import find_index


@pytest.fixture
def jobs(db):
    return db.create_collection("jobs")


def fill(jobs, count=100):
    documents = {
        f"j{i}": {"state": ["waiting", "running"][i % 2], "priority": i % 7, "n": i}
        for i in range(count)
    }
    jobs.put_many(documents.items())
    return documents


def test_names_and_what_is_listed(db, jobs):
    fill(jobs)
    assert jobs.create_index("n") == "n_1"
    assert db.create_index("jobs", ["state", "-priority"]) == "state_1_priority_-1"
    assert jobs.create_index("n", unique=True, name="by n") == "by n"
    plain, compound, unique = jobs.indexes
    assert db.indexes("jobs") == jobs.indexes
    assert (plain.name, plain.fields, plain.unique, plain.where) == ("n_1", ("n",), False, None)
    assert compound.fields == ("state", "-priority")
    assert unique.unique
    assert [info.entries for info in jobs.indexes] == [100] * 3
    assert not any(info.multikey for info in jobs.indexes)
    assert all(info.memory > 0 and info.bytes_per_entry > 0 for info in jobs.indexes)
    jobs.drop_index("n_1")
    db.drop_index("jobs", "by n")
    assert [info.name for info in jobs.indexes] == ["state_1_priority_-1"]


def test_the_same_index_twice_is_one_and_another_of_its_name_is_refused(jobs):
    assert jobs.create_index("n") == jobs.create_index(["n"]) == "n_1"
    with pytest.raises(SchemaError, match="n_1"):
        jobs.create_index("n", unique=True)
    assert len(jobs.indexes) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (([],), "1 to 32"),
        ((["a"] * 33,), "1 to 32"),
        ((["a", "a"],), "twice"),
        ((["a", "-a"],), "twice"),
        (("",), "path"),
        (("-",), "path"),
        (("a..b",), "path"),
        ((".".join("a" * 200),), "path"),
        ((7,), "int"),
        (([7],), "int"),
        (("\ud800",), "UTF-8"),
        (("a", 1), "unique"),
        (("a", False, None, ""), "empty"),
        (("a", False, None, 5), "int"),
        (("a", False, None, "x" * 1025), "1,024"),
    ],
)
def test_definitions_that_cannot_be(jobs, arguments, named):
    with pytest.raises(SchemaError, match=named):
        jobs.create_index(*arguments)
    assert jobs.indexes == []


def test_indexes_that_are_not_there(jobs):
    with pytest.raises(NotFoundError, match="absent"):
        jobs.drop_index("absent")
    assert find_index(jobs, "absent") is None


def test_every_way_to_write_is_kept(db, jobs):
    jobs.create_index(["state", "-priority"])
    documents = fill(jobs, 20)
    index = "state_1_priority_-1"
    fields = ("state", "-priority")

    def check():
        documents = {id: doc[1] for id, doc in contents(jobs).items()}
        assert held(jobs, index) == expected(documents, fields)

    check()
    jobs.insert("new", {"state": "waiting"})
    jobs.replace("new", {"priority": 3})
    jobs.update("new", {"other": 1})
    check()
    jobs.update("new", {"$inc": {"priority": -9}})
    jobs.compare_and_swap("j1", {"state": "running"}, {"state": "done"})
    check()
    jobs.delete("j2")
    jobs.delete_many(["j3", "j4", "absent"])
    del jobs["j5"]
    check()
    db.batch(
        [
            BatchOperation("insert", "jobs", id="b", fields={"priority": 1}),
            BatchOperation("update", "jobs", id="b", fields={"priority": 2}),
            BatchOperation("delete", "jobs", id="j6"),
            BatchOperation("put", "jobs", id="j6", fields=documents["j6"]),
            BatchOperation("delete", "jobs", id="j7"),
        ]
    )
    with db.transaction() as tx:
        tx.put("jobs", "t", {"state": "x"})
        tx.delete("jobs", "j8")
    check()
    with pytest.raises(NotFoundError):
        db.batch(
            [
                BatchOperation("put", "jobs", id="lost", fields={"priority": 1}),
                BatchOperation("update", "jobs", id="absent", fields={}),
            ]
        )
    check()
    jobs.clear()
    check()


def test_order_across_types_and_ranges(jobs):
    values = [None, -1.5, 2, 2**53 + 1, "", "a", "b", {"x": 1}, [], b"", False, True,
              datetime(2024, 1, 1, tzinfo=timezone.utc)]  # fmt: skip
    for i, value in enumerate(values):
        jobs.put(f"d{i:02}", {"v": value})
    jobs.put("none", {})
    jobs.create_index("v")
    jobs.create_index("-v")
    up, down = find_index(jobs, "v_1"), find_index(jobs, "v_-1")
    order = [d.id for d in up.documents()]
    assert order[2:] == [f"d{i:02}" for i in range(1, len(values))]
    assert set(order[:2]) == {"none", "d00"}
    assert [d.id for d in down.documents()][:-2] == order[:1:-1]
    for index in (up, down):
        low = index.key([2])
        assert [d.id for d in index.documents(low, low + AFTER)] == ["d02"]
        assert index.count_range(low, low + AFTER) == 1
    assert [d.id for d in up.documents(up.key(["a"]), up.key([{"x": 1}]))] == ["d05", "d06"]


def test_a_list_is_indexed_by_each_of_its_elements(jobs):
    jobs.put("a", {"tags": ["x", "y", "x", 1, 1.0], "n": 1})
    jobs.put("b", {"tags": [], "n": 2})
    jobs.put("c", {"tags": "x", "n": 3})
    jobs.put("d", {"items": [{"p": 5}, {"p": 6}, {"q": 1}, 7]})
    jobs.create_index(["tags", "n"])
    jobs.create_index("items.p")
    jobs.create_index("items.0.p")
    documents = {id: doc[1] for id, doc in contents(jobs).items()}
    for info in jobs.indexes:
        assert info.multikey
        assert held(jobs, info.name) == expected(documents, info.fields)
    index = find_index(jobs, "tags_1_n_1")
    key = index.key(["x"])
    assert [d.id for d in index.documents(key, key + AFTER)] == ["a", "c"]
    jobs.update("a", {"tags": ["y", "z"]})
    jobs.update("d", {"items": []})
    documents = {id: doc[1] for id, doc in contents(jobs).items()}
    for info in jobs.indexes:
        assert held(jobs, info.name) == expected(documents, info.fields)


def test_lists_in_two_fields_are_refused(jobs):
    jobs.create_index(["a", "b"])
    jobs.put("ok", {"a": [1, 2], "b": 3})
    with pytest.raises(SchemaError, match="a_1_b_1.*lists"):
        jobs.put("no", {"a": [1], "b": [2]})
    with pytest.raises(SchemaError, match="lists"):
        jobs.update("ok", {"b": []})
    assert contents(jobs) == {"ok": (1, {"a": [1, 2], "b": 3})}
    jobs.drop_index("a_1_b_1")
    jobs.put("no", {"a": [1], "b": [2]})
    with pytest.raises(SchemaError, match="document no"):
        jobs.create_index(["a", "b"])
    assert jobs.indexes == []


def test_too_long_a_value(jobs):
    jobs.create_index("s")
    jobs.put("fits", {"s": "x" * 1022})  # a byte before and a byte behind it
    with pytest.raises(SchemaError, match=r"s_1.*1,024"):
        jobs.put("long", {"s": "x" * 1023})
    with pytest.raises(SchemaError):
        jobs.insert_many([("a", {}), ("long", {"s": ["ok", "x" * 1023]})])
    assert list(jobs) == ["fits"]
    jobs.drop_index("s_1")
    jobs.put("long", {"s": "x" * 1023})
    with pytest.raises(SchemaError, match="document long"):
        jobs.create_index("s")
    jobs.put("long", {"s": "short"})
    jobs.create_index("s")
    jobs.create_index(["tags", "t"])
    with pytest.raises(SchemaError, match=r"tags_1_t_1.*1,024"):  # together, too
        jobs.put("both", {"tags": ["x" * 600, "y"], "t": "z" * 600})
    jobs.put("both", {"tags": ["x" * 600, "y"], "t": "z" * 400})


def test_a_unique_value_is_held_once(db, jobs):
    jobs.create_index("email", unique=True)
    jobs.insert("a", {"email": "x"})
    for write in (
        lambda: jobs.insert("b", {"email": "x"}),
        lambda: jobs.put("b", {"email": "x"}),
        lambda: jobs.insert_many([("b", {"email": "y"}), ("c", {"email": "y"})]),
        lambda: db.batch([BatchOperation("put", "jobs", id="b", fields={"email": "x"})]),
    ):
        with pytest.raises(UniqueError, match="email"):
            write()
    assert contents(jobs) == {"a": (1, {"email": "x"})}
    with pytest.raises(UniqueError, match=r"email of collection jobs .*'x'.*'a'"):
        jobs.put("b", {"email": "x"})
    jobs.put("b", {"email": "y"})
    with pytest.raises(UniqueError, match="'b'"):
        jobs.update("a", {"email": "y"})
    with pytest.raises(UniqueError):
        jobs.compare_and_swap("a", {"email": "x"}, {"email": "y"})
    jobs.put("a", {"email": "x", "again": 1})
    jobs.delete("b")
    jobs.update("a", {"email": "y"})


def test_missing_counts_as_a_value_of_a_unique_index(jobs):
    jobs.create_index("email", unique=True)
    jobs.put("a", {})
    with pytest.raises(UniqueError, match="None"):
        jobs.put("b", {"email": None})


def test_unique_lists_and_compounds(jobs):
    jobs.create_index("tags", unique=True)
    jobs.create_index(["a", "b"], unique=True)
    jobs.put("x", {"tags": [1, 1, 2], "a": 1, "b": 1})
    with pytest.raises(UniqueError, match="2"):
        jobs.put("y", {"tags": [2, 3], "a": 1, "b": 2})
    jobs.put("y", {"tags": [3], "a": 1, "b": 2})
    with pytest.raises(UniqueError, match=r"a, b.*\(1, 1\)"):
        jobs.put("z", {"tags": [4], "a": 1.0, "b": 1})


def test_a_batch_may_hand_a_unique_value_on(db, jobs):
    jobs.create_index("email", unique=True)
    jobs.put_many([("a", {"email": "x"}), ("b", {"email": "y"})])
    db.batch(
        [
            BatchOperation("put", "jobs", id="a", fields={"email": "free"}),
            BatchOperation("put", "jobs", id="b", fields={"email": "x"}),
            BatchOperation("put", "jobs", id="a", fields={"email": "y"}),
        ]
    )
    assert {id: doc.fields["email"] for id, doc in jobs.items()} == {"a": "y", "b": "x"}
    db.batch(
        [BatchOperation("delete", "jobs", id="a")]
        + [BatchOperation("put", "jobs", id=f"n{i}", fields={"email": i}) for i in range(100)]
        + [BatchOperation("put", "jobs", id="n7", fields={"email": "y"})]
        + [BatchOperation("put", "jobs", id="late", fields={"email": 7})]
    )
    with pytest.raises(UniqueError, match="'n7'"):
        jobs.put("other", {"email": "y"})
    documents = {id: doc[1] for id, doc in contents(jobs).items()}
    assert held(jobs, "email_1") == expected(documents, ("email",))


def test_a_unique_index_over_duplicates_names_some(jobs):
    jobs.put_many([("a", {"v": 1}), ("b", {"v": 2}), ("c", {"v": 1.0})])
    with pytest.raises(UniqueError, match=r"1 of documents '[ac]' and '[ac]'"):
        jobs.create_index("v", unique=True)
    assert jobs.indexes == []
    jobs.put("d", {"v": 1})
    jobs.delete_many(["a", "c"])
    jobs.create_index("v", unique=True)


def test_an_expired_document_holds_nothing(jobs):
    jobs.put("old", {"v": 1}, ttl=0.05)
    jobs.create_index("v", unique=True)
    with pytest.raises(UniqueError):
        jobs.put("new", {"v": 1})
    deadline = time.monotonic() + 30
    while True:
        try:
            jobs.put("new", {"v": 1})
            break
        except UniqueError:
            assert time.monotonic() < deadline
    with pytest.raises(UniqueError):
        jobs.put("old", {"v": 1})
    assert len(jobs) == 1
    assert held(jobs, "v_1") == expected({"new": {"v": 1}}, ("v",))


def test_what_has_expired_is_not_found_and_no_duplicate_before_it_is_removed(jobs):
    jobs.put("new", {"v": 1})
    for _ in range(30):  # until it is asked for before it has been removed
        jobs.create_index("v", name="plain")
        jobs.put("old", {"v": 1}, ttl=1e-6)
        eventually(lambda: "old" not in jobs, every=0)
        assert [each.id for each in find_index(jobs, "plain").documents()] == ["new"]
        jobs.put("old", {"v": 1}, ttl=1e-6)
        eventually(lambda: "old" not in jobs, every=0)
        jobs.create_index("v", unique=True)
        jobs.drop_index("plain")
        jobs.drop_index("v_1")


def test_in_a_batch_an_expired_document_that_is_put_again_holds_its_value(db, jobs):
    """Seen once: the batch changed no entry for it, so its next operation took the value to be free."""
    jobs.create_index("v", unique=True)
    for _ in range(30):  # until it is put again before it has been removed
        jobs.put("old", {"v": 1}, ttl=1e-6)
        eventually(lambda: "old" not in jobs, every=0)
        with pytest.raises(UniqueError):
            db.batch(BatchOperation("put", "jobs", id=id, fields={"v": 1}) for id in ("old", "new"))
        assert len(jobs) == 0


def test_indexes_are_there_after_reopening(durable):
    db = durable.open()
    jobs = db.create_collection("jobs")
    documents = fill(jobs, 3000)
    jobs.create_index(["state", "-priority"])
    jobs.create_index("n", unique=True)
    jobs.create_index("gone")
    jobs.drop_index("gone_1")
    for i in range(0, 3000, 3):
        jobs.delete(f"j{i}")
        del documents[f"j{i}"]
    before = jobs.indexes
    for _ in range(2):
        jobs = durable.reopen()["jobs"]
        assert [(i.name, i.fields, i.unique) for i in jobs.indexes] == [
            (i.name, i.fields, i.unique) for i in before
        ]
        for info in jobs.indexes:
            assert held(jobs, info.name) == expected(documents, info.fields)
        with pytest.raises(UniqueError):
            jobs.put("other", {"n": 1})


def test_a_dropped_index_is_gone_for_who_holds_it(db, jobs):
    fill(jobs)
    jobs.create_index("n")
    held_one = find_index(jobs, "n_1")
    jobs.drop_index("n_1")
    for call in (held_one.scan, held_one.documents, held_one.count_range):
        with pytest.raises(NotFoundError, match="n_1"):
            call()
    jobs.create_index("n")
    index = find_index(jobs, "n_1")
    db.drop_collection("jobs")
    with pytest.raises(NotFoundError, match="jobs"):
        index.documents()
    other = db.create_collection("jobs")
    assert other.indexes == []


def test_memory_is_counted_and_given_back(db, jobs):
    fill(jobs, 5000)
    before = db._engine.stats()["index_memory"]
    jobs.create_index("n")
    with_index = db._engine.stats()["index_memory"]
    assert with_index - before == jobs.indexes[0].memory
    jobs.drop_index("n_1")
    assert db._engine.stats()["index_memory"] == before


def test_a_partial_index_holds_what_matches(store):
    db = store.open()
    jobs = db.create_collection("jobs")
    documents = fill(jobs)
    where = {"state": "waiting", "priority": {"$gte": 2}}

    def check():
        documents = {id: doc[1] for id, doc in contents(jobs).items()}
        inside = {
            id: fields
            for id, fields in documents.items()
            if fields.get("state") == "waiting" and fields.get("priority", 0) >= 2
        }
        assert held(jobs, "p") == expected(inside, ("n",))

    assert jobs.create_index("n", unique=True, where=where, name="p") == "p"
    assert jobs.create_index("n", unique=True, where=where, name="p") == "p"
    with pytest.raises(SchemaError):
        jobs.create_index("n", unique=True, where={}, name="p")
    assert jobs.indexes[0].where == where
    check()
    jobs.update("j2", {"state": "running"})
    jobs.update("j3", {"state": "waiting"})
    jobs.update("j4", {"other": 1})
    jobs.delete("j6")
    jobs.put("late", {"state": "waiting", "priority": 9, "later": 1})
    check()
    jobs.put("twice", {"state": "running", "n": 10})
    with pytest.raises(UniqueError):
        jobs.put("twice", {"state": "waiting", "priority": 3, "n": documents["j10"]["n"]})
    check()
    if store.durable:
        jobs = store.reopen()["jobs"]
        assert jobs.indexes[0].where == where
        check()
    jobs.drop_index("p")
    jobs.put("twice", {"state": "waiting", "priority": 3, "n": 10})


@pytest.mark.parametrize("where", [{"a": {"$nope": 1}}, {"a": {"$regex": "x.*y+"}}, 5, {"$and": 1}])
def test_filters_that_no_partial_index_can_have(jobs, where):
    with pytest.raises(QueryError):
        jobs.create_index("n", where=where)
    assert jobs.indexes == []


def test_from_asyncio(store):
    async def main():
        async with velocity.aio.open(**{"data_dir": None, **store.settings()}) as db:
            jobs = await db.create_collection("jobs")
            await jobs.put("a", {"n": 1})
            assert await jobs.create_index("n", unique=True) == "n_1"
            with pytest.raises(UniqueError):
                await jobs.put("b", {"n": 1})
            assert [info.name for info in await jobs.indexes()] == ["n_1"]
            assert await db.indexes("jobs") == await jobs.indexes()
            await db.drop_index("jobs", "n_1")
            assert await jobs.indexes() == []

    asyncio.run(asyncio.wait_for(main(), 120))

"""find, find_one, explain, count: plans as explain tells them, kept plans, ids, what is refused."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone

import pytest

import velocity
import velocity.aio
from velocity import NotFoundError, Query, QueryError, QueryResult
from velocity.py.collection import Collection
from velocity.py.plan import Planner


@pytest.fixture
def jobs(db):
    jobs = db.create_collection("jobs")
    jobs.put_many(
        (f"j{i:03}", {"state": ["waiting", "running"][i % 2], "priority": i % 7, "n": i})
        for i in range(400)
    )
    return jobs


def ids(found):
    return [document.id for document in found]


def ns(found):
    return [document["n"] for document in found]


# --- plans


def test_without_an_index_it_scans(jobs):
    plan = jobs.explain({"n": 3})
    assert (plan["plan"], plan["index"], plan["returned"]) == ("scan", [], 1)
    assert plan["documents_examined"] == 400


def test_equality_range_and_order_by_one_compound_index(jobs):
    name = jobs.create_index(["state", "-priority", "n"])
    for query, sort, order, covered in [
        ({"state": "waiting"}, "-priority", "index", True),
        ({"state": "waiting"}, ["-priority", "n"], "index", True),
        ({"state": "waiting"}, ["priority", "-n"], "index", True),
        ({"state": "waiting", "priority": 6}, "n", "index", True),
        ({"state": "waiting", "priority": 6}, ["state", "-n"], "index", True),
        ({"state": "waiting", "priority": {"$gte": 2, "$lt": 5}}, "-priority", "index", True),
        ({"state": {"$in": ["running", "waiting"]}, "priority": 6}, "state", "index", True),
        ({"state": "waiting", "other": None}, "-priority", "index", False),
    ]:
        plan = jobs.explain(query, sort=sort, limit=10)
        assert (plan["plan"], plan["index"]) == ("index", [name]), query
        assert (plan["order"], plan["covered"]) == (order, covered), query
        assert plan["returned"] == 10
        if covered:
            assert plan["keys_examined"] == plan["documents_examined"] == 10
        else:
            assert 10 <= plan["keys_examined"] <= 40
    plan = jobs.explain({"state": "waiting", "priority": 6}, sort=["priority", "-n"])
    assert plan["reverse"]
    assert jobs.explain({"state": "waiting"}, sort="n", limit=3)["order"] == "sort"
    assert ns(jobs.find({"state": "waiting"}, sort=["-priority", "n"], limit=2)) == [6, 20]


def test_the_cheapest_of_several_indexes(jobs):
    jobs.create_index("state")
    name = jobs.create_index("n")
    plan = jobs.explain({"state": "waiting", "n": {"$in": [1, 2, 3]}})
    assert (plan["index"], plan["keys_examined"], plan["returned"]) == ([name], 3, 1)
    assert {tuple(each["index"]) for each in plan["candidates"]} >= {(), ("state_1",), ("n_1",)}
    assert min(plan["candidates"], key=lambda each: each["cost"])["index"] == [name]
    assert jobs.explain({"state": "waiting"})["plan"] == "scan"  # half of all: dearer by index


def test_alternatives_by_a_union_of_indexes(jobs):
    jobs.create_index("n")
    jobs.create_index(["priority", "n"])
    query = {"$or": [{"n": {"$lt": 4}}, {"priority": 3, "n": {"$gt": 390}}, {"n": 3}]}
    plan = jobs.explain(query, sort="-n")
    assert plan["plan"] == "union"
    assert plan["keys_examined"] < 10
    assert ns(jobs.find(query, sort="-n")) == [395, 3, 2, 1, 0]
    assert jobs.count(query) == 5
    assert jobs.explain({"$or": [{"n": 3}, {"state": "waiting"}]})["plan"] == "scan"


def test_a_beginning_of_strings_is_a_range(jobs):
    jobs.create_index("name")
    jobs.put_many((f"k{i}", {"name": f"{i:03}x"}) for i in range(300))
    plan = jobs.explain({"name": {"$regex": "^02"}})
    assert (plan["plan"], plan["returned"], plan["keys_examined"]) == ("index", 10, 10)


def test_a_partial_index_is_used_only_where_it_has_all_that_can_match(jobs):
    where = {"state": "waiting"}
    jobs.create_index("-priority", where=where, name="w")
    assert jobs.explain(where, sort="-priority", limit=5)["index"] == ["w"]
    assert jobs.explain(where, sort="-priority", limit=5)["covered"]
    assert jobs.explain({"state": "running"}, sort="-priority", limit=5)["plan"] == "scan"
    for _ in range(3):
        assert len(jobs.find(where, sort="-priority", limit=300).documents) == 200
        found = jobs.find({"state": "running"}, sort="-priority", limit=300)
        assert {document["state"] for document in found} == {"running"}
        assert len(found) == 200


@pytest.mark.parametrize(
    ("where", "query", "fields"),
    [
        ({"s": {"$ne": "x"}}, {"s": "y", "n": 1}, {"s": ["x", "y"], "n": 1}),
        ({"s": {"$exists": True}}, {"s": None, "n": 1}, {"n": 1}),
        ({"s": 1}, {"s": True, "n": 1}, {"s": True, "n": 1}),
        ({"s": {"$in": [1, 2]}}, {"s": 3, "n": 1}, {"s": 3, "n": 1}),
        ({"n": {"$gt": 5}}, {"n": {"$gt": 0}}, {"n": 1}),
    ],
)
def test_a_document_outside_a_partial_index_is_found(db, where, query, fields):
    c = db.create_collection("c")
    c.create_index("n", where=where)
    c.put_many((f"{i}", {"n": 100 + i, "s": 1}) for i in range(50))
    c.put("it", fields)
    for limit in (1, 2, 1, None):
        c.find({**query, **where}, limit=limit)
        if query == {"n": {"$gt": 0}}:
            c.find({"n": {"$gt": 5}}, limit=limit)
        found = c.find({**query, "n": fields["n"]} if "$gt" not in str(query) else query)
        assert "it" in ids(found)
        assert "it" in ids(c.find(query, limit=100))


def test_a_constant_field_that_holds_lists_does_not_stand_for_an_order(db):
    c = db.create_collection("c")
    c.create_index("k")
    c.put_many((f"{i}", {"k": 1, "t": [5, 9 - i]}) for i in range(9))
    for _ in range(2):
        assert [d["t"][1] for d in c.find({"k": 1, "t": 5}, sort="t", limit=3)] == [1, 2, 3]


def test_covered_counts_look_at_no_document(jobs):
    jobs.create_index(["priority", "n"])
    assert jobs.count({"priority": 3}) == 57
    assert jobs.count({"priority": 3, "n": {"$lt": 100}}) == 14
    assert jobs.count({"priority": {"$in": [3, 4, 9]}}) == 114
    assert jobs.count({"priority": 3, "state": "waiting"}) == 28


def test_a_count_that_ranges_tell_is_no_scan_though_all_match(jobs, monkeypatch):
    jobs.create_index("kind")
    jobs.update_where({}, {"kind": 1})
    monkeypatch.setattr(Collection, "_count_filter", None)
    monkeypatch.setattr(Collection, "_count_plan", None)
    assert jobs.count({"kind": 1}) == len(jobs) == 400


# --- kept plans


def test_a_kept_plan_ends_with_its_index(jobs):
    for _ in range(2):
        name = jobs.create_index("n")
        for value in (3, 3.0, "3", None, True, float("nan"), [3], {"a": 1}, b"3", 400):
            wanted = [d.id for d in jobs.scan() if d["n"] == value and value is not True]
            assert ids(jobs.find({"n": value}, limit=5)) == wanted
            one = jobs.find_one({"n": value})
            assert (one.id if one else None) == (wanted[0] if wanted else None)
        jobs.drop_index(name)
        assert ids(jobs.find({"n": 3}, limit=5)) == ["j003"]


def test_a_kept_plan_ends_when_a_list_comes(jobs):
    jobs.create_index("n")
    assert ns(jobs.find({"n": {"$gt": 10, "$lt": 13}}, limit=9)) == [11, 12]
    assert ns(jobs.find({"n": {"$gt": 10, "$lt": 13}}, limit=9)) == [11, 12]
    jobs.put("list", {"n": [0, 11, 12, 500]})
    assert sorted(ids(jobs.find({"n": {"$gt": 10, "$lt": 13}}, limit=9))) == ["j011", "j012", "list"]
    assert jobs.find({"n": {"$gt": 12}}, sort="-n", limit=1).documents[0].id == "list"
    jobs.put("far", {"n": [0, 500]})  # one element above, another below
    assert jobs.count({"n": {"$gt": 10, "$lt": 13}}) == 4


@pytest.fixture
def plans(monkeypatch):
    """A list that grows with each query that is planned."""
    planned, plan = [], Planner.plan

    def counted(self, filter, *rest):
        planned.append(filter)
        return plan(self, filter, *rest)

    monkeypatch.setattr(Planner, "plan", counted)
    return planned


def test_plans_are_kept_though_conditions_are_left_and_other_indexes_fit(jobs, plans):
    jobs.create_index(["state", "priority"])
    jobs.create_index("n")
    jobs.create_index("priority")
    for low in (10, 20, 30):
        for state in ("waiting", "running"):
            wanted = [
                d["n"]
                for d in jobs.scan()
                if d["state"] == state and d["n"] >= low and d["priority"] > 2
            ]
            spec = {"state": state, "priority": {"$gt": 2}, "n": {"$gte": low}}
            found = jobs.find(spec, sort="priority", limit=5).documents
            assert len({each.id for each in found} & {f"j{n:03}" for n in wanted}) == 5
            first = jobs.find_one(spec, sort="priority")
            claimed = jobs.find_one_and_update(spec, {"seen": low}, sort="priority")
            assert {each["priority"] for each in (*found, first, claimed)} == {3}
            assert {first["n"], claimed["n"]} <= set(wanted)
    assert len(plans) == 1


def test_a_partial_index_limited_to_a_range_is_kept_for_values_in_it(plans):
    with velocity.open() as db:
        c = db.create_collection("c")
        c.create_index("label", where={"label": {"$gt": ""}})
        labels = ["", "a", "b", "b", 3, *["z"] * 500]
        c.insert_many((f"{n}", {"label": value}) for n, value in enumerate(labels))
        for label, count in (("a", 1), ("b", 2), ("c", 0)):
            assert len(c.find({"label": label})) == count
        assert len(plans) == 1
        for label in ("", 3, 4, True):  # not in the index
            assert len(c.find({"label": label})) == (0 if label in (4, True) else 1)
        assert len(plans) == 5


def test_a_kept_plan_is_given_up_where_it_looks_at_too_much(plans):
    with velocity.open() as db:
        c = db.create_collection("c")
        c.create_index("a")
        c.create_index("b")
        c.put_many((f"{n}", {"a": 0, "b": n}) for n in range(20_000))
        c.put_many((f"{n}", {"a": n, "b": 0}) for n in range(20_000, 40_000))
        # By the other index each of these would look at up to 20,000 documents.
        asked = [(0, 15_000), (0, 16_000), (35_000, 0), (36_000, 0), (0, 17_000)]
        found = [c.find({"a": a, "b": b}).documents for a, b in asked]
        assert [[each.id for each in ids] for ids in found] == [[f"{a or b}"] for a, b in asked]
        assert plans == [{"a": a, "b": b} for a, b in (asked[0], asked[2], asked[4])]


def test_values_that_no_document_can_hold(jobs):
    jobs.create_index("n")
    for _ in range(2):
        jobs.find_one({"n": 1})
        for value in (2**70, "\ud800", object(), datetime(2020, 1, 1)):
            with pytest.raises(QueryError):
                jobs.find_one({"n": value})
        assert jobs.find_one({"n": "x" * 5000}) is None
        assert jobs.find_one({"n": datetime(2020, 1, 1, tzinfo=timezone.utc)}) is None


def test_what_is_on_disk_is_all_found_by_small_slices(tmp_path):
    with velocity.open(tmp_path / "d", storage_mode="persistent", cache_size=1) as db:
        c = db.create_collection("c")
        c.create_index("k")
        c.put_many((f"{i}", {"k": i % 100, "pad": "p" * 4000}) for i in range(1500))
        for k in [*range(100), *range(100)]:
            assert len(c.find({"k": k}, limit=200).documents) == 15


# --- results


def test_a_result(jobs):
    found = jobs.find({"state": "waiting"}, sort="n", limit=3, offset=2, fields=["n", "none"])
    assert isinstance(found, QueryResult)
    assert [document.fields for document in found] == [{"n": 4}, {"n": 6}, {"n": 8}]
    assert (len(found), found.has_more, found.total, found[0].id) == (3, True, 200, "j004")
    last = jobs.find({"state": "waiting"}, limit=10, offset=195)
    assert (len(last), last.has_more, last.total) == (5, False, 200)
    assert jobs.find(limit=0).total == 400
    assert jobs.find({"n": -1}).documents == []
    assert jobs.find(offset=500).total == 400


def test_fields_reach_into_objects_and_lists(db):
    c = db.create_collection("c")
    c.put("a", {"o": {"x": 1, "y": 2}, "l": [{"x": 1, "y": 2}, 5], "z": 1})
    [document] = c.find(fields=["o.x", "l.y", "z.q"])
    assert document.fields == {"o": {"x": 1}, "l": [{"y": 2}]}
    assert (document.id, document.version) == ("a", 1)
    assert c.find(fields=["o", "o.x"])[0].fields == {"o": {"x": 1, "y": 2}}


def test_the_same_on_the_database_and_in_asyncio(db, jobs):
    query = Query("jobs", {"state": "waiting"}, sort="-n", limit=2, fields=["n"])
    assert ns(db.query(query)) == ns(db.find("jobs", {"state": "waiting"}, "-n", 2)) == [398, 396]
    assert db.find_one("jobs", {"n": 3}).id == "j003"
    assert db.explain("jobs", {"n": 3})["plan"] == "scan"
    assert db.find_one_and_update("jobs", {"n": 3}, {"$inc": {"n": 1000}})["n"] == 1003
    assert db.update_where("jobs", {"n": 1003}, {"n": 3}) == 1
    assert db.delete_where("jobs", {"n": 3}) == 1
    with pytest.raises(QueryError, match="Query"):
        db.query({"collection": "jobs"})

    async def run():
        async with velocity.aio.open() as adb:
            c = await adb.create_collection("jobs")
            await c.put("a", {"n": 1})
            assert ids(await adb.query(Query("jobs"))) == ["a"]
            assert (await c.find_one({"n": 1})).id == "a"
            assert (await c.find_one_and_update({"n": 1}, {"n": 2}))["n"] == 2
            assert await c.update_where({"n": 2}, {"n": 3}) == 1
            assert await c.delete_where({"n": 3}) == 1

    asyncio.run(run())


# --- ids


def test_ids_in_a_filter(jobs):
    assert ids(jobs.find({"_id": "j007"})) == ["j007"]
    assert jobs.find_one({"_id": "j007", "state": "waiting"}) is None
    assert ids(jobs.find({"_id": {"$in": ["j009", "no", "", "x" * 2000, "j002", 5]}})) == ["j002", "j009"]
    assert ids(jobs.find({"_id": {"$gt": "j100", "$lte": "j103"}}, sort="-_id")) == [
        "j103", "j102", "j101"]  # fmt: skip
    assert ids(jobs.find({"state": "waiting"}, sort="_id", limit=2)) == ["j000", "j002"]
    assert ids(jobs.find({"$or": [{"_id": "j001"}, {"n": 5}]}, sort="_id")) == ["j001", "j005"]
    assert jobs.count({"_id": {"$ne": "j001"}}) == jobs.count({"$nor": [{"_id": "j001"}]}) == 399
    assert jobs.count({"_id": {"$gte": 5}}) == jobs.count({"_id": None}) == 0
    plan = jobs.explain({"_id": {"$in": ["j001", "j002"]}, "n": 1})
    assert (plan["plan"], plan["documents_examined"], plan["returned"]) == ("id", 2, 1)
    plan = jobs.explain({"_id": {"$gte": "j100"}}, sort="_id", limit=10)
    assert (plan["plan"], plan["order"], plan["documents_examined"]) == ("id", "index", 10)


def test_ids_in_writes(jobs):
    assert jobs.find_one_and_update({"_id": "j001"}, {"$inc": {"n": 1}})["n"] == 2
    assert jobs.find_one_and_update({"_id": "j001", "n": 1}, {"$inc": {"n": 1}}) is None
    made = jobs.find_one_and_update({"_id": "new", "n": 7}, {"$set": {"x": 1}}, upsert=True)
    assert (made.id, made.fields) == ("new", {"n": 7, "x": 1})
    assert jobs.update_where({"_id": {"$lt": "j003"}}, {"$set": {"x": 1}}) == 3
    assert jobs.count({"x": 1}) == 4
    assert jobs.delete_where({"_id": {"$in": ["j000", "j001", "j000"]}}) == 2
    assert "j000" not in jobs


def test_a_field_called_id_is_hidden_and_not_indexed(jobs):
    jobs.put("odd", {"_id": "j001"})
    assert ids(jobs.find({"_id": "j001"})) == ["j001"]
    with pytest.raises(velocity.SchemaError, match="_id"):
        jobs.create_index("_id")
    with pytest.raises(QueryError, match="_id"):
        jobs.create_index("n", where={"$or": [{"_id": "a"}]})


# --- refused


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"$what": 1}, r"\$what"),
        ({"a": {"$what": 1}}, r"a: \$what"),
        ({"$or": [{"n": 1}, {"a": {"$size": -1}}]}, r"\$or: \[1\]: a: \$size"),
        ({"a..b": 1}, "a..b"),
        ({"a": {"$regex": "("}}, r"\$regex"),
        ({"_id": {"$what": 1}}, r"_id: \$what"),
        ({5: 1}, "name must be a str, not int"),
        ([], "filter"),
        ("n", "filter"),
    ],
)
def test_a_filter_that_is_none_changes_nothing(jobs, query, named):
    jobs.create_index("n")
    for call in (
        jobs.find,
        jobs.find_one,
        jobs.count,
        jobs.explain,
        jobs.delete_where,
        lambda spec: jobs.update_where(spec, {"x": 1}),
        lambda spec: jobs.find_one_and_update(spec, {"x": 1}),
        lambda spec: jobs.find_one_and_update(spec, {"x": 1}, upsert=True),
    ):
        with pytest.raises(QueryError, match=named):
            call(query)
    assert len(jobs) == 400
    assert jobs.count({"x": 1}) == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"sort": "a..b"}, "sort.*a..b"),
        ({"sort": "-"}, "sort"),
        ({"sort": ["a", "-a"]}, "sort.*twice"),
        ({"sort": 5}, "sort.*int"),
        ({"sort": [("a", 2)]}, "sort: item 0"),
        ({"sort": [5]}, "sort: item 0"),
        ({"sort": ["n"] + [f"f{i}" for i in range(40)]}, "sort"),
        ({"sort": "\ud800"}, "sort"),
        ({"limit": -1}, "limit: -1"),
        ({"limit": 1.5}, "limit.*float"),
        ({"limit": True}, "limit.*bool"),
        ({"offset": -1}, "offset: -1"),
        ({"offset": "1"}, "offset.*str"),
        ({"fields": "a"}, "fields.*str"),
        ({"fields": [5]}, "fields.*int"),
        ({"fields": ["a..b"]}, "fields.*a..b"),
    ],
)
def test_arguments_that_make_no_sense(jobs, arguments, named):
    for _ in range(2):
        with pytest.raises(QueryError, match=named):
            jobs.find({"n": 3}, **arguments)
        jobs.find({"n": 3}, limit=1)


def test_a_pattern_that_takes_for_ever_ends():
    jobs = velocity.open().create_collection("jobs")
    jobs.create_index("n")
    jobs.put("bad", {"n": -1, "text": "a" * 60 + "!"})
    query = {"text": {"$regex": "^(a|a)*$"}}
    for call in (
        lambda: jobs.find({"n": -1, **query}),
        lambda: jobs.find_one_and_update({"n": -1, **query}, {"x": 1}),
    ):
        with pytest.raises(QueryError, match="regex"):
            call()
    assert jobs["bad"].version == 1


def test_after_the_end(db, jobs):
    jobs.create_index("n")
    for _ in range(2):
        jobs.find_one({"n": 3})
    db.drop_collection("jobs")
    for call in (jobs.find, jobs.find_one, jobs.count, jobs.delete_where, jobs.explain):
        for query in ({"n": 3}, {"_id": "a"}, {}):
            with pytest.raises(NotFoundError):
                call(query)
    others = db.create_collection("others")
    others.create_index("n")
    others.put("a", {"n": 3})
    for _ in range(2):
        assert others.find_one({"n": 3})
    db.close()
    for call in (others.find, others.find_one, others.count, others.delete_where):
        for query in ({"n": 3}, {"_id": "a"}, {}):
            with pytest.raises(velocity.DatabaseClosedError):
                call(query)
    with pytest.raises(velocity.DatabaseClosedError):
        others.find_one_and_update({"n": 3}, {"n": 4})

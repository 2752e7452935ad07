"""Ranges of one index read side by side: where explain says so, what they give, when they are not used."""

from __future__ import annotations

import pytest

import velocity
from velocity import QueryError

FILTER = {"colony": "c", "pool": {"$in": [None, "me"]}, "place": {"$in": ["", "berlin"]}}
INDEX = ["colony", "pool", "place", "time", "seq"]
SORT = ["time", "seq"]
POOLS = [None, "me", "you"]
PLACES = ["", "berlin", "oslo"]


def jobs_of(count):
    for n in range(count):
        fields = {"colony": "c", "pool": POOLS[n % 3], "place": PLACES[n // 3 % 3], "time": n * 7 % 50, "seq": n}
        if fields["pool"] is None and n % 2:
            del fields["pool"]
        yield f"j{n:04}", fields


@pytest.fixture
def jobs(db):
    jobs = db.create_collection("jobs")
    jobs.put_many(jobs_of(900))
    return jobs


def wanted(jobs, reverse=False):
    found = [d for d in jobs.scan() if d.get("pool") in (None, "me") and d["place"] in ("", "berlin")]
    return [d.id for d in sorted(found, key=lambda d: (d["time"], d["seq"]), reverse=reverse)]


def ids(found):
    return [document.id for document in found]


# --- plans


@pytest.mark.parametrize(
    ("query", "sort", "merged"),
    [
        (FILTER, SORT, 4),
        (FILTER, "time", 4),
        (FILTER, ["-time", "-seq"], 4),
        (FILTER, ["colony", "time"], 4),
        ({**FILTER, "time": {"$gte": 10, "$lt": 30}}, SORT, 4),
        ({**FILTER, "time": {"$in": [3, 4, 5]}}, SORT, 12),
        ({**FILTER, "pool": {"$in": ["me", "me"]}}, SORT, 2),
        ({**FILTER, "pool": {"$in": []}}, SORT, 0),
        ({**FILTER, "pool": "me", "place": ""}, SORT, 0),  # one range, as ever
        (FILTER, ["pool", "place", "time"], 0),  # in order one after the other
        (FILTER, ["place", "time"], 4),
    ],
)
def test_ranges_are_merged_for_an_order_behind_them(jobs, query, sort, merged):
    jobs.create_index(INDEX)
    plan = jobs.explain(query, sort=sort, limit=10)
    assert (plan["plan"], plan["order"], plan["merged"]) == ("index", "index", merged)
    assert plan["covered"]
    assert plan["keys_examined"] == plan["documents_examined"] == plan["returned"]
    assert plan["returned"] == (0 if query["pool"] == {"$in": []} else 10)
    assert ("ranges merged" in plan["why"]) == (merged > 0)


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        (FILTER, "seq"),  # the time lies between
        (FILTER, ["time", "-seq"]),  # neither forwards nor backwards
        ({**FILTER, "pool": {"$gt": ""}}, SORT),
        ({"colony": "c", "place": {"$in": ["", "berlin"]}}, SORT),  # any pool
        ({"colony": "c", "pool": {"$in": [None, "me"]}}, SORT),  # any place
        ({**FILTER, "place": {"$in": [f"{n}" for n in range(33)]}}, SORT),  # 66 ranges
        ({**FILTER, "pool": {"$in": [f"{n}" for n in range(2000)]}}, SORT),
    ],
)
def test_ranges_are_not_merged(jobs, query, sort):
    jobs.create_index(INDEX)
    plan = jobs.explain(query, sort=sort, limit=10)
    assert plan["merged"] == 0
    assert plan["order"] == "sort"
    assert "sorted afterwards" in plan["why"] or plan["plan"] == "scan"


def test_the_most_ranges(jobs):
    jobs.create_index(INDEX)
    query = {**FILTER, "pool": {"$in": [None, *(f"{n}" for n in range(31))]}}
    for _ in range(2):
        assert jobs.explain(query, sort=SORT, limit=5)["merged"] == 64
        found = jobs.find(query, sort=SORT, limit=5)
        assert len(found.documents) == 5
        assert {document.get("pool") for document in found} == {None}


def test_by_cost(jobs):
    jobs.create_index(["place", "time"])
    jobs.put_many((f"k{n}", {"place": n % 1200, "time": n, "odd": n % 2}) for n in range(12_000))
    query = {"place": {"$in": list(range(60))}, "odd": 1}
    # 10 in each of 60 ranges: to look all these up for every slice costs more than to sort what matches.
    plan = jobs.explain(query, sort="time")
    assert (plan["plan"], plan["order"], plan["merged"], plan["returned"]) == ("index", "sort", 0, 300)
    plan = jobs.explain(query, sort="time", limit=5)
    assert (plan["plan"], plan["order"], plan["merged"], plan["returned"]) == ("index", "index", 60, 5)
    assert plan["keys_examined"] < 100
    assert [d["time"] for d in jobs.find(query, sort="time", limit=5)] == [1, 3, 5, 7, 9]


def test_what_is_no_condition_of_the_index_is_checked(jobs):
    jobs.create_index(INDEX)
    query = {**FILTER, "seq": {"$mod": [5, 0]}}
    plan = jobs.explain(query, sort=SORT, limit=10)
    assert (plan["merged"], plan["covered"]) == (4, False)
    assert plan["keys_examined"] < 100
    assert ids(jobs.find(query, sort=SORT, limit=10)) == [
        id for id in wanted(jobs) if jobs[id]["seq"] % 5 == 0][:10]  # fmt: skip


def test_a_partial_index(jobs):
    jobs.create_index(INDEX[1:], where={"colony": "c"})
    jobs.put("other", {**jobs["j0000"].fields, "colony": "d", "time": -1})
    for _ in range(3):
        assert ids(jobs.find(FILTER, sort=SORT, limit=9)) == wanted_of(jobs, "c")[:9]
    assert jobs.explain(FILTER, sort=SORT, limit=9)["merged"] == 4
    assert jobs.explain({**FILTER, "colony": "d"}, sort=SORT, limit=9)["plan"] == "scan"
    assert ids(jobs.find({**FILTER, "colony": "d"}, sort=SORT, limit=9)) == ["other"]


def wanted_of(jobs, colony):
    return [id for id in wanted(jobs) if jobs[id]["colony"] == colony]


# --- what they give


@pytest.mark.parametrize("reverse", [False, True])
def test_all_slices_offsets_and_limits(jobs, reverse):
    jobs.create_index(INDEX)
    sort = ["-time", "-seq"] if reverse else SORT
    right = wanted(jobs, reverse)
    assert len(right) > 256
    for limit in (1, 2, 255, 256, 257, 399, None):
        for offset in (0, 1, 100, 300, 1000):
            for _ in range(2):
                found = jobs.find(FILTER, sort=sort, limit=limit, offset=offset)
                stop = None if limit is None else offset + limit
                assert ids(found) == right[offset:stop]
                assert found.has_more == (stop is not None and stop < len(right))
                assert found.total == len(right)
    assert jobs.find_one(FILTER, sort=sort).id == right[0]
    assert jobs.count(FILTER) == len(right)


def test_ties_across_ranges_all_come(db):
    c = db.create_collection("c")
    c.create_index(["k", "t"])
    c.put_many((f"d{n:04}", {"k": n % 20, "t": 1}) for n in range(2000))
    for sort in ("t", "-t"):
        found = ids(c.find({"k": {"$in": [0, 1, 3]}}, sort=sort))
        assert sorted(found) == [f"d{n:04}" for n in range(2000) if n % 20 in (0, 1, 3)]
        assert c.explain({"k": {"$in": [0, 1, 3]}}, sort=sort)["merged"] == 3


def test_a_later_slice_begins_in_no_gap_between_ranges(db):
    c = db.create_collection("c")
    c.create_index(["k", "t", "n"])
    c.put_many((f"d{n:04}", {"k": n % 2, "t": n // 2 % 20, "n": n}) for n in range(12_000))
    query = {"k": {"$in": [0, 1]}, "t": {"$in": [3, 9]}}
    right = sorted(range(12_000), key=lambda n: (n // 2 % 20, n))
    right = [n for n in right if n // 2 % 20 in (3, 9)]
    for sort, found in ((["t", "n"], right), (["-t", "-n"], right[::-1])):
        plan = c.explain(query, sort=sort, limit=1000)
        assert (plan["merged"], plan["returned"], plan["keys_examined"]) == (4, 1000, 1000)
        assert [d["n"] for d in c.find(query, sort=sort, limit=1000)] == found[:1000]


def test_many_documents_of_many_ranges_come_once(db):
    """Each has an entry in each of 64 ranges, so that many more entries than a slice has are read for few."""
    c = db.create_collection("c")
    c.create_index(["tags", "n"])
    tags = list(range(64))
    c.put_many((f"d{n:03}", {"tags": tags, "n": n}) for n in range(3000))
    query = {"tags": {"$in": tags}}
    for sort in ("n", "-n"):
        plan = c.explain(query, sort=sort, limit=300)
        assert (plan["merged"], plan["returned"], plan["keys_examined"]) == (64, 300, 300)
        found = [d["n"] for d in c.find(query, sort=sort, limit=300)]
        assert found == list(range(3000))[:: 1 if sort == "n" else -1][:300]
    assert c.count(query) == 3000


def test_a_value_longer_than_any_key(jobs):
    jobs.create_index(INDEX)
    for value in ("x" * 2000, "x" * 1020, "x" * 1022, "x" * 70_000):
        query = {**FILTER, "pool": {"$in": [None, value]}, "place": {"$in": ["", value]}}
        for _ in range(3):
            found = jobs.find(query, sort=SORT, limit=300)
            assert ids(found) == [id for id in wanted(jobs) if jobs[id].get("pool") is None and not jobs[id]["place"]]


def test_kept_for_the_shape_with_as_many_values(jobs):
    jobs.create_index(INDEX)
    for _ in range(2):
        for pools in ([None, "me"], ["you", "me"], ["me", "me"], ["me"], [], POOLS, [None, "me", "me"], [1, 1.0]):
            for times in ({"$gte": 10, "$lt": 30}, {"$gte": 30, "$lt": 10}, {"$gte": 10}):
                query = {**FILTER, "pool": {"$in": pools}, "time": times}
                for sort in (SORT, ["-time", "-seq"]):
                    right = [d for d in jobs.scan()
                             if d.get("pool") in pools and d["place"] in ("", "berlin")
                             and 10 <= d["time"] < times.get("$lt", 100) and times["$gte"] <= d["time"]]  # fmt: skip
                    right.sort(key=lambda d: (d["time"], d["seq"]), reverse=sort != SORT)
                    assert ids(jobs.find(query, sort=sort, limit=20)) == ids(right[:20]), query
                    one = jobs.find_one(query, sort=sort)
                    assert (one and one.id) == (right[0].id if right else None)


def test_values_that_no_document_can_hold(jobs):
    jobs.create_index(INDEX)
    for _ in range(2):
        jobs.find_one(FILTER, sort=SORT)
        for value in (2**70, "\ud800", object()):
            with pytest.raises(QueryError):
                jobs.find_one({**FILTER, "pool": {"$in": [None, value]}}, sort=SORT)
        with pytest.raises(QueryError):
            jobs.find_one({**FILTER, "pool": {"$in": 5}}, sort=SORT)


def test_more_ranges_than_the_plan_kept_for_another_number_of_values(jobs):
    jobs.create_index(INDEX)
    for count in (2, 33, 2, 33):
        query = {**FILTER, "pool": {"$in": [None] * count}}
        assert ids(jobs.find(query, sort=SORT, limit=30)) == [
            id for id in wanted(jobs) if jobs[id].get("pool") is None][:30]  # fmt: skip


def test_claims_come_in_order(jobs):
    jobs.create_index(INDEX)
    right = wanted(jobs)
    claim = {"$set": {"colony": "done"}}
    assert [jobs.find_one_and_update(FILTER, claim, sort=SORT).id for _ in right] == right
    assert jobs.find_one_and_update(FILTER, claim, sort=SORT) is None
    back = {"colony": "c"}  # in the index, and moved in the order by the claim itself
    jobs.update_where({"colony": "done"}, back)
    assert jobs.find_one_and_update(FILTER, {"$set": {"time": 1000}}, sort=SORT).id == right[0]
    assert jobs.find_one_and_update(FILTER, {"$set": {"pool": "me"}}, sort=["-time", "-seq"]).id == right[0]
    assert jobs.find_one_and_update(FILTER, claim, sort=SORT).id == right[1]


def test_writes_of_all_that_match(jobs):
    jobs.create_index(INDEX)
    count = jobs.count(FILTER)
    assert jobs.update_where(FILTER, {"$set": {"seen": True}}) == count == jobs.count({"seen": True})
    assert jobs.delete_where(FILTER) == count
    assert jobs.find_one(FILTER, sort=SORT) is None


# --- lists


@pytest.fixture
def tagged(db):
    c = db.create_collection("c")
    c.put_many((f"d{n:03}", {"tags": [n % 3, 3 + n % 2, 9], "p": n * 7 % 100, "n": n}) for n in range(300))
    return c


@pytest.mark.parametrize("reopened", [False, True])
def test_an_order_holds_beside_a_field_of_lists(tmp_path, reopened):
    with velocity.open(tmp_path / "d") as db:
        c = db.create_collection("c")
        c.create_index(["tags", "p", "n"])
        c.put_many((f"d{n:03}", {"tags": [n % 3, 3 + n % 2, 9], "p": n * 7 % 100, "n": n}) for n in range(300))
        if not reopened:
            check_lists(c)
    with velocity.open(tmp_path / "d") as db:
        check_lists(db["c"])


def check_lists(c):
    for values, merged in [([9], 0), ([1, 4], 2), ([1, 4, 9, 4], 3)]:
        query = {"tags": values[0] if len(values) == 1 else {"$in": values}}
        right = sorted((d for d in c.scan() if set(values) & set(d["tags"])), key=lambda d: (d["p"], d["n"]))
        for _ in range(3):
            assert ids(c.find(query, sort=["p", "n"], limit=50)) == ids(right[:50])
            assert ids(c.find(query, sort=["-p", "-n"])) == ids(reversed(right))
        plan = c.explain(query, sort=["p", "n"], limit=50)
        assert (plan["order"], plan["merged"]) == ("index", merged)
        assert plan["keys_examined"] == plan["documents_examined"] == 50
        assert c.count(query) == len(right) == len(c.find(query).documents)
    assert c.explain({"tags": 9}, sort=["tags", "p"], limit=5)["order"] == "sort"
    assert c.explain({"tags": {"$gt": 1}}, sort="p", limit=5)["order"] == "sort"
    both = c.explain({"tags": 9, "p": {"$gte": 10, "$lt": 20}}, sort="p")
    assert (both["covered"], both["order"], both["keys_examined"]) == (True, "index", both["returned"])


def test_both_bounds_of_a_field_of_lists_are_not_one_range(tagged):
    tagged.create_index(["n", "tags"])
    query = {"n": 7, "tags": {"$gt": 4, "$lt": 9}}  # 9 is above, 1 and 4 below
    assert ids(tagged.find(query)) == ["d007"]
    assert not tagged.explain(query)["covered"]
    plan = tagged.explain({"n": {"$gte": 5, "$lt": 9}})
    assert plan["covered"] and plan["returned"] == 4 and plan["keys_examined"] == 12
    assert tagged.count({"n": {"$gte": 5, "$lt": 9}}) == 4
    plan = tagged.explain({"n": {"$gte": 5}}, sort="n", limit=3)
    assert (plan["order"], plan["returned"], plan["keys_examined"]) == ("index", 3, 7)
    assert [d["n"] for d in tagged.find(sort="-n", limit=4)] == [299, 298, 297, 296]


def test_kept_plans_end_when_lists_come_to_the_order(jobs):
    jobs.create_index(INDEX)
    right = wanted(jobs)
    for _ in range(2):
        assert ids(jobs.find(FILTER, sort=SORT, limit=2)) == right[:2]
    jobs.put("list", {"colony": "c", "pool": "me", "place": "", "time": [0, -5, 900], "seq": 1})
    for _ in range(2):
        assert ids(jobs.find(FILTER, sort=SORT, limit=2)) == ["list", right[0]]
        assert jobs.find_one(FILTER, sort=["-time", "-seq"]).id == "list"
    assert jobs.explain(FILTER, sort=SORT, limit=2)["order"] == "sort"
    assert jobs.find_one_and_update(FILTER, {"$set": {"pool": "no"}}, sort=["-time"]).id == "list"
    assert ids(jobs.find(FILTER, sort=SORT)) == right
    assert jobs.count(FILTER) == len(right)


def test_lists_that_come_in_front_of_the_order_come_once(jobs):
    jobs.create_index(INDEX)
    for _ in range(2):
        jobs.find_one(FILTER, sort=SORT)
    jobs.put("list", {"colony": "c", "pool": ["me", "you", None], "place": "", "time": -1, "seq": 1})
    for _ in range(3):
        assert ids(jobs.find(FILTER, sort=SORT, limit=3)) == ["list", *wanted_of_plain(jobs)[:2]]
    plan = jobs.explain(FILTER, sort=SORT, limit=3)
    assert (plan["merged"], plan["keys_examined"]) == (4, 3)
    assert jobs.count(FILTER) == len(wanted_of_plain(jobs)) + 1
    claim, first = {"$set": {"time": 5000}}, wanted_of_plain(jobs)[0]
    claimed = [jobs.find_one_and_update(FILTER, claim, sort=SORT).id for _ in range(2)]
    assert claimed == ["list", first]


def wanted_of_plain(jobs):
    right = [d for d in jobs.scan() if d.id != "list" and d.get("pool") in (None, "me")]
    right = [d for d in right if d["place"] in ("", "berlin")]
    return ids(sorted(right, key=lambda d: (d["time"], d["seq"])))

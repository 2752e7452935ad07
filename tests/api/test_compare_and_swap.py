"""Compare-and-swap: every condition, and a mismatch that is a result."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from support.store import contents
from velocity import CASRequest, CASResult, ConsistencyError, SchemaError


@pytest.fixture
def jobs(db):
    jobs = db.create_collection("jobs")
    jobs.insert("p1", {"state": "waiting", "n": 1, "none": None})
    return jobs


def test_claiming(jobs):
    result = jobs.compare_and_swap(
        "p1", expected={"state": "waiting"}, value={"state": "running", "executor_id": "e1"}
    )
    assert isinstance(result, CASResult)
    assert result.success is True
    assert bool(result)
    assert result.version == 2
    assert result.current_value == {"state": "running", "n": 1, "none": None, "executor_id": "e1"}
    assert contents(jobs) == {"p1": (2, result.current_value)}


def test_a_mismatch_is_a_result_with_what_stood_in_the_way(jobs):
    result = jobs.compare_and_swap("p1", expected={"state": "running"}, value={"state": "done"})
    assert result.success is False
    assert not result
    assert result.version == 1
    assert result.current_value == {"state": "waiting", "n": 1, "none": None}
    assert contents(jobs) == {"p1": (1, result.current_value)}


def test_absent_is_expected_and_so(jobs):
    result = jobs.compare_and_swap("p2", expected=None, value={"state": "new"})
    assert (result.success, result.version, result.current_value) == (True, 1, {"state": "new"})
    assert jobs["p2"].version == 1


def test_absent_is_expected_but_present(jobs):
    result = jobs.compare_and_swap("p1", value={"state": "new"})
    assert (result.success, result.version) == (False, 1)
    assert result.current_value["state"] == "waiting"


@pytest.mark.parametrize("expected", [{"state": "waiting"}, {}, {"anything": None}], ids=repr)
def test_fields_are_expected_but_absent(expected, jobs):
    result = jobs.compare_and_swap("p2", expected=expected, value={"state": "new"})
    assert (result.success, result.current_value, result.version) == (False, None, 0)
    assert "p2" not in jobs


def test_a_version_is_expected(jobs):
    assert not jobs.compare_and_swap("p1", expected_version=2, value={"n": 2}).success
    result = jobs.compare_and_swap("p1", expected_version=1, value={"n": 2})
    assert (result.success, result.version) == (True, 2)
    result = jobs.compare_and_swap("p1", expected_version=1, value={"n": 3})
    assert (result.success, result.version, result.current_value["n"]) == (False, 2, 2)
    absent = jobs.compare_and_swap("p2", expected_version=1, value={"n": 3})
    assert (absent.success, absent.version, absent.current_value) == (False, 0, None)
    assert "p2" not in jobs


def test_version_and_fields_are_expected(jobs):
    both = {"expected": {"state": "waiting"}, "expected_version": 1}
    assert not jobs.compare_and_swap("p1", {"state": "x"}, {"n": 2}, expected_version=1).success
    assert not jobs.compare_and_swap(
        "p1", {"state": "waiting"}, {"n": 2}, expected_version=2
    ).success
    assert jobs.compare_and_swap("p1", value={"n": 2}, **both).success
    assert jobs["p1"]["n"] == 2


def test_any_present_document_is_expected(jobs):
    assert jobs.compare_and_swap("p1", expected={}, value={"n": 2}).success
    assert jobs["p1"]["n"] == 2


def test_a_missing_field_equals_none(jobs):
    assert jobs.compare_and_swap("p1", {"missing": None, "none": None}, {"n": 2}).success
    assert not jobs.compare_and_swap("p1", {"missing": 0}, {"n": 3}).success
    assert not jobs.compare_and_swap("p1", {"n": None}, {"n": 3}).success
    assert jobs["p1"]["n"] == 2


def test_every_field_named_must_be_equal(jobs):
    assert not jobs.compare_and_swap("p1", {"state": "waiting", "n": 2}, {"x": 1}).success
    assert not jobs.compare_and_swap("p1", {"n": 2, "state": "waiting"}, {"x": 1}).success
    assert jobs.compare_and_swap("p1", {"n": 1, "state": "waiting"}, {"x": 1}).success


NAN = float("nan")
WHEN = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
THERE = WHEN.astimezone(timezone(timedelta(hours=3)))
EQUAL = [
    (1, 1.0, True),
    (1.0, 1, True),
    (2**53 + 1, float(2**53), False),
    (2**63 - 1, 2.0**63, False),
    (1, True, False),
    (0, False, False),
    (False, None, False),
    (0.0, -0.0, True),
    (NAN, NAN, True),
    ("a", "a", True),
    ("a", b"a", False),
    ("1", 1, False),
    ("é", "e\u0301", False),
    ([1, [2]], [1, [2]], True),
    ([1, 2], (1, 2.0), True),
    ([1, 2], [2, 1], False),
    ([1], [1, None], False),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    ({"a": 1}, {"a": 1, "b": None}, False),
    ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1.0, {"c": "x"}]}}, True),
    (WHEN, THERE, True),
    (WHEN, WHEN + timedelta(microseconds=1), False),
    ([], {}, False),
    ("", None, False),
    ("x" * 1000, "x" * 1000, True),
    (list(range(300)), list(range(300)), True),
]


@pytest.mark.parametrize(
    ("stored", "expected", "equal"), EQUAL, ids=lambda value: ascii(value)[:30]
)
def test_what_is_equal(stored, expected, equal, jobs):
    jobs.put("p", {"v": stored})
    result = jobs.compare_and_swap("p", {"v": expected}, {"done": True})
    assert result.success is equal
    assert ("done" in jobs["p"]) is equal
    assert jobs.count({"v": expected}) == (1 if equal else 0) + (1 if expected is None else 0)


def test_replace(jobs):
    result = jobs.compare_and_swap("p1", {"state": "waiting"}, {"only": 1}, replace=True)
    assert (result.success, result.current_value) == (True, {"only": 1})
    assert contents(jobs) == {"p1": (2, {"only": 1})}
    assert not jobs.compare_and_swap("p1", {"state": "waiting"}, {"x": 1}, replace=True).success
    assert jobs.compare_and_swap("p2", None, {"x": 1}, replace=True).success


def test_merge_is_shallow_as_update(jobs):
    jobs.put("p", {"deep": {"x": 1}, "n": 1})
    assert jobs.compare_and_swap("p", {"n": 1}, {"deep": {"y": 2}}).current_value == {
        "deep": {"y": 2},
        "n": 1,
    }


def test_an_empty_value_counts_a_version(jobs):
    assert jobs.compare_and_swap("p1", {"n": 1}, {}).version == 2
    assert jobs["p1"]["n"] == 1


def test_ttl(jobs):
    assert jobs.compare_and_swap("p1", {"n": 1}, {"n": 2}, ttl=1000).success
    doc = jobs["p1"]
    assert abs((doc.expires - doc.modified).total_seconds() - 1000) < 1
    assert not jobs.compare_and_swap("p1", {"n": 1}, {"n": 2}, ttl=5).success
    assert jobs["p1"].expires == doc.expires
    assert jobs.compare_and_swap("p2", None, {"n": 1}, ttl=500).success
    assert jobs["p2"].expires is not None


def test_on_the_database_with_a_request(db, jobs):
    result = db.compare_and_swap("jobs", CASRequest(key="p1", expected={"n": 1}, value={"n": 2}))
    assert (result.success, result.version) == (True, 2)
    assert not db.compare_and_swap(
        "jobs", CASRequest(key="p1", expected_version=1, value={"n": 3})
    ).success
    assert db.compare_and_swap("jobs", CASRequest(key="p2", value={"n": 1})).success
    request = CASRequest(key="p1", expected={"n": 2}, value={"only": 1}, replace=True, ttl=100)
    assert db.compare_and_swap("jobs", request).current_value == {"only": 1}
    assert jobs["p1"].expires is not None


def test_on_the_database_as_on_the_collection(db, jobs):
    assert db.compare_and_swap("jobs", "p1", expected={"n": 1}, value={"n": 2}).success
    assert jobs["p1"]["n"] == 2


def test_a_request_means_the_same_on_collection_and_database(db, jobs):
    request = CASRequest("p1", {"state": "waiting"}, {"n": 5}, 1, replace=True, ttl=60)
    assert jobs.compare_and_swap(request).current_value == {"n": 5}
    assert jobs["p1"].expires is not None
    assert not db.compare_and_swap("jobs", request).success
    with pytest.raises(SchemaError, match="needs a value"):
        jobs.compare_and_swap(CASRequest("p1", {"n": 5}))
    for more in ({"value": {"n": 6}}, {"expected": {"n": 5}}):
        with pytest.raises(SchemaError):  # two answers to one question
            db.compare_and_swap("jobs", request, **more)
    with pytest.raises(ConsistencyError):
        jobs.compare_and_swap(request, consistency="strong")


def test_the_result_is_a_snapshot(jobs):
    result = jobs.compare_and_swap("p1", {"n": 1}, {"n": 2, "list": [1]})
    result.current_value["list"].append(2)
    assert jobs["p1"]["list"] == [1]
    jobs.put("p1", {"n": 3})
    assert result.version == 2
    assert result.current_value["n"] == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"expected": 5},
        {"expected": {"n": object()}},
        {"expected": {5: 1}},
        {"value": 5},
        {"value": {"n": {1}}},
        {"expected_version": "1"},
        {"expected_version": -1},
        {"expected_version": 1.5},
    ],
    ids=repr,
)
def test_wrong_arguments(wrong, jobs):
    before = contents(jobs)
    with pytest.raises((SchemaError, TypeError, ValueError)):
        jobs.compare_and_swap("p1", **({"expected": {"n": 1}, "value": {"n": 2}} | wrong))
    assert contents(jobs) == before


def test_large_documents(jobs):
    jobs.put("big", {"state": "waiting", "payload": b"x" * 3_000_000, "last": 1})
    result = jobs.compare_and_swap("big", {"last": 1, "state": "waiting"}, {"last": 2})
    assert result.success
    assert result.current_value["payload"] == b"x" * 3_000_000
    assert not jobs.compare_and_swap("big", {"payload": b"x" * 2_999_999}, {"last": 3}).success
    assert jobs.compare_and_swap("big", {"payload": b"x" * 3_000_000}, {"payload": None}).success
    assert jobs["big"].fields == {"state": "waiting", "payload": None, "last": 2}


def test_exactly_one_claim_of_each_job(jobs):
    jobs.put_many((f"j{n}", {"state": "waiting"}) for n in range(100))
    claims = [
        (n, worker)
        for worker in range(3)
        for n in range(100)
        if jobs.compare_and_swap(
            f"j{n}", {"state": "waiting"}, {"state": "running", "worker": worker}
        ).success
    ]
    assert claims == [(n, 0) for n in range(100)]

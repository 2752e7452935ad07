"""Logs: lines by process, by executor, by text."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from support.threads import run_threads
from velocity import QueryError, SchemaError
from velocity.py.colonyos import Log
from velocity.py.colonyos.store import now


def add(adapter, msg, timestamp=0, *, process="p", colony="c", executor="e", **added):
    adapter.add_log(process, colony, executor, timestamp, msg, **added)


def texts(logs):
    return [each.message for each in logs]


def test_a_line_reads_back_as_it_was_added(adapter):
    adapter.add_log("process", "colony", "executor", 1_700_000_000_123_456_789, "message\n")
    line = Log(processid="process", colonyname="colony", executorname="executor",
               message="message\n", timestamp=1_700_000_000_123_456_789)
    assert adapter.get_logs_by_process_id("process", 10) == [line]
    assert adapter.get_logs_by_executor("executor", 10) == [line]


def test_the_process_may_be_absent_or_empty(adapter):
    add(adapter, "no process", process="")
    add(adapter, "a process", process="p")
    assert texts(adapter.get_logs_by_process_id("", 10)) == ["no process"]
    assert texts(adapter.get_logs_by_executor("e", 10)) == ["no process", "a process"]


@pytest.mark.parametrize("read", [
    lambda adapter, limit: adapter.get_logs_by_process_id("p", limit),
    lambda adapter, limit: adapter.get_logs_by_executor("e", limit),
], ids=["process", "executor"])
def test_lines_come_by_timestamp_then_in_the_order_of_adding(adapter, read):
    for msg, timestamp in [("c", 3), ("a", 1), ("b2", 2), ("b1", 2), ("z", -5)]:
        add(adapter, msg, timestamp)
    add(adapter, "another's", 0, process="other", executor="other")
    assert texts(read(adapter, 10)) == ["z", "a", "b2", "b1", "c"]
    assert texts(read(adapter, 2)) == ["z", "a"]
    assert read(adapter, 0) == []
    with pytest.raises(QueryError):
        read(adapter, -1)


@pytest.mark.parametrize("read", [
    lambda adapter, *rest: adapter.get_logs_by_process_id_since("p", *rest),
    lambda adapter, *rest: adapter.get_logs_by_executor_since("e", *rest),
], ids=["process", "executor"])
def test_since_is_strict(adapter, read):
    for timestamp in (5, 1, 3, 3, 2):
        add(adapter, f"{timestamp}", timestamp)
    add(adapter, "another's", 9, process="other", executor="other")
    assert texts(read(adapter, 10, 2)) == ["3", "3", "5"]
    assert texts(read(adapter, 1, 2)) == ["3"]
    assert read(adapter, 10, 5) == []
    assert read(adapter, 0, 0) == []
    with pytest.raises(QueryError):
        read(adapter, -1, 0)


@pytest.mark.parametrize("read", [
    lambda adapter, limit: adapter.get_logs_by_process_id_latest("p", limit),
    lambda adapter, limit: adapter.get_logs_by_executor_latest("e", limit),
], ids=["process", "executor"])
def test_the_latest_come_oldest_first(adapter, read):
    for msg, timestamp in [("c", 3), ("a", 1), ("b1", 2), ("b2", 2)]:
        add(adapter, msg, timestamp)
    add(adapter, "another's", 9, process="other", executor="other")
    assert texts(read(adapter, 2)) == ["b2", "c"]
    assert texts(read(adapter, 3)) == ["b1", "b2", "c"]
    assert texts(read(adapter, 10)) == ["a", "b1", "b2", "c"]
    assert read(adapter, 0) == []
    with pytest.raises(QueryError):
        read(adapter, -1)


def test_an_executor_s_lines_are_those_of_any_colony(adapter):
    add(adapter, "1", 1, colony="c")
    add(adapter, "2", 2, colony="other")
    assert texts(adapter.get_logs_by_executor("e", 10)) == ["1", "2"]
    assert texts(adapter.get_logs_by_executor_latest("e", 1)) == ["2"]
    assert texts(adapter.get_logs_by_executor_since("e", 10, 1)) == ["2"]


def test_lines_are_counted_and_removed_by_colony(adapter):
    for number in range(5):
        add(adapter, f"{number}", number, colony="c" if number < 3 else "other")
    assert [adapter.count_logs(name) for name in ("c", "other", "none")] == [3, 2, 0]
    adapter.remove_logs_by_colony_name("c")
    assert [adapter.count_logs(name) for name in ("c", "other")] == [0, 2]


def test_lines_are_removed_by_process_and_altogether(adapter):
    for number in range(5):
        add(adapter, f"{number}", number, process="p" if number < 3 else "q")
    adapter.remove_logs_by_process_id("p")
    assert texts(adapter.get_logs_by_executor("e", 10)) == ["3", "4"]
    adapter.remove_all_logs()
    adapter.remove_all_logs()
    assert adapter.get_logs_by_executor("e", 10) == []


def test_a_search_finds_the_text_as_it_stands(adapter):
    for msg in ("50% of it", "50 of it", "a_b", "axb", "A_B", "a.b", "two\nlines of it", "", "(x|y)*"):
        add(adapter, msg)
    add(adapter, "50% elsewhere", colony="other")

    def found(text):
        return texts(adapter.search_logs("c", text, 1, 100))

    assert found("50%") == ["50% of it"]
    assert found("a_b") == ["a_b"]
    assert found("a.b") == ["a.b"]
    assert found("A_B") == ["A_B"]
    assert found("of it") == ["50% of it", "50 of it", "two\nlines of it"]
    assert found("\nlines") == ["two\nlines of it"]
    assert found("(x|y)*") == ["(x|y)*"]
    assert found("nowhere") == []
    assert len(found("")) == 9


def test_a_search_is_capped_and_in_the_order_of_adding(adapter):
    ago = now() - timedelta(hours=1)
    add(adapter, "1", 9)
    add(adapter, "2", 5, added=ago)
    add(adapter, "3", 7)
    assert texts(adapter.search_logs("c", "", 1, 10)) == ["1", "2", "3"]
    assert texts(adapter.search_logs("c", "", 1, 2)) == ["1", "2"]
    assert adapter.search_logs("c", "", 1, 0) == []
    with pytest.raises(QueryError):
        adapter.search_logs("c", "", 1, -1)


def test_a_search_goes_back_so_many_days(adapter):
    for days in (0.9, 1.1, 6.9, 7.1, 400):
        add(adapter, f"{days}", 5, added=now() - timedelta(days=days))
    add(adapter, "now")

    def found(days):
        return texts(adapter.search_logs("c", "", days, 10))

    assert found(1) == ["0.9", "now"]
    assert found(7) == ["0.9", "1.1", "6.9", "now"]
    assert len(found(10**12)) == 6
    for days in (0, -1, -(10**12)):
        assert found(days) == []
    with pytest.raises(QueryError):
        adapter.search_logs("c", "", 0, -1)


@pytest.mark.parametrize("field", ["process", "executor"])
def test_lines_are_read_by_index(adapter, field):
    for number in range(500):
        add(adapter, "m", number // 2, process=f"{number % 20}", executor=f"{number % 20}")
    name = {"process": "processid", "executor": "executorname"}[field]
    for sort in (["timestamp", "sequence"], ["-timestamp", "-sequence"]):
        for wanted in ({name: "7"}, {name: "7", "timestamp": {"$gt": 100}}):
            plan = adapter._data.logs.explain(wanted, sort=sort, limit=3)
            assert (plan["index"], plan["order"], plan["covered"]) == ([field], "index", True)
            assert plan["documents_examined"] <= 4


def test_a_search_looks_at_the_days_asked_for_only(adapter):
    for number in range(500):
        add(adapter, "m", added=now() - timedelta(days=number), colony=f"{number % 2}")
    wanted = {"colonyname": "0", "added": {"$gte": now() - timedelta(days=10)},
              "message": {"$regex": "m"}}
    plan = adapter._data.logs.explain(wanted, sort="sequence", limit=100)
    assert plan["index"] == ["colony"] and plan["documents_examined"] == 5
    assert len(adapter.search_logs("0", "m", 10, 100)) == 5


@pytest.mark.parametrize("wrong", [
    {"process": None}, {"colony": 1}, {"executor": b"e"}, {"timestamp": True}, {"timestamp": 1.5},
    {"timestamp": 2**63}, {"timestamp": None}, {"msg": None}, {"added": "yesterday"},
    {"added": datetime(2030, 1, 1)}, {"added": 5},
])
def test_wrong_lines_are_refused(adapter, wrong):
    with pytest.raises(SchemaError):
        add(adapter, **{"msg": "m", **wrong})
    assert len(adapter._data.logs) == 0


def test_an_added_time_of_any_zone_is_taken(adapter):
    zone = timezone(timedelta(hours=5))
    add(adapter, "m", added=datetime.now(zone) - timedelta(hours=23))
    assert texts(adapter.search_logs("c", "m", 1, 1)) == ["m"]


def test_threads_write_lines_without_losing_any(adapter):
    run_threads(lambda number: [add(adapter, f"{number}:{n:02}", n) for n in range(50)], 8)
    lines = adapter.get_logs_by_process_id("p", 1000)
    assert len(lines) == 400
    assert [each.timestamp for each in lines] == sorted(each.timestamp for each in lines)

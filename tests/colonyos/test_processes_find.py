"""Finding, counting and removing processes: what each finds, its order, and that an index answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.one_step import changes_of_one_step
from support.processes import SIZES, add, claim, ids, stored
from velocity import QueryError, SchemaError
from velocity.py.colonyos import (
    CANCELLED,
    ENV,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    Attribute,
)
from velocity.py.colonyos.process_candidates import (
    COUNT_MAX,
    QUEUE_ORDER,
    RESOURCE_MAX,
    candidates,
)
from velocity.py.colonyos.process_finders import LISTED, listing
from velocity.py.colonyos.store import now

FINDERS = {
    WAITING: "waiting", RUNNING: "running", SUCCESS: "successful", FAILED: "failed", CANCELLED: "cancelled",
}  # fmt: skip


def find(adapter, state, colony="c", type="", label="", initiator="", count=100):
    return getattr(adapter, f"find_{FINDERS[state]}_processes")(colony, type, label, initiator, count)


def bring(adapter, process, state):
    """Bring a waiting process to a state by its steps."""
    if state in (RUNNING, SUCCESS):
        adapter.assign("e", process)
    if state == SUCCESS:
        adapter.mark_successful(process.processid)
    if state == FAILED:
        adapter.mark_failed(process.processid, ["x"])
    if state == CANCELLED:
        adapter.mark_cancelled(process.processid)
    return process


@pytest.mark.parametrize("state", FINDERS)
def test_lists_and_their_order(adapter, state):
    made = [add(adapter, priority=n % 3, waitforparents=n == 4) for n in range(7)]
    add(adapter, colony="other")
    changed = [made[n] for n in (3, 0, 6, 2, 5, 1, 4)]
    for process in changed:
        bring(adapter, process, state)
    if state == WAITING:
        wanted = sorted(made, key=lambda p: p.prioritytime)
    else:
        wanted = changed if state == RUNNING else changed[::-1]
    assert ids(find(adapter, state)) == ids(wanted)
    assert ids(find(adapter, state, count=3)) == ids(wanted[:3])
    assert find(adapter, state, count=0) == []
    assert len(find(adapter, state, count=2**80)) == 7
    assert find(adapter, state, colony="none") == []
    with pytest.raises(QueryError):
        find(adapter, state, count=-1)


@pytest.mark.parametrize("state", FINDERS)
def test_ties_fall_back_to_insertion(adapter, state, monkeypatch):
    moment = now()
    for module in ("process_life", "process_queue"):
        monkeypatch.setattr(f"velocity.py.colonyos.{module}.now", lambda: moment)
    made = [add(adapter) for _ in range(5)]
    for process in made[::-1]:
        bring(adapter, process, state)
    wanted = ids(made)
    assert ids(find(adapter, state)) == (wanted if state in (WAITING, RUNNING) else wanted[::-1])
    assert ids(adapter.get_processes()) == wanted[::-1]
    assert ids(adapter.find_processes_by_colony_name("c", 60, state)) == wanted


@pytest.mark.parametrize("state", FINDERS)
def test_one_filter_applies(adapter, state):
    for type in ("a", "b"):
        for initiatorname in ("", "u", "v"):
            for label in ("", "l", "m"):
                bring(adapter, add(adapter, type=type, initiatorname=initiatorname, label=label), state)
    of = lambda **by: [  # noqa: E731
        (p.spec.conditions.executortype, p.initiatorname, p.spec.label) for p in find(adapter, state, **by)
    ]
    assert len(of()) == 18
    assert {each[0] for each in of(type="a", initiator="u", label="l")} == {"a"}
    assert len(of(type="a", initiator="u", label="l")) == 9
    assert {each[1] for each in of(initiator="u", label="l")} == {"u"} and len(of(initiator="u")) == 6
    assert {each[2] for each in of(label="l")} == {"l"} and len(of(label="l")) == 6
    assert of(type="none") == of(initiator="none") == of(label="none") == []


def test_lists_of_all_colonies(adapter):
    made = [add(adapter, colony=f"c{n % 3}", priority=n % 2) for n in range(9)]
    queue = sorted(made, key=lambda p: p.prioritytime)
    assert ids(adapter.find_all_waiting_processes()) == ids(queue)
    for process in made[::-1]:
        adapter.assign("e", process)
    assert ids(adapter.find_all_running_processes()) == ids(made[::-1])
    assert adapter.find_all_waiting_processes() == []


def test_of_all_waiting_there_are_a_thousand(adapter):
    made = [add(adapter, colony=f"c{n % 2}") for n in range(1003)]
    assert ids(adapter.find_all_waiting_processes()) == ids(made[:1000])


def test_submitted_lately(adapter, monkeypatch):
    moment = now()
    made = []
    for age in (100, 50, 10):
        monkeypatch.setattr("velocity.py.colonyos.process_queue.now", lambda a=age: moment - timedelta(seconds=a))
        made.append(add(adapter))
    monkeypatch.undo()
    assert ids(adapter.find_processes_by_colony_name("c", 60, WAITING)) == ids(made[1:])
    assert ids(adapter.find_processes_by_colony_name("c", 2**70, WAITING)) == ids(made)
    assert adapter.find_processes_by_colony_name("c", 0, WAITING) == []
    assert adapter.find_processes_by_colony_name("c", -(2**70), WAITING) == []
    assert adapter.find_processes_by_colony_name("c", 60, RUNNING) == []
    assert adapter.find_processes_by_colony_name("foreign", 60, WAITING) == []
    for process in made[::-1]:
        adapter.assign("e" if process is not made[1] else "other", process)
    assert ids(adapter.find_processes_by_executor_id("c", "e", 999, RUNNING)) == ids([made[0], made[2]])
    assert ids(adapter.find_processes_by_executor_id("c", "e", 60, RUNNING)) == ids([made[2]])
    assert adapter.find_processes_by_executor_id("c", "e", 999, SUCCESS) == []
    assert adapter.find_processes_by_executor_id("foreign", "e", 999, RUNNING) == []
    assert ids(adapter.get_processes()) == ids(made[::-1])


def test_counts(adapter):
    for number, state in enumerate(FINDERS):
        for colony in ("c", "d", "d"):
            for graph in ("", "g"):
                for _ in range(number + 1):
                    bring(adapter, add(adapter, colony=colony, processgraphid=graph), state)
    assert adapter.count_processes() == 90
    for number, (_, name) in enumerate(FINDERS.items()):
        assert getattr(adapter, f"count_{name}_processes")() == 6 * (number + 1)
        by_colony = getattr(adapter, f"count_{name}_processes_by_colony_name")
        assert (by_colony("c"), by_colony("d"), by_colony("")) == (2 * (number + 1), 4 * (number + 1), 0)


# --- removal


def place(adapter):
    """Processes by (colony, graph, state), each with an attribute; and one attribute of nobody."""
    made = {}
    for colony in ("c", "d"):
        for graph in ("", "g"):
            for state in FINDERS:
                process = add(adapter, colony=colony, processgraphid=graph, env={"A": "1"})
                made[bring(adapter, process, state).processid] = (colony, graph, state)
    adapter.add_attribute(Attribute.create("nobody", "c", "", ENV, "A", "1"))
    return made


ALL = set(FINDERS)
REMOVERS = {
    "remove_all_processes": ((), {"c", "d"}, {"", "g"}, ALL),
    "remove_all_processes_by_colony_name": (("c",), {"c"}, {""}, ALL),
    **{
        f"remove_all_{name}_processes_by_colony_name": (("c",), {"c"}, {""}, {state})
        for state, name in FINDERS.items()
    },
    "remove_all_processes_by_process_graph_id": (("g",), {"c", "d"}, {"g"}, ALL),
    "remove_all_processes_in_process_graphs_by_colony_name": (("c",), {"c"}, {"g"}, ALL),
    "remove_all_processes_in_process_graphs_by_colony_name_with_state": (("c", FAILED), {"c"}, {"g"}, {FAILED}),
}  # fmt: skip


@pytest.mark.parametrize("remover", REMOVERS)
def test_removers_take_their_processes_and_exactly_their_attributes(adapter, remover):
    arguments, colonies, graphs, states = REMOVERS[remover]
    made = place(adapter)
    gone = {
        id for id, (colony, graph, state) in made.items()
        if colony in colonies and graph in graphs and state in states
    }  # fmt: skip
    changed = changes_of_one_step(adapter, lambda: getattr(adapter, remover)(*arguments))
    assert changed["processes"] == gone and len(changed["attributes"]) == len(gone)
    assert {each.processid for each in adapter.get_processes()} == set(made) - gone
    targets = {each["targetid"] for each in adapter._data.attributes.scan()}
    assert targets == (set(made) - gone) | {"nobody"}
    getattr(adapter, remover)(*arguments)


def test_removing_one(adapter):
    made = place(adapter)
    for id in ("absent", "", "x" * 4000):
        adapter.remove_process_by_id(id)
    one = next(iter(made))
    adapter.remove_process_by_id(one)
    assert adapter.get_process_by_id(one) is None and adapter.get_attributes(one) == []
    assert adapter.count_processes() == len(made) - 1


def test_no_graph_has_an_empty_id(adapter):
    made = place(adapter)
    adapter.remove_all_processes_by_process_graph_id("")
    adapter.remove_process_graph_by_id("")
    assert adapter.count_processes() == len(made)


# --- by index


@pytest.fixture
def filled(adapter):
    """Enough processes that a scan would show."""
    for n in range(600):
        process = add(adapter, type=f"t{n % 2}", label=f"l{n % 2}", initiatorname=f"i{n % 2}",
                      processgraphid=f"g{n}" if n % 3 == 0 else "", maxwaittime=int(n % 50 == 1),
                      conditions={"executornames": ["e"] if n % 5 == 0 else [], "mem": f"{n}Mi",
                                  "locationname": ["", "Home", "away"][n % 3]})  # fmt: skip
        if n % 10 == 0:
            adapter.assign(f"e{n % 20}", process)
    return adapter


def test_claims_and_candidates_by_index_in_order(filled):
    for names in ((None,), ("e",), (None, "e")):
        for location in ("", "HOME"):
            for sizes in ((RESOURCE_MAX,) * 3 + (COUNT_MAX,) * 3, (4000, 2**40, 2**40, 1, 2, 3)):
                where = candidates("c", "t1", names, location, *sizes)
                plan = filled._data.processes.explain(where, QUEUE_ORDER, 1)
                assert (plan["plan"], plan["index"], plan["order"]) == ("index", ["queue"], "index"), plan
                assert plan["documents_examined"] <= 8


@pytest.mark.parametrize(
    ("by", "index"),
    [({}, "listing"), ({"executor_type": "t1"}, "listing_type"), ({"initiator": "i1"}, "listing_initiator"),
     ({"label": "l1"}, "listing_label")],
)  # fmt: skip
@pytest.mark.parametrize("state", FINDERS)
def test_finders_by_index_in_order(filled, state, by, index):
    where = listing(state, "c", **{"executor_type": "", "label": "", "initiator": "", **by})
    plan = filled._data.processes.explain(where, LISTED, 10)
    assert plan["plan"] == "index" and plan["documents_examined"] <= 11, plan
    if state == WAITING:  # of the others some are empty, which any index knows
        assert (plan["index"], plan["order"], plan["covered"]) == ([index], "index", True)


def test_other_finders_by_index(filled):
    processes = filled._data.processes
    recent = {"$gte": now() - timedelta(seconds=60)}
    for where, sort, index in (
        ({"state": RUNNING}, LISTED, "listing"),
        ({"colonyname": "c", "state": RUNNING, "submissiontime": {"$gte": now()}},
         ["submissiontime", "sequence"], "submitted"),
        ({"assignedexecutorid": "e0", "colonyname": "c", "state": RUNNING, "submissiontime": recent},
         ["submissiontime", "sequence"], "assigned"),
        ({"processgraphid": "g30"}, None, "graph"),
        ({"state": 0, "maxwaittime": {"$gt": 0}, "waitdeadline": {"$lt": now()}}, None, "waitdeadline"),
    ):  # fmt: skip
        plan = processes.explain(where, sort)
        assert plan["plan"] in ("index", "intersection") and index in plan["index"], (where, plan)
        assert plan["documents_examined"] <= 320


def test_counts_by_index_look_at_no_document(filled, monkeypatch):
    for way in ("_count_filter", "_count_plan"):  # which look at documents
        monkeypatch.setattr(f"velocity.py.colonyos.store.Collection.{way}", None, raising=False)
    assert filled.count_running_processes() == 60 == filled.count_running_processes_by_colony_name("c")
    assert filled.count_waiting_processes() == 540 == filled.count_waiting_processes_by_colony_name("c")


def test_what_is_of_a_wrong_type(adapter):
    process = add(adapter)
    before = stored(adapter, process)
    for call in (
        lambda: adapter.find_processes_by_colony_name("c", "60", 0),
        lambda: adapter.find_processes_by_colony_name("c", 60, "0"),
        lambda: adapter.find_candidates("c", "t", "", "1", *SIZES[1:], 1),
        lambda: claim(adapter, cpu=None),
        lambda: claim(adapter, location=None),
        lambda: adapter.find_waiting_processes("c", None, "", "", 1),
        lambda: adapter.set_process_state(process.processid, "0"),
    ):
        with pytest.raises(SchemaError):
            call()
    assert stored(adapter, process) == before

"""Process graphs: stored, found, counted, removed; walked and resolved, in the adapter and in a dict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.one_step import changes_of_one_step
from support.processes import add, ids, stored
from velocity import DuplicateKeyError, NotFoundError, QueryError, SchemaError, VelocityError
from velocity.py.colonyos import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
    Edge,
    GraphNode,
    Process,
    ProcessGraph,
    ProcessStateError,
)
from velocity.py.colonyos.process_finders import LISTED
from velocity.py.colonyos.store import now

NAMES = {
    WAITING: "waiting", RUNNING: "running", SUCCESS: "successful", FAILED: "failed", CANCELLED: "cancelled",
}  # fmt: skip


def graph(adapter, colony="c", state=WAITING, **fields):
    made = ProcessGraph.create(colony)
    made.state = state
    for name, value in fields.items():
        setattr(made, name, value)
    adapter.add_process_graph(made)
    return made


def read(adapter, it):
    return adapter.get_process_graph_by_id(it.processgraphid)


def graph_ids(graphs):
    return [each.processgraphid for each in graphs]


def test_what_is_stored(adapter):
    moment = now()
    made = graph(adapter, state=RUNNING, initiatorid="i", initiatorname="n", rootprocessids=["a", "b"],
                 starttime=moment, endtime=moment, processids=["a"], nodes=[GraphNode()], edges=[Edge()])  # fmt: skip
    found = read(adapter, made)
    assert moment <= found.submissiontime <= now()
    assert found == ProcessGraph(made.processgraphid, "i", "n", "c", ["a", "b"], RUNNING, found.submissiontime)
    assert adapter.get_process_graph_by_id("absent") is adapter.get_process_graph_by_id("") is None


def test_ids(adapter):
    made = graph(adapter)
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_process_graph(ProcessGraph(processgraphid=made.processgraphid, colonyname="d"))
    assert read(adapter, made).colonyname == "c"
    new = ProcessGraph(colonyname="c")
    adapter.add_process_graph(new)
    assert len(new.processgraphid) == 64
    for bad in (None, Process(), ProcessGraph(colonyname=None), ProcessGraph(rootprocessids=[5])):
        with pytest.raises(SchemaError):
            adapter.add_process_graph(bad)
    assert adapter.count_process_graphs() == 2


@pytest.mark.parametrize("before", NAMES)
@pytest.mark.parametrize("state", [*NAMES, 9])
def test_states_and_their_times(adapter, before, state):
    made, moment = graph(adapter, state=before), now()
    adapter.set_process_graph_state(made.processgraphid, state)
    found = read(adapter, made)
    assert found.state == state
    starts, ends = (before, state) == (WAITING, RUNNING), state in (SUCCESS, FAILED, CANCELLED)
    assert (moment <= found.starttime <= now()) if starts else found.starttime == ZERO_TIME
    assert (moment <= found.endtime <= now()) if ends else found.endtime == ZERO_TIME
    for absent in ("absent", ""):
        with pytest.raises(NotFoundError):
            adapter.set_process_graph_state(absent, state)


@pytest.mark.parametrize("state", NAMES)
def test_finders_and_counts(adapter, state, monkeypatch):
    made = [graph(adapter, state=state) for _ in range(3)]
    moment = now()
    monkeypatch.setattr("velocity.py.colonyos.graphs.now", lambda: moment)
    made += [graph(adapter, state=state) for _ in range(3)]  # at one time
    monkeypatch.undo()
    graph(adapter, colony="d", state=state)
    for other in NAMES:
        if other != state:
            graph(adapter, state=other)
    find = getattr(adapter, f"find_{NAMES[state]}_process_graphs")
    assert graph_ids(find("c", 99)) == graph_ids(made[::-1])
    assert graph_ids(find("c", 2)) == graph_ids(made[:3:-1])
    assert find("c", 0) == find("none", 5) == []
    with pytest.raises(QueryError):
        find("c", -1)
    assert getattr(adapter, f"count_{NAMES[state]}_process_graphs")() == 7
    count = getattr(adapter, f"count_{NAMES[state]}_process_graphs_by_colony_name")
    assert (count("c"), count("d"), count("e")) == (6, 1, 0)
    assert adapter.count_process_graphs() == 11
    assert graph_ids(adapter.get_process_graphs("c"))[:6] == graph_ids(made)
    assert graph_ids(adapter.find_process_graphs_by_colony_name("c", 60, state)) == graph_ids(made)
    assert adapter.find_process_graphs_by_colony_name("c", 0, state) == []
    assert len(adapter.find_process_graphs_by_colony_name("c", 2**70, state)) == 6
    if state in (WAITING, RUNNING):
        assert len(getattr(adapter, f"find_all_{NAMES[state]}_process_graphs")()) == 7


def test_found_by_index(adapter):
    for n in range(300):
        graph(adapter, state=n % 2)
    plan = adapter._data.processgraphs.explain({"state": 0, "colonyname": "c"}, LISTED, 5)
    assert (plan["index"], plan["order"], plan["documents_examined"]) == (["listing"], "index", 5)


def test_removers_take_the_graph_and_all_its_processes(adapter):
    """In whatever state these are; of graphs that stay nothing goes."""
    graphs, members = {}, {}
    for colony in ("c", "d"):
        for state in NAMES:
            made = graph(adapter, colony, state)
            graphs[colony, state] = made.processgraphid
            members[made.processgraphid] = [
                add(adapter, colony=colony, state=each, processgraphid=made.processgraphid, env={"A": "1"})
                for each in NAMES
            ]
    outside = add(adapter, env={"A": "1"})

    def left():
        return {each.processgraphid for each in adapter.get_processes()} - {""}

    for state, name in NAMES.items():
        if state == CANCELLED:
            continue
        gone = graphs.pop(("c", state))
        remove = getattr(adapter, f"remove_all_{name}_process_graphs_by_colony_name")
        changed = changes_of_one_step(adapter, lambda remove=remove: remove("c"))
        assert changed["processgraphs"] == {gone}
        assert changed["processes"] == set(ids(members[gone])) and len(changed["attributes"]) == 5
        assert left() == set(graphs.values())
    gone = graphs.pop(("d", RUNNING))
    adapter.remove_process_graph_by_id(gone)
    adapter.remove_process_graph_by_id("absent")
    assert left() == set(graphs.values())
    adapter.remove_all_process_graphs_by_colony_name("d")
    assert left() == {graphs["c", CANCELLED]}
    adapter.remove_all_cancelled_process_graphs_by_colony_name("c")
    assert ids(adapter.get_processes()) == ids([outside])
    assert [each["targetid"] for each in adapter._data.attributes.scan()] == [outside.processid]


# --- walking and resolving


class Memory:
    """A storage of processes in a dict, which counts how often each is read."""

    def __init__(self, *processes):
        self.processes = {each.processid: each for each in processes}
        self.reads, self.graph_states = [], []

    def get_process_by_id(self, id):
        self.reads.append(id)
        return self.processes.get(id)

    def set_process_state(self, id, state):
        self.processes[id].state = state

    def set_wait_for_parents(self, id, waits):
        self.processes[id].waitforparents = waits

    def set_process_graph_state(self, id, state):
        self.graph_states.append((id, state))


def shaped(edges, states, roots=None):
    """A graph over a Memory. edges: "ab ac": a is the parent of b and c."""
    names = sorted({name for edge in edges for name in edge} | set(states))
    made = {
        name: Process(processid=name, state=states.get(name, WAITING),
                      parents=[p for p, c in edges if c == name], children=[c for p, c in edges if p == name],
                      waitforparents=any(c == name for _, c in edges))
        for name in names
    }  # fmt: skip
    made_graph = ProcessGraph.create("c")
    made_graph.rootprocessids = [n for n in names if not made[n].parents] if roots is None else roots
    storage = Memory(*made.values())
    made_graph.set_storage(storage)
    return made_graph, storage


def test_the_walk():
    made, storage = shaped(["ab", "ac", "bd", "cd", "de", "xe"], {})
    order = []
    made.iterate(lambda process: order.append(process.processid))
    assert order == ["a", "b", "d", "e", "c", "x"] and sorted(storage.reads) == sorted(order)
    assert made.processes() == 6 and made.wait_for_parents() == 4
    assert made.leaves() == ["e"]
    made.update_process_ids()
    assert made.processids == order
    assert [made.depth(name) for name in "abdex"] == [0, 1, 2, 3, 0]
    assert made.get_root("e").processid == "a"


def test_counts_of_the_walk():
    made, _ = shaped([], dict(zip("abcdefghi", [0, 1, 1, 2, 2, 2, 3, 4, 4])))
    assert [
        made.wait_processes(), made.running_processes(), made.successful_processes(), made.failed_processes(),
        made.cancelled_processes(),
    ] == [1, 2, 3, 1, 2]  # fmt: skip


def test_a_deep_graph_is_no_recursion():
    made, _ = shaped([(f"{n:05}", f"{n + 1:05}") for n in range(5000)], {})
    assert made.processes() == 5001 and made.depth("05000") == 5000


def test_missing_ones_and_loops():
    made, _ = shaped(["ab", "ba"], {}, roots=["a"])
    assert made.processes() == 2
    for method in (made.get_root, made.depth):
        with pytest.raises(ProcessStateError):
            method("b")
        with pytest.raises(NotFoundError):
            method("absent")
    made.rootprocessids.append("absent")
    for method in (made.processes, made.resolve, made.leaves, made.update_process_ids):
        with pytest.raises(NotFoundError):
            method()
    with pytest.raises(VelocityError, match="set_storage"):
        ProcessGraph(rootprocessids=["a"]).processes()


@pytest.mark.parametrize(
    ("edges", "states", "graph_state", "after", "waits"),
    [
        ("ab", "a0 b0", WAITING, "a0 b0", "b"),
        ("ab", "a1 b0", RUNNING, "a1 b0", "b"),
        ("ab", "a2 b0", RUNNING, "a2 b0", ""),
        ("ab", "a2 b2", SUCCESS, "a2 b2", ""),
        ("ab", "a3 b0", FAILED, "a3 b3", "b"),
        ("ab ac cd", "a2 b2 c3 d0", FAILED, "a3 b3 c3 d3", "d"),
        ("ab ac", "a2 b3 c0", FAILED, "a2 b3 c0", ""),  # a failed leaf: its sibling goes on
        ("ab ac", "a2 b4 c2", CANCELLED, "a2 b4 c2", ""),
        ("ab ac", "a2 b4 c3", FAILED, "a2 b4 c3", ""),
        ("ac bc", "a2 b1 c0", RUNNING, "a2 b1 c0", "c"),
        ("ac bc", "a2 b2 c0", RUNNING, "a2 b2 c0", ""),
        ("ac bc", "a4 b0 c0", CANCELLED, "a4 b0 c0", "c"),
    ],
)
def test_resolving(edges, states, graph_state, after, waits):
    states = {each[0]: int(each[1]) for each in states.split()}
    made, storage = shaped(edges.split(), states)
    made.resolve()
    assert storage.graph_states == [(made.processgraphid, graph_state)] and made.state == graph_state
    assert " ".join(f"{id}{p.state}" for id, p in sorted(storage.processes.items())) == after
    assert "".join(id for id, p in sorted(storage.processes.items()) if p.waitforparents) == waits
    assert sorted(storage.reads) == sorted(storage.processes)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=9), st.lists(st.integers(0, 4), min_size=7, max_size=7))
def test_resolving_is_what_the_rules_say(pairs, states):
    edges = sorted({(f"{min(p)}", f"{max(p)}") for p in pairs if p[0] != p[1]})
    states = {f"{n}": state for n, state in enumerate(states)}
    made, storage = shaped(edges, states)
    waited = {id for id, p in storage.processes.items() if p.waitforparents}
    parents = {id: [states[p] for p, c in edges if c == id] for id in states}
    made.resolve()
    assert {id for id, p in storage.processes.items() if p.waitforparents} == {
        id for id in waited if any(state != SUCCESS for state in parents[id])
    }
    if any(FAILED in each for each in parents.values()):
        assert {p.state for p in storage.processes.values()} == {FAILED} and made.state == FAILED
        return
    assert {id: p.state for id, p in storage.processes.items()} == states
    all_states = set(states.values())
    expected = (FAILED if FAILED in all_states else CANCELLED if CANCELLED in all_states
                else SUCCESS if all_states == {SUCCESS} else RUNNING if all_states & {SUCCESS, RUNNING} else WAITING)  # fmt: skip
    assert made.state == expected


def test_resolving_in_the_adapter(adapter):
    made = ProcessGraph.create("c")
    root = add(adapter, processgraphid=made.processgraphid)
    child = add(adapter, processgraphid=made.processgraphid, parents=[root.processid], waitforparents=True)
    adapter.set_children(root.processid, [child.processid])
    made.add_root(root.processid)
    adapter.add_process_graph(made)
    made.set_storage(adapter)
    adapter.assign("e", root)
    made.resolve()
    assert read(adapter, made).state == RUNNING and read(adapter, made).starttime > ZERO_TIME
    adapter.mark_successful(root.processid)
    made.resolve()
    assert not stored(adapter, child).waitforparents
    adapter.mark_failed(child.processid, ["x"])
    made.resolve()
    assert read(adapter, made).state == FAILED and stored(adapter, root).state == SUCCESS

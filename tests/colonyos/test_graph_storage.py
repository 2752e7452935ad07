"""Process graphs beside their storage: any object with four methods; copies go without it."""

from __future__ import annotations

import copy
import pickle

import pytest

from velocity import NotFoundError, VelocityError
from velocity.py.colonyos import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    Process,
    ProcessGraph,
    ProcessStateError,
)

# a is the parent of b and c, which are those of d.
DIAMOND = {"a": ("", "bc"), "b": ("a", "d"), "c": ("a", "d"), "d": ("bc", "")}


class Memory:
    """Processes in a dict, and what was asked and written."""

    def __init__(self, shape, states=None):
        self.processes = {
            id: Process(
                processid=id, parents=list(parents), children=list(children),
                waitforparents=bool(parents), state=(states or {}).get(id, WAITING),
            )
            for id, (parents, children) in shape.items()
        }  # fmt: skip
        self.read, self.written = [], []

    def get_process_by_id(self, process_id):
        self.read.append(process_id)
        return self.processes.get(process_id)

    def set_process_state(self, process_id, state):
        self.written.append((process_id, state))

    def set_wait_for_parents(self, process_id, waiting_for_parent):
        self.written.append((process_id, waiting_for_parent))

    def set_process_graph_state(self, process_graph_id, state):
        self.written.append(state)


def graph(shape=DIAMOND, states=None):
    made, memory = ProcessGraph.create("c"), Memory(shape, states)
    made.add_root("a")
    made.set_storage(memory)
    return made, memory


def test_the_walk():
    made, memory = graph()
    seen = []
    made.iterate(lambda process: seen.append(process.processid))
    assert seen == memory.read == ["a", "b", "d", "c"]
    made.update_process_ids()
    assert made.processids == seen
    assert (made.leaves(), made.processes(), made.wait_for_parents()) == (["d"], 4, 3)
    assert (made.get_root("d").processid, made.depth("d"), made.depth("a")) == ("a", 2, 0)


@pytest.mark.parametrize(
    ("states", "written", "state"),
    [
        ({}, [], WAITING),
        ({"a": RUNNING}, [], RUNNING),
        ({"a": SUCCESS}, [("b", False), ("c", False)], RUNNING),
        ({"a": SUCCESS, "b": SUCCESS, "c": RUNNING}, [("b", False), ("c", False)], RUNNING),
        ({"a": FAILED}, [("b", FAILED), ("d", FAILED), ("c", FAILED)], FAILED),
        ({"a": CANCELLED}, [], CANCELLED),
        (dict.fromkeys("abcd", SUCCESS), [("b", False), ("d", False), ("c", False)], SUCCESS),
        ({"a": SUCCESS, "b": SUCCESS, "c": SUCCESS, "d": FAILED},
         [("b", False), ("d", False), ("c", False)], FAILED),
    ],
)  # fmt: skip
def test_resolving(states, written, state):
    made, memory = graph(states=states)
    made.resolve()
    assert memory.read == ["a", "b", "d", "c"]  # each once
    assert memory.written == [*written, state]
    assert made.state == state


def test_what_is_not_there():
    made, _ = graph({"a": ("", "x")})
    for walk in (made.processes, made.resolve, made.leaves, lambda: made.depth("y")):
        with pytest.raises(NotFoundError):
            walk()
    with pytest.raises(VelocityError, match="set_storage"):
        ProcessGraph(rootprocessids=["a"]).processes()


def test_loops():
    made, _ = graph({"a": ("b", "b"), "b": ("a", "a")})
    assert made.processes() == 2
    for line in (made.depth, made.get_root):
        with pytest.raises(ProcessStateError):
            line("a")


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_copies_go_without_the_storage(adapter, copied):
    made = ProcessGraph.create("c")
    made.add_root("a")
    made.set_storage(adapter)
    again = copied(made)
    assert again == made
    with pytest.raises(VelocityError, match="set_storage"):
        again.processes()
    with pytest.raises(NotFoundError):
        made.processes()

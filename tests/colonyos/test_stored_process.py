"""A process whose lists and specification are made when they are first looked at."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.json_cases import objects
from support.threads import run_threads
from velocity.py.colonyos import FunctionSpec, Process

LATER = {"attributes", "spec", "parents", "children", "input", "output", "errors"}


class Source:
    """Makes the values that are looked at, and remembers which."""

    def __init__(self, process):
        self.process = copy.deepcopy(process)
        self.made: list[str] = []

    def __call__(self, name):
        self.made.append(name)
        return copy.deepcopy(getattr(self.process, name))

    def __reduce__(self):
        raise TypeError("a source stays where it is")


def stored(process):
    """The process as one that is read from the database."""
    source = Source(process)
    values = {name: value for name, value in vars(process).items() if name not in LATER}
    return Process.from_source(values, source), source


FULL = Process("id", attributes=[], spec=FunctionSpec(args=[1]), parents=["a"], input=[2], output=[{"b": 3}], errors=["e"])


def test_nothing_is_made_before_it_is_looked_at_and_then_once():
    process, source = stored(FULL)
    assert (process.processid, process.state, source.made) == ("id", 0, [])
    assert process.spec.args == [1] and process.spec is process.spec
    assert source.made == ["spec"]
    assert process.input is process.input and process.children == []
    assert source.made == ["spec", "input", "children"]


def test_what_is_set_is_not_made():
    process, source = stored(FULL)
    process.errors = ["mine"]
    process.state = 3
    assert (process.errors, process.state, source.made) == (["mine"], 3, [])


COPIES = [
    copy.copy, copy.deepcopy, lambda process: pickle.loads(pickle.dumps(process)), dataclasses.replace,
    lambda process: Process.from_dict(process.to_dict()), lambda process: Process.from_json(process.to_json()),
]  # fmt: skip


@given(objects(Process), st.sampled_from(COPIES))
def test_it_is_like_any_other_process(process, copied):
    for act in (repr, dataclasses.asdict, Process.to_dict, Process.to_json, copied):
        assert act(stored(process)[0]) == act(process)
    assert stored(process)[0] == process == stored(process)[0]
    assert not stored(process)[0] != process
    assert stored(process)[0] != dataclasses.replace(process, errors=[*process.errors, "one more"])


@pytest.mark.parametrize("copied", COPIES[1:3])
def test_copies_share_nothing(copied):
    process, _ = stored(FULL)
    other = copied(process)
    other.spec.args.append(9)
    other.input.append(9)
    assert process == FULL


def test_copies_have_no_source():
    for copied in COPIES:
        other = copied(stored(FULL)[0])
        assert set(vars(other)) == {each.name for each in dataclasses.fields(Process)}


def test_other_names_are_attribute_errors():
    process, source = stored(FULL)
    for subject in (process, Process(), Process.__new__(Process)):
        with pytest.raises(AttributeError, match="'Process' object has no attribute 'nothing'"):
            _ = subject.nothing
    assert not hasattr(process, "_fill") and source.made == []
    with pytest.raises(AttributeError, match="spec"):
        _ = Process.__new__(Process).spec


def test_an_error_of_the_source_is_told_each_time():
    def broken(name):
        raise ValueError(name)

    process = Process.from_source({"processid": "x"}, broken)
    for _ in range(2):
        with pytest.raises(ValueError, match="spec"):
            _ = process.spec


def test_threads_see_one_value():
    for _ in range(50):
        process, _ = stored(FULL)
        specs = run_threads(lambda _, process=process: process.spec, 4)
        assert all(spec is specs[0] for spec in specs)

"""Step: the adapter's transaction, which finds by queries and deletes all that match."""

from __future__ import annotations

import pytest

from support.colony_records import put_record
from velocity import ConflictError
from velocity.py.colonyos.store import Step


@pytest.fixture
def data(adapter):
    for name in "abc":
        put_record(adapter, "users", name, colonyname="c", name=name, sequence=ord(name))
    return adapter._data


def ids(documents):
    return [each.id for each in documents]


def test_what_was_found_must_not_change(data):
    step = Step(data.db)
    assert ids(step.find("users", {"colonyname": "c"}, "-sequence", 2)) == ["c", "b"]
    step.update("users", "c", {"email": "new"})
    data.users.update("b", {"email": "changed"})
    with pytest.raises(ConflictError):
        step.commit()
    assert data.users["c"]["email"] == ""


def test_what_was_not_found_may_change(data):
    step = Step(data.db)
    step.find("users", {"name": "a"})
    step.update("users", "a", {"email": "new"})
    data.users.update("b", {"email": "changed"})
    step.commit()
    assert data.users["a"]["email"] == "new"


def test_two_findings_of_one_document_are_the_same(data):
    step = Step(data.db)
    step.find("users", {"name": "a"})
    data.users.update("a", {"email": "changed"})
    with pytest.raises(ConflictError):
        step.find("users", {"name": "a"})
    with pytest.raises(ConflictError):
        step.remember("users", data.users["a"])


def test_one_that_came_after_it_was_missed(data):
    step = Step(data.db)
    assert step.get("users", "d") is None
    data.users.insert("d", data.users["a"].fields | {"name": "d"})
    with pytest.raises(ConflictError):
        step.find("users", {"name": "d"})


def test_removing_all_that_match(data):
    with Step(data.db) as step:
        assert sorted(step.remove("users", {"sequence": {"$gt": ord("a")}})) == ["b", "c"]
        assert step.get("users", "b") is None
        assert step.remove("users", {"colonyname": "c"}) == ["a"]  # the others are gone already
        assert step.remove("users") == []
        assert len(data.users) == 3
        step.insert("users", "b", data.users["b"].fields | {"email": "again"})
    assert {each.id: each["email"] for each in data.users.values()} == {"b": "again"}


def test_what_is_removed_may_change_or_go_meanwhile(data):
    step = Step(data.db)
    step.remove("users", {"colonyname": "c"})
    data.users.update("a", {"email": "changed"})
    data.users.delete("b")
    step.commit()
    assert len(data.users) == 0


def test_what_comes_meanwhile_is_not_removed(data):
    step = Step(data.db)
    step.remove("users")
    data.users.insert("d", data.users["a"].fields | {"name": "d"})
    step.commit()
    assert list(data.users) == ["d"]


def test_a_step_that_meets_no_others_runs_once(adapter, data):
    runs = []
    adapter._atomically(lambda step: runs.append(step.find("users", {"name": "a"})))
    assert len(runs) == 1


def test_a_step_is_run_again_until_none_interferes(adapter, data):
    runs = []

    def step(run):
        email = run.get("users", "a")["email"]
        run.update("users", "a", {"email": email + "+"})
        runs.append(email)
        if len(runs) < 4:
            data.users.update("a", {"email": str(len(runs))})
        return email

    assert adapter._atomically(step) == "3"
    assert runs == ["", "1", "2", "3"]
    assert data.users["a"]["email"] == "3+"


def test_a_step_that_others_always_disturb_gives_up(adapter, data):
    def step(run):
        run.update("users", "a", {"email": "never"})
        data.users.update("a", {"phone": "+"})

    with pytest.raises(ConflictError):
        adapter._atomically(step)
    assert data.users["a"]["email"] == ""

"""Users: unique by name in their colony; ids that need not be."""

from __future__ import annotations

import dataclasses

import pytest

from support.threads import run_threads
from velocity import DuplicateKeyError, SchemaError
from velocity.py.colonyos import User


def user(name, colonyname="c", **fields):
    return User(colonyname=colonyname, name=name, **fields)


def names(users):
    return [each.name for each in users]


def test_a_user_reads_back_as_added(adapter):
    given = User("c", "id", "ada", "ada@example.org", "123")
    assert adapter.add_user(given) is None
    assert given == User("c", "id", "ada", "ada@example.org", "123")
    assert adapter.get_user_by_id("c", "id") == given
    assert adapter.get_user_by_name("c", "ada") == given
    assert adapter.get_users_by_colony_name("c") == [given]
    assert adapter.get_users() == [given]


def test_an_empty_id_gets_a_new_one(adapter):
    first, second = user("a"), user("b")
    adapter.add_user(first)
    adapter.add_user(second)
    assert first.userid != second.userid
    for each in (first, second):
        assert len(each.userid) == 64
        assert set(each.userid) <= set("0123456789abcdef")
        assert adapter.get_user_by_id("c", each.userid) == each


def test_a_name_is_taken_in_its_colony_only(adapter):
    adapter.add_user(user("a", userid="1"))
    refused = user("a")
    with pytest.raises(DuplicateKeyError, match="'a'.*'c'.*already exists"):
        adapter.add_user(refused)
    assert refused == user("a")
    adapter.add_user(user("a", "d", userid="2"))
    adapter.add_user(user("A", userid="3"))
    assert adapter.count_users() == 3
    assert adapter.get_user_by_name("c", "a").userid == "1"


def test_of_many_at_once_one_wins(adapter):
    def attempt(number):
        try:
            adapter.add_user(user("a", userid=str(number)))
            return True
        except DuplicateKeyError:
            return False

    for _ in range(5):
        won = run_threads(attempt, 8)
        assert won.count(True) == 1
        assert [each.userid for each in adapter.get_users()] == [str(won.index(True))]
        adapter.remove_users_by_colony_name("c")


def test_an_id_that_several_have(adapter):
    for name in ("b", "a", "c"):
        adapter.add_user(user(name, userid="same"))
    adapter.add_user(user("a", "d", userid="same"))
    assert adapter.get_user_by_id("c", "same").name == "b"  # the oldest
    assert adapter.get_user_by_id("d", "same").colonyname == "d"
    adapter.remove_user_by_name("c", "b")
    assert adapter.get_user_by_id("c", "same").name == "a"
    adapter.remove_user_by_id("c", "same")
    assert adapter.get_users() == [user("a", "d", userid="same")]


def test_lists_are_in_the_order_of_adding(adapter):
    for name in ("z", "a", "m", "b"):
        adapter.add_user(user(name))
        adapter.add_user(user(name, "d"))
    assert names(adapter.get_users_by_colony_name("c")) == ["z", "a", "m", "b"]
    assert names(adapter.get_users()) == ["z", "z", "a", "a", "m", "m", "b", "b"]
    adapter.remove_user_by_name("c", "a")
    adapter.add_user(user("a"))
    assert names(adapter.get_users_by_colony_name("c")) == ["z", "m", "b", "a"]


def test_what_is_absent(adapter):
    adapter.add_user(user("a", userid="1"))
    for colony, name in [("d", "a"), ("c", "b"), ("c", ""), ("", "a"), ("c", "x" * 3000)]:
        assert adapter.get_user_by_name(colony, name) is None
        adapter.remove_user_by_name(colony, name)
    for colony, id in [("d", "1"), ("c", "2"), ("c", ""), ("c", "x" * 3000)]:
        assert adapter.get_user_by_id(colony, id) is None
        adapter.remove_user_by_id(colony, id)
        adapter.change_user_id(colony, id, "9")
    assert adapter.get_users_by_colony_name("d") == []
    adapter.remove_users_by_colony_name("d")
    assert adapter.get_users() == [user("a", userid="1")]


def test_removing(adapter):
    for name in ("a", "b", "c"):
        adapter.add_user(user(name, userid=name))
        adapter.add_user(user(name, "d", userid=name))
    adapter.remove_user_by_name("c", "a")
    assert names(adapter.get_users_by_colony_name("c")) == ["b", "c"]
    adapter.remove_user_by_id("c", "b")
    assert names(adapter.get_users_by_colony_name("c")) == ["c"]
    adapter.remove_users_by_colony_name("d")
    assert adapter.get_users() == [user("c", userid="c")]
    assert adapter.count_users() == 1


def test_an_id_changes_where_colony_and_old_id_match(adapter):
    adapter.add_user(user("a", userid="1"))
    adapter.add_user(user("a", "d", userid="1"))
    adapter.change_user_id("c", "2", "3")
    adapter.change_user_id("e", "1", "3")
    assert adapter.get_user_by_id("c", "3") is None
    adapter.change_user_id("c", "1", "3")
    assert adapter.get_user_by_id("c", "3") == user("a", userid="3")
    assert adapter.get_user_by_id("c", "1") is None
    assert adapter.get_user_by_id("d", "1") == user("a", "d", userid="1")


def test_what_is_returned_is_a_snapshot(adapter):
    given = user("a", userid="1")
    adapter.add_user(given)
    given.name = "changed"
    for read in (adapter.get_user_by_id("c", "1"), *adapter.get_users()):
        assert read.name == "a"
        read.name = read.email = "changed"
    assert adapter.get_user_by_name("c", "a") == user("a", userid="1")


def test_any_string_is_a_name(adapter):
    odd = ["", ":", "a:b", "c:a", " ", "\0", "$set", "a.b", "Ångström", "🐜", "a\n"]
    for name in odd:
        adapter.add_user(user(name, colonyname=name))
    for name in odd:
        assert adapter.get_user_by_name(name, name).name == name
        assert len(adapter.get_users_by_colony_name(name)) == 1


@pytest.mark.parametrize("bad", [None, {}, "a", 5, dataclasses.asdict(User(name="a")), User])
def test_what_is_no_user_is_refused(adapter, bad):
    with pytest.raises(SchemaError, match="user"):
        adapter.add_user(bad)
    assert adapter.get_users() == []


@pytest.mark.parametrize("field", ["colonyname", "userid", "name", "email", "phone"])
@pytest.mark.parametrize("bad", [None, 5, b"x", ["x"], "\ud800"], ids=repr)
def test_fields_are_strings(adapter, field, bad):
    with pytest.raises(SchemaError, match=field):
        adapter.add_user(dataclasses.replace(user("a"), **{field: bad}))
    assert adapter.get_users() == []


@pytest.mark.parametrize("bad", [None, 5, b"c", {"$gt": ""}, "\ud800"], ids=repr)
def test_arguments_are_strings(adapter, bad):
    adapter.add_user(user("a", userid="1"))
    two = (adapter.get_user_by_id, adapter.get_user_by_name, adapter.remove_user_by_id,
           adapter.remove_user_by_name)  # fmt: skip
    for method in two:
        for arguments in [(bad, "a"), ("c", bad)]:
            with pytest.raises(SchemaError):
                method(*arguments)
    for method in (adapter.get_users_by_colony_name, adapter.remove_users_by_colony_name):
        with pytest.raises(SchemaError):
            method(bad)
    for arguments in [(bad, "1", "2"), ("c", bad, "2"), ("c", "1", bad)]:
        with pytest.raises(SchemaError):
            adapter.change_user_id(*arguments)
    assert adapter.get_users() == [user("a", userid="1")]

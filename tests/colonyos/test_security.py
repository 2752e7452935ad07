"""The server's id, drop, and the locks that are not needed."""

from __future__ import annotations

import pytest

from support.colony_records import fill_colony
from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError, SchemaError
from velocity.py.colonyos import Colony, File, User
from velocity.py.colonyos.collections import LAYOUTS


def test_no_server_id_was_set(adapter):
    with pytest.raises(NotFoundError, match="server id"):
        adapter.get_server_id()


def test_the_first_server_id_is_set_once(adapter):
    adapter.set_server_id("", "first")
    assert adapter.get_server_id() == "first"
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.set_server_id("", "second")
    assert adapter.get_server_id() == "first"


def test_the_server_id_is_replaced_by_who_knows_it(adapter):
    adapter.set_server_id("unknown", "new")
    with pytest.raises(NotFoundError):
        adapter.get_server_id()
    adapter.set_server_id("", "first")
    adapter.set_server_id("another", "new")
    assert adapter.get_server_id() == "first"
    adapter.set_server_id("first", "new")
    assert adapter.get_server_id() == "new"


def test_of_many_first_server_ids_one_is_set(adapter):
    def attempt(number):
        try:
            adapter.set_server_id("", str(number))
            return True
        except DuplicateKeyError:
            return False

    won = run_threads(attempt, 8)
    assert won.count(True) == 1
    assert adapter.get_server_id() == str(won.index(True))


@pytest.mark.parametrize("bad", [None, 5, b"id", "\ud800"], ids=repr)
def test_a_server_id_is_a_string(adapter, bad):
    adapter.set_server_id("", "first")
    for ids in [(bad, "new"), ("first", bad), ("", bad)]:
        with pytest.raises(SchemaError):
            adapter.set_server_id(*ids)
    assert adapter.get_server_id() == "first"


def test_drop_leaves_it_empty_and_usable(adapter):
    adapter.set_server_id("", "first")
    adapter.add_colony(Colony(name="c"))
    adapter.add_user(User(name="u", colonyname="c"))
    adapter.drop()
    assert [name for name in LAYOUTS if name != "security" and len(adapter._data.db[name])] == []
    assert adapter.get_colonies() == adapter.get_users() == []
    with pytest.raises(NotFoundError):
        adapter.get_server_id()
    adapter.set_server_id("", "second")
    adapter.add_colony(Colony(name="c"))
    adapter.add_user(User(name="u", colonyname="c"))
    assert adapter.count_colonies() == adapter.count_users() == 1


def test_drop_is_one_step(adapter):
    adapter.set_server_id("", "first")
    fill_colony(adapter, "c", each=5)
    changed = changes_of_one_step(adapter, adapter.drop)
    assert set(changed) == set(LAYOUTS)
    assert changed["security"] == {"server"}


def test_drop_gives_no_number_twice(adapter):
    adapter.add_file(File(colonyname="c", label="/a", name="f"))
    (before,) = adapter.get_file_by_name("c", "/a", "f")
    adapter.drop()
    adapter.add_file(File(colonyname="c", label="/a", name="f"))
    (after,) = adapter.get_file_by_name("c", "/a", "f")
    assert after.sequencenr > before.sequencenr


def test_locks_and_is_enabled(adapter):
    assert adapter.is_enabled() is True
    assert adapter.lock(1000) is None
    assert adapter.unlock() is None
    adapter.unlock()  # without a lock, too
    adapter.lock(0)
    adapter.lock(0)  # nobody waits for it

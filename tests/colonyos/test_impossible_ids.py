"""Ids that no document can have are nobody's, not wrong; names that no index takes are refused."""

from __future__ import annotations

import inspect

import pytest

from velocity import NotFoundError, SchemaError
from velocity.py.colonyos import WAITING, ColonyOSAdapter, User

BY_ID = {
    name: list(inspect.signature(method).parameters)[1:]
    for name, method in inspect.getmembers(ColonyOSAdapter, inspect.isfunction)
    if name.startswith(("get_", "remove_", "mark_", "set_", "cancel_", "close_"))
}
BY_ID = {
    name: parameters
    for name, parameters in BY_ID.items()
    if parameters and parameters[0] in ("process_id", "process_graph_id", "attribute_id", "id")
}
OTHERS = {
    "state": WAITING, "input": [], "output": [], "errs": [], "parents": [], "children": [],
    "waiting_for_parent": False, "limit": 1, "since": 0,
}  # fmt: skip
RAISE = {
    "get_attribute_by_id", "mark_successful", "mark_failed", "mark_cancelled", "close_successful",
    "close_failed", "set_process_graph_state", "cancel_process_graph",
}  # fmt: skip


@pytest.mark.parametrize("name", BY_ID)
@pytest.mark.parametrize("id", ["", "x" * 1025], ids=["empty", "long"])
def test_nobody_has_them(adapter, name, id):
    call = getattr(adapter, name)
    others = [OTHERS[each] for each in BY_ID[name][1:]]
    if name in RAISE:
        with pytest.raises(NotFoundError):
            call(id, *others)
    else:
        assert call(id, *others) in (None, [])


def test_names_that_no_index_takes_are_refused(adapter):
    with pytest.raises(SchemaError, match="1,024 bytes"):
        adapter.add_user(User("c", "", "x" * 1024))
    assert adapter.count_users() == 0 and adapter.get_user_by_name("c", "x" * 1024) is None
    adapter.add_user(User("c", "", "x" * 1000))
    assert adapter.get_user_by_name("c", "x" * 1000) is not None

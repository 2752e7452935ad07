"""Ids that no document can have: they are nobody's, not wrong."""

from __future__ import annotations

import inspect

import pytest

from velocity import NotFoundError
from velocity.py.colonyos import WAITING, ColonyOSAdapter

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

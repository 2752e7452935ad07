"""What a method of the ColonyOS adapter changed, and that it did so in one batch of the engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from velocity.py.colonyos.collections import LAYOUTS


def changes_of_one_step(adapter: Any, call: Callable[[], Any]) -> dict[str, set[str]]:
    """Run the call; the ids that it changed, by collection. All changes were of one batch."""
    db = adapter._data.db
    adapter._data.sequence.next()  # reserves its block, which is a change of its own
    with ExitStack() as stack:
        watches = {name: stack.enter_context(db[name].watch()) for name in LAYOUTS}
        call()
        changed: dict[str, set[str]] = {}
        sequences = set()
        for name, watch in watches.items():
            while (event := watch.next(timeout=0)) is not None:
                changed.setdefault(name, set()).add(event.id)
                sequences.add(event.sequence)
    assert len(sequences) <= 1, f"several batches: {changed}"
    return changed

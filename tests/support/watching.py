"""What a watch gave, in a form to compare; and a collection made from it again."""

from __future__ import annotations

from collections.abc import Iterable

from velocity import ChangeEvent, Watch


def take(watch: Watch, count: int, timeout: float = 30.0) -> list[ChangeEvent]:
    """The next `count` events; fewer when they do not come in time."""
    events = []
    while len(events) < count and (event := watch.next(timeout)):
        events.append(event)
    return events


def drain(watch: Watch) -> list[ChangeEvent]:
    """All events that are there already."""
    events = []
    while event := watch.next(0):
        events.append(event)
    return events


def plain(events: Iterable[ChangeEvent]) -> list[tuple[str, str, dict | None, int]]:
    return [(e.kind, e.id, e.document and e.document.to_dict(), e.version) for e in events]


def places(events: Iterable[ChangeEvent]) -> list[tuple[int, int]]:
    """Where the events were in the log: rising, for each comes once and in order."""
    found = [(event.sequence, event.position) for event in events]
    assert found == sorted(set(found))
    return found


def replay(events: Iterable[ChangeEvent]) -> dict[str, tuple[int, dict]]:
    """id -> (version, fields) after the changes; as support.store.contents. Each must fit the one before."""
    state: dict[str, tuple[int, dict]] = {}
    for event in events:
        before = state.pop(event.id, None)
        if event.document is None:
            assert before is not None and before[0] == event.version, event
            continue
        assert event.document.id == event.id and event.document.version == event.version
        assert event.version == (before[0] + 1 if before and event.kind == "update" else 1), event
        state[event.id] = (event.version, event.document.to_dict())
    return state

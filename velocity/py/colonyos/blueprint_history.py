"""The history of blueprints: what they were, kept when they change or go."""

from __future__ import annotations

from velocity._core.document import Document
from velocity.py.colonyos.documents import all_where, remove_where
from velocity.py.colonyos.store import (
    Store,
    check_texts,
    checked,
    checked_int,
    id_or_new,
    insert_once,
)
from velocity.py.colonyos.types.blueprint import BlueprintHistory

_NEWEST_FIRST = ["-timestamp", "-sequence"]


class BlueprintHistories(Store):
    """Entries of histories, unique by id."""

    def add_blueprint_history(self, history: BlueprintHistory) -> None:
        """Add an entry; an empty id becomes a new one.

        Raises SchemaError, and DuplicateKeyError for an id that is taken.
        """
        data = self._data
        checked(history, BlueprintHistory, "history")
        id = id_or_new(history.historyid, "history.historyid")
        fields = {
            "blueprintid": history.blueprintid,
            "generation": history.generation,
            "timestamp": history.timestamp,
            "history": history.to_json(),
            "sequence": data.sequence.next(),
        }
        insert_once(data.blueprinthistory, id, fields, f"a blueprint history of id {id!r}")
        history.historyid = id

    def get_blueprint_history(self, blueprint_id: str, limit: int) -> list[BlueprintHistory]:
        """The blueprint's entries, the newest first; of one timestamp the later added first.

        limit: most entries to give; 0 or less for all.
        """
        history = self._data.blueprinthistory
        most = limit if checked_int(limit, "limit") > 0 else None
        found = all_where(history, {"blueprintid": blueprint_id}, _NEWEST_FIRST, most)
        return [_history(each) for each in found]

    def get_blueprint_history_by_generation(
        self, blueprint_id: str, generation: int
    ) -> BlueprintHistory | None:
        """The entry of one generation of the blueprint, the first added of several; else None."""
        data = self._data
        check_texts(blueprint_id=blueprint_id)
        found = data.blueprinthistory.find_one(
            {"blueprintid": blueprint_id, "generation": checked_int(generation, "generation")},
            sort="sequence",
        )
        return None if found is None else _history(found)

    def remove_blueprint_history(self, blueprint_id: str) -> None:
        """Remove all entries of the blueprint."""
        remove_where(self._data.blueprinthistory, {"blueprintid": blueprint_id})


def _history(document: Document) -> BlueprintHistory:
    history = BlueprintHistory.from_json(document["history"])
    history.historyid = document.id
    return history

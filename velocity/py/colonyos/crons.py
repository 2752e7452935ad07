"""Crons: workflows that start by the clock.

Only the records are here; what the server does once a second, starting what is due, is in
cron_runs.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.documents import all_where, by_id, count_where, first_where, remove_where
from velocity.py.colonyos.store import (
    Data,
    Store,
    check_texts,
    checked,
    checked_count,
    id_or_new,
    insert_once,
)
from velocity.py.colonyos.types.automation import Cron

_STORED = (
    "initiatorid", "initiatorname", "colonyname", "name", "cronexpression", "interval", "random",
    "nextrun", "lastrun", "workflowspec", "prevprocessgraphid", "waitforprevprocessgraph",
)


class Crons(Store):
    """Crons, unique by id and by name in their colony."""

    def add_cron(self, cron: Cron) -> None:
        """Add a cron as it is, but for checkerperiod, which is not stored.

        An empty id becomes a new one. Of many of one name at once exactly one is added. Raises
        SchemaError, and DuplicateKeyError for an id or a name in the colony that is taken.
        """
        data = self._data
        checked(cron, Cron, "cron")
        id = id_or_new(cron.cronid, "cron.cronid")
        fields: dict[str, Any] = {name: getattr(cron, name) for name in _STORED}
        fields["sequence"] = data.sequence.next()
        what = f"a cron {cron.name!r} of colony {cron.colonyname!r} or of id {id!r}"
        insert_once(data.crons, id, fields, what)
        cron.cronid = id

    def update_cron(
        self, cron_id: str, next_run: datetime, last_run: datetime, last_process_graph_id: str
    ) -> None:
        """Set nextrun, lastrun and prevprocessgraphid."""
        data = self._data
        check_texts(cron_id=cron_id, last_process_graph_id=last_process_graph_id)
        run = {
            "nextrun": checked(next_run, datetime, "next_run"),
            "lastrun": checked(last_run, datetime, "last_run"),
            "prevprocessgraphid": last_process_graph_id,
        }
        data.crons.update_where({"_id": cron_id}, run)

    def get_cron_by_id(self, cron_id: str) -> Cron | None:
        """The cron, None when absent."""
        found = by_id(self._data.crons, cron_id)
        return None if found is None else cron_of(found)

    def get_cron_by_name(self, colony_name: str, cron_name: str) -> Cron | None:
        """The cron of that name in the colony, None when absent."""
        found = first_where(self._data.crons, {"colonyname": colony_name, "name": cron_name})
        return None if found is None else cron_of(found)

    def find_crons_by_colony_name(self, colony_name: str, count: int) -> list[Cron]:
        """The colony's first `count` crons, in the order of adding. Raises QueryError."""
        return _crons(self._data, colony_name, checked_count(count))

    def get_crons(self, colony_name: str) -> list[Cron]:
        """The colony's crons, in the order of adding."""
        return _crons(self._data, colony_name, None)

    def find_all_crons(self) -> list[Cron]:
        """The crons of all colonies, in the order of adding."""
        return [cron_of(each) for each in self._data.crons.find({}, sort="sequence")]

    def count_crons_by_colony_name(self, colony_name: str) -> int:
        """How many crons the colony has."""
        return count_where(self._data.crons, {"colonyname": colony_name})

    def remove_cron_by_id(self, cron_id: str) -> None:
        """Remove the cron; what it started goes on."""
        remove_where(self._data.crons, {"_id": cron_id})

    def remove_cron_by_name(self, colony_name: str, cron_name: str) -> None:
        """Remove the cron of that name in the colony; what it started goes on."""
        remove_where(self._data.crons, {"colonyname": colony_name, "name": cron_name})

    def remove_all_crons_by_colony_name(self, colony_name: str) -> None:
        """Remove the colony's crons; what they started goes on."""
        remove_where(self._data.crons, {"colonyname": colony_name})


def cron_of(document: Document) -> Cron:
    """The cron that a document holds."""
    return Cron(cronid=document.id, **{name: document[name] for name in _STORED})


def _crons(data: Data, colony_name: str, count: int | None) -> list[Cron]:
    found = all_where(data.crons, {"colonyname": colony_name}, "sequence", count)
    return [cron_of(each) for each in found]

"""Retention: what has done its work and is old goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from velocity.py.colonyos.attributes import remove_attributes_in_state, remove_attributes_of
from velocity.py.colonyos.constants import SUCCESS
from velocity.py.colonyos.store import Data, Step, Store, ago, checked_count


class Retention(Store):
    """The removal of what is old."""

    def apply_retention_policy(self, retention_period: int) -> None:
        """Remove what is older than so many seconds, as one step; 0 for all up to now.

        By the time of adding: attributes in state SUCCESS, and all logs. By the time of submission:
        processes in state SUCCESS with their attributes, and process graphs in state SUCCESS. All
        others stay, and so do files. Raises QueryError for a negative period.
        """
        data = self._data
        until = ago(seconds=checked_count(retention_period, "retention_period"))
        self._atomically(lambda step: _remove(step, data, until))


def _remove(step: Step, data: Data, until: datetime) -> None:
    old = {"$lte": until}
    remove_attributes_in_state(step, data, {"added": old}, SUCCESS)
    processes = step.find("processes", {"state": SUCCESS, "submissiontime": old})
    remove_attributes_of(step, [each.id for each in processes])
    for process in processes:
        step.delete("processes", process.id)
    for graph in step.find("processgraphs", {"state": SUCCESS, "submissiontime": old}):
        step.delete("processgraphs", graph.id)
    for colony_name in _with_old_logs(data, until):
        step.remove("logs", {"colonyname": colony_name, "added": old})


def _with_old_logs(data: Data, until: datetime) -> Iterator[str]:
    """The colonies that have old lines: by index, from one colony's oldest line to the next's."""
    above = "$gte"
    name = ""
    while True:
        oldest = data.logs.find_one(
            {"colonyname": {above: name}}, sort=["colonyname", "added", "sequence"]
        )
        if oldest is None:
            return
        above, name = "$gt", oldest["colonyname"]
        if oldest["added"] <= until:
            yield name

"""Statistics: how much there is of what."""

from __future__ import annotations

from dataclasses import dataclass

from velocity.py.colonyos.json_object import JSONObject


@dataclass
class Statistics(JSONObject):
    """Counts, of one colony or of all."""

    colonies: int = 0
    executors: int = 0
    activeexecutors: int = 0
    unregisteredexecutors: int = 0
    waitingprocesses: int = 0
    runningprocesses: int = 0
    successfulprocesses: int = 0
    failedprocesses: int = 0
    cancelledprocesses: int = 0
    waitingworkflows: int = 0
    runningworkflows: int = 0
    successfulworkflows: int = 0
    failedworkflows: int = 0
    cancelledworkflows: int = 0

"""Logs: lines that processes and executors wrote, read by time.

`timestamp` is the writer's, an int, nanoseconds by convention; `added` is the database's and
decides how far back a search goes and what retention removes. Lines with equal timestamps come in
the order of adding.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.documents import count_where, remove_where
from velocity.py.colonyos.store import (
    Data,
    Store,
    ago,
    check_texts,
    checked,
    checked_count,
    checked_int,
    now,
)
from velocity.py.colonyos.types.content import Log

_ASCENDING, _DESCENDING = ["timestamp", "sequence"], ["-timestamp", "-sequence"]


class Logs(Store):
    """Lines of logs. They have no ids, and their process and executor need not exist."""

    def add_log(
        self,
        process_id: str,
        colony_name: str,
        executor_name: str,
        timestamp: int,
        msg: str,
        *,
        added: datetime | None = None,
    ) -> None:
        """Add a line. process_id may be "". added: an aware time, None: now. Raises SchemaError."""
        self._data.logs.add(
            {
                "processid": process_id,
                "colonyname": colony_name,
                "executorname": executor_name,
                "message": msg,
                "timestamp": checked_int(timestamp, "timestamp"),
                "added": now() if added is None else checked(added, datetime, "added"),
                "sequence": self._data.sequence.next(),
            }
        )

    def get_logs_by_process_id(self, process_id: str, limit: int) -> list[Log]:
        """The process's first `limit` lines by timestamp. Raises QueryError."""
        return _lines(self._data, {"processid": process_id}, limit)

    def get_logs_by_executor(self, executor_name: str, limit: int) -> list[Log]:
        """The first `limit` lines by timestamp of executors of that name in any colony.

        Raises QueryError.
        """
        return _lines(self._data, {"executorname": executor_name}, limit)

    def get_logs_by_process_id_since(self, process_id: str, limit: int, since: int) -> list[Log]:
        """The process's first `limit` lines whose timestamp is above `since`. Raises QueryError."""
        wanted = {"processid": process_id}
        return _lines(self._data, wanted, limit, checked_int(since, "since"))

    def get_logs_by_executor_since(self, executor_name: str, limit: int, since: int) -> list[Log]:
        """The first `limit` lines, with a timestamp above `since`, of executors of that name.

        Raises QueryError.
        """
        wanted = {"executorname": executor_name}
        return _lines(self._data, wanted, limit, checked_int(since, "since"))

    def get_logs_by_process_id_latest(self, process_id: str, limit: int) -> list[Log]:
        """The process's last `limit` lines by timestamp, oldest first. Raises QueryError."""
        return _latest(self._data, {"processid": process_id}, limit)

    def get_logs_by_executor_latest(self, executor_name: str, limit: int) -> list[Log]:
        """The last `limit` lines by timestamp, oldest first, of executors of that name.

        Raises QueryError.
        """
        return _latest(self._data, {"executorname": executor_name}, limit)

    def search_logs(self, colony_name: str, text: str, days: int, count: int) -> list[Log]:
        """The colony's first `count` lines that contain a text, in the order of adding.

        text: as it stands, upper and lower case apart. days: only lines added within so many times
        24 hours; 0 or fewer find nothing. Raises SchemaError, QueryError.
        """
        data = self._data
        check_texts(colony_name=colony_name, text=text)
        checked_int(days, "days")
        most = checked_count(count)
        if days <= 0:
            return []
        wanted: dict[str, Any] = {"colonyname": colony_name, "added": {"$gte": ago(days=days)}}
        if text:
            wanted["message"] = {"$regex": re.escape(text)}
        return [_log(each) for each in data.logs.find(wanted, sort="sequence", limit=most)]

    def count_logs(self, colony_name: str) -> int:
        """How many lines the colony has."""
        return count_where(self._data.logs, {"colonyname": colony_name})

    def remove_logs_by_colony_name(self, colony_name: str) -> None:
        """Remove the colony's lines."""
        remove_where(self._data.logs, {"colonyname": colony_name})

    def remove_logs_by_process_id(self, process_id: str) -> None:
        """Remove the process's lines."""
        remove_where(self._data.logs, {"processid": process_id})

    def remove_all_logs(self) -> None:
        """Remove the lines of all colonies."""
        self._data.logs.delete_where({})


def _lines(data: Data, wanted: dict[str, Any], limit: int, since: int | None = None) -> list[Log]:
    check_texts(**wanted)
    if since is not None:
        wanted["timestamp"] = {"$gt": since}
    found = data.logs.find(wanted, sort=_ASCENDING, limit=checked_count(limit, "limit"))
    return [_log(each) for each in found]


def _latest(data: Data, wanted: dict[str, Any], limit: int) -> list[Log]:
    check_texts(**wanted)
    found = data.logs.find(wanted, sort=_DESCENDING, limit=checked_count(limit, "limit"))
    return [_log(each) for each in reversed(found.documents)]


def _log(document: Document) -> Log:
    return Log(
        processid=document["processid"],
        colonyname=document["colonyname"],
        executorname=document["executorname"],
        message=document["message"],
        timestamp=document["timestamp"],
    )

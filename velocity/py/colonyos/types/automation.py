"""What starts workflows by itself: generators by the number of arguments, crons by the clock."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from velocity._core.errors import QueryError
from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.cron_expression import next_match
from velocity.py.colonyos.identifiers import random_id
from velocity.py.colonyos.json_object import JSONObject
from velocity.py.colonyos.json_time import utc


@dataclass
class Generator(JSONObject):
    """Starts a workflow when `trigger` arguments are there, or after `timeout` seconds with fewer.

    workflowspec: JSON text of a WorkflowSpec. firstpack: when the first argument came. lastrun:
    when it last started one. queuesize, checkerperiod: what a server tells, not stored.
    """

    generatorid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    name: str = ""
    workflowspec: str = ""
    trigger: int = 0
    timeout: int = 0
    firstpack: datetime = ZERO_TIME
    lastrun: datetime = ZERO_TIME
    queuesize: int = 0
    checkerperiod: int = 0

    def due(self, count: int, now: datetime | None = None) -> int:
        """How many workflows to start now that `count` arguments wait.

        With trigger arguments or more, one for each trigger of them; with fewer, one if the
        timeout is over. A trigger below 1 is none. Raises SchemaError for a naive time.
        """
        if self.trigger > 0 and count >= self.trigger:
            return count // self.trigger
        return int(count >= 1 and self.timeout > 0 and self._timed_out(_moment(now)))

    def _timed_out(self, now: datetime) -> bool:
        since = self.firstpack if self.lastrun == ZERO_TIME else self.lastrun
        if since == ZERO_TIME:
            return False
        whole = now.replace(microsecond=0) - utc(since, "Generator").replace(microsecond=0)
        return whole.total_seconds() > self.timeout


@dataclass
class GeneratorArg(JSONObject):
    """An argument that waits in a generator's queue."""

    id: str = ""
    generatorid: str = ""
    colonyname: str = ""
    arg: str = ""

    @classmethod
    def create(cls, generatorid: str, colonyname: str, arg: str) -> GeneratorArg:
        """A new argument."""
        return cls(random_id(), generatorid, colonyname, arg)


@dataclass
class Cron(JSONObject):
    """Starts a workflow by the clock: every `interval` seconds, or when cronexpression says so.

    random: at a random moment within the interval. workflowspec: JSON text of a WorkflowSpec.
    waitforprevprocessgraph: not before the one started last, prevprocessgraphid, is done.
    checkerperiod: what a server tells, not stored.
    """

    cronid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    name: str = ""
    cronexpression: str = ""
    interval: int = 0
    random: bool = False
    nextrun: datetime = ZERO_TIME
    lastrun: datetime = ZERO_TIME
    workflowspec: str = ""
    prevprocessgraphid: str = ""
    waitforprevprocessgraph: bool = False
    checkerperiod: int = 0

    def next_run(self, now: datetime | None = None) -> datetime:
        """When to start next, in UTC; ZERO_TIME if not within five years.

        An interval above 0 counts from now, and cronexpression is not looked at. Otherwise the
        expression's next match after now, in now's time zone unless the expression names one.
        Raises QueryError for a bad expression or an interval beyond the year 9999, SchemaError for
        a naive time.
        """
        if self.interval <= 0:
            return next_match(self.cronexpression, now or datetime.now(timezone.utc))
        seconds = random.randrange(self.interval) if self.random else self.interval
        try:
            return _moment(now) + timedelta(seconds=seconds)
        except OverflowError as error:
            raise QueryError(f"interval: {self.interval} seconds is too long") from error

    def has_expired(self, now: datetime | None = None) -> bool:
        """Whether nextrun is past."""
        return _moment(now) > self.nextrun


def _moment(now: datetime | None) -> datetime:
    return datetime.now(timezone.utc) if now is None else utc(now, "now")

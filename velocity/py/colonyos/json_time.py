"""Times as ColonyOS writes them: RFC 3339 text, always in UTC, Go's unset time included."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from velocity._core.errors import SchemaError
from velocity.py.colonyos.constants import ZERO_TIME

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ZERO_TEXT = "0001-01-01T00:00:00Z"
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def write_time(time: Any, where: str) -> str:
    """RFC 3339 in UTC, with the digits of the fraction that it needs, six at most.

    where: the field, for SchemaError, which is raised for what is no aware datetime.
    """
    if time is ZERO_TIME:
        return _ZERO_TEXT
    if type(time) is not datetime or time.tzinfo is not timezone.utc:
        time = utc(time, where)
    text: str = time.isoformat()
    return f"{text[:26].rstrip('0')}Z" if time.microsecond else f"{text[:19]}Z"


def read_time(value: Any, where: str) -> datetime:
    """The time that RFC 3339 text tells, in UTC, without what is finer than a microsecond.

    None is ZERO_TIME; an aware datetime is taken, too. Times before year 1 are ZERO_TIME: a zone
    west of Greenwich writes it so. Raises SchemaError.
    """
    if value is None or value == _ZERO_TEXT:
        return ZERO_TIME
    if isinstance(value, datetime):
        return utc(value, where)
    parts = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise SchemaError(f"{where}: wants a time as RFC 3339 has it, not {value!r}")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = parts.groups()
    if year == "0000":
        return ZERO_TIME
    try:
        time = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second),
            int(fraction[:6].ljust(6, "0")) if fraction else 0, timezone.utc,
        )
        if sign is None:
            return time
        return _shifted(time, sign, int(hours), int(minutes))
    except (ValueError, OverflowError) as error:
        raise SchemaError(f"{where}: no such time: {value!r}") from error


def utc(time: Any, where: str) -> datetime:
    """The same moment in UTC. Raises SchemaError for what is no aware datetime."""
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise SchemaError(f"{where}: wants a datetime with a time zone, not {time!r}")
    if time.tzinfo is timezone.utc:
        return time
    try:
        return time.astimezone(timezone.utc)
    except OverflowError as error:
        raise SchemaError(f"{where}: {time!r} is out of the range of UTC") from error


def unix_nanoseconds(time: datetime) -> int:
    """Nanoseconds from 1970 to an aware time, exactly."""
    since = time - EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def _shifted(time: datetime, sign: str, hours: int, minutes: int) -> datetime:
    if hours > 23 or minutes > 59:
        raise ValueError("offset")
    offset = timedelta(hours=hours, minutes=minutes)
    if sign == "-":
        return time + offset
    return time - offset if time - ZERO_TIME >= offset else ZERO_TIME

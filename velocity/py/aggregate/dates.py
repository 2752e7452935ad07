"""Expression operators on times. Without a time zone they speak of UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from velocity.py.aggregate.values import fail, is_nullish, kind_of

FORMAT = "%Y-%m-%dT%H:%M:%S.%LZ"
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")

_DIRECTIVES: dict[str, Callable[[datetime], str]] = {
    "Y": lambda moment: f"{moment.year:04}",
    "m": lambda moment: f"{moment.month:02}",
    "d": lambda moment: f"{moment.day:02}",
    "H": lambda moment: f"{moment.hour:02}",
    "M": lambda moment: f"{moment.minute:02}",
    "S": lambda moment: f"{moment.second:02}",
    "L": lambda moment: f"{moment.microsecond // 1000:03}",
    "j": lambda moment: f"{moment.timetuple().tm_yday:03}",
    "u": lambda moment: f"{moment.isoweekday()}",
    "G": lambda moment: f"{moment.isocalendar()[0]:04}",
    "V": lambda moment: f"{moment.isocalendar()[1]:02}",
    "%": lambda moment: "%",
}


def _moment(place: str, value: Any, zone: tzinfo) -> datetime:
    if not isinstance(value, datetime):
        fail(place, f"wants a time, not {kind_of(value)}")
    return value.astimezone(zone)


def _zone(place: str, name: Any) -> tzinfo:
    """Of an offset (+02:00) or a name (Europe/Oslo)."""
    if name is None:
        return timezone.utc
    if isinstance(name, str):
        if offset := _OFFSET.fullmatch(name):
            sign = -1 if offset[1] == "-" else 1
            size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
            if size < timedelta(days=1):
                return timezone(sign * size)
        try:
            return ZoneInfo(name)
        except (ValueError, OSError, KeyError):
            pass  # refused below
    fail(place, f"timezone: {name!r} is neither an offset such as '+02:00' nor a known name")


def date_to_string(
    place: str, date: Any, format: Any = FORMAT, timezone: Any = None, onNull: Any = None
) -> Any:
    if is_nullish(date):
        return onNull
    if not isinstance(format, str):
        fail(place, f"format: wants a string, not {kind_of(format)}")
    moment = _moment(place, date, _zone(place, timezone))

    def directive(match: re.Match[str]) -> str:
        if match[1] not in _DIRECTIVES:
            known = " ".join(f"%{letter}" for letter in _DIRECTIVES)
            fail(place, f"format: unknown {match[0]!r}; known: {known}")
        return _DIRECTIVES[match[1]](moment)

    return re.sub(r"%(.?)", directive, format, flags=re.DOTALL)


def _start_of_week(moment: datetime) -> datetime:
    """Weeks begin on Sunday, as MongoDB's do."""
    return moment.replace(hour=0) - timedelta(days=moment.isoweekday() % 7)


_UNITS: dict[str, Callable[[datetime], datetime]] = {
    "year": lambda moment: moment.replace(month=1, day=1, hour=0),
    "quarter": lambda moment: moment.replace(
        month=(moment.month - 1) // 3 * 3 + 1, day=1, hour=0
    ),
    "month": lambda moment: moment.replace(day=1, hour=0),
    "week": _start_of_week,
    "day": lambda moment: moment.replace(hour=0),
    "hour": lambda moment: moment,
    "minute": lambda moment: moment,
    "second": lambda moment: moment,
}


def date_trunc(place: str, date: Any, unit: Any, timezone: Any = None) -> Any:
    """The start of the unit that the time lies in."""
    if is_nullish(date):
        return None
    if unit not in _UNITS:
        fail(place, f"unit: {unit!r} is none of {' '.join(_UNITS)}")
    moment = _moment(place, date, _zone(place, timezone)).replace(microsecond=0)
    if unit != "second":
        moment = moment.replace(second=0)
        if unit != "minute":
            moment = moment.replace(minute=0)
    try:
        return _UNITS[unit](moment)
    except OverflowError:
        fail(place, "the result is no time that can be stored")


def _part(of: Callable[[datetime], int]) -> Callable[[str, Any], Any]:
    return lambda place, value: (
        None if is_nullish(value) else of(_moment(place, value, timezone.utc))
    )


DATE_PARTS = {
    "year": _part(lambda moment: moment.year),
    "month": _part(lambda moment: moment.month),
    "dayOfMonth": _part(lambda moment: moment.day),
    "dayOfWeek": _part(lambda moment: moment.isoweekday() % 7 + 1),
    "dayOfYear": _part(lambda moment: moment.timetuple().tm_yday),
    "hour": _part(lambda moment: moment.hour),
    "minute": _part(lambda moment: moment.minute),
    "second": _part(lambda moment: moment.second),
}

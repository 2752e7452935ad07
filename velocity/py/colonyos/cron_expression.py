"""Cron expressions: when a moment comes next that six fields describe, as robfig/cron has it.

Fields tell of the clock on the wall in the expression's zone, and a moment matches if that clock
shows what they allow. So what the clock skips in spring does not happen, and what it shows twice
in autumn happens twice. (robfig/cron also misses or shifts matches where a clock skips midnight or
half an hour; here these are no exceptions.)
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from velocity._core.errors import QueryError
from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.json_time import utc

YEARS_MAX = 5  # from the year of the start, to its end
EVERY_MAX = Fraction(2**63 - 1, 10**9)  # seconds in the longest of Go's durations

_SECOND, _HOUR, _DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("second", 0, 59, {}),
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *", "@annually": "0 0 0 1 1 *", "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0", "@daily": "0 0 0 * * *", "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s+(.*)", re.DOTALL)
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_DURATION = re.compile(rf"([+-]?)((?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+|0)")
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {
    "ns": Fraction(1, 10**9), "us": Fraction(1, 10**6), "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6), "ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60),
    "h": Fraction(3600),
}


def next_match(expression: str, now: datetime) -> datetime:
    """The first moment after now, on a whole second, that matches; in UTC.

    now's time zone is the expression's unless that begins with TZ=Zone or CRON_TZ=Zone. ZERO_TIME
    if there is none to the end of the fifth year from now's. Raises QueryError for an expression
    that is none, SchemaError for a naive time.
    """
    if not isinstance(expression, str):
        raise QueryError(f"cron expression: wants text, not {type(expression).__name__}")
    parsed = _parse(expression)
    start = utc(now, "now").replace(microsecond=0)
    try:
        if isinstance(parsed, Every):
            return start + parsed.seconds
        return parsed.after(start, now.tzinfo or timezone.utc)
    except OverflowError:  # past the last year that a datetime can tell
        return ZERO_TIME


@dataclass(frozen=True)
class Every:
    """@every: a moment so much later, in whole seconds, at least one."""

    seconds: timedelta


@dataclass(frozen=True)
class Expression:
    """Six fields: the values that each allows, in ascending order."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either_day: bool  # one of the two day fields is enough
    zone: tzinfo | None

    def after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The first match after a moment (UTC, a whole second), or ZERO_TIME."""
        zone = self.zone or zone
        start = moment + _SECOND
        today = start.astimezone(zone).date()
        for day in self._days(today, today.year + YEARS_MAX):
            for first, last in _spans(day, zone):
                found = self._within(max(first, start), last, zone)
                if found is not None:
                    return found
        return ZERO_TIME

    def _days(self, day: date, last_year: int) -> Iterator[date]:
        """The days from one on that match."""
        while day.year <= last_year:
            if day.month not in self.months:
                day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
                continue
            in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
            if (in_month or in_week) if self.either_day else (in_month and in_week):
                yield day
            day += _DAY

    def _within(self, first: datetime, last: datetime, zone: tzinfo) -> datetime | None:
        """The first match of the time from first to last, while the clock runs evenly."""
        if first > last:
            return None
        wall = _wall(first, zone)
        clock = self._clock(wall.time())
        if clock is None:
            return None
        wait = datetime.combine(wall.date(), clock) - wall
        return first + wait if first + wait <= last else None

    def _clock(self, at: time) -> time | None:
        """The first time of the day from one on that matches."""
        hours, minutes, seconds = self.hours, self.minutes, self.seconds
        hour, minute = at.hour, at.minute
        if hour in hours:
            if minute in minutes:
                later = bisect_left(seconds, at.second)
                if later < len(seconds):
                    return time(hour, minute, seconds[later])
            later = bisect_left(minutes, minute + 1)
            if later < len(minutes):
                return time(hour, minutes[later], seconds[0])
        later = bisect_left(hours, hour + 1)
        return time(hours[later], minutes[0], seconds[0]) if later < len(hours) else None


@lru_cache(maxsize=256)
def _parse(expression: str) -> Expression | Every:
    """Read an expression. Raises QueryError, which names the field that is wrong."""
    text, zone = expression.strip(), None
    if text.startswith(("TZ=", "CRON_TZ=")):
        parts = _ZONE.fullmatch(text)
        if parts is None:
            raise QueryError(f"cron expression: {expression!r}: nothing follows the time zone")
        zone, text = _zone(parts[1]), parts[2]
    if text.startswith("@every "):
        return Every(timedelta(seconds=_every(text.removeprefix("@every "))))
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            known = ", ".join(_DESCRIPTORS)
            raise QueryError(f"cron expression: no {text!r}; there are {known}, @every 1h30m")
        text = _DESCRIPTORS[text]
    texts = text.split()
    if len(texts) != len(_FIELDS):
        names = ", ".join(field[0] for field in _FIELDS)
        raise QueryError(
            f"cron expression: {expression!r} has {len(texts)} fields; wanted are six: {names}"
        )
    read = [_field(text, *field) for text, field in zip(texts, _FIELDS)]
    second, minute, hour, day, month, weekday = (tuple(sorted(values)) for values, _ in read)
    either_day = not (read[3][1] or read[5][1])
    return Expression(second, minute, hour, day, month, weekday, either_day, zone)


def _field(
    text: str, what: str, lowest: int, highest: int, names: dict[str, int]
) -> tuple[set[int], bool]:
    """The values that a field allows, and whether one of its parts is a star without a step."""
    values: set[int] = set()
    star = False
    for part in text.split(","):
        try:
            first, last, step, every = _range(part, lowest, highest, names)
        except ValueError as error:
            raise QueryError(f"cron expression: {what} {text!r}: {error}") from None
        values.update(range(first, last + 1, step))
        star = star or (every and step == 1)
    return values, star


def _range(
    part: str, lowest: int, highest: int, names: dict[str, int]
) -> tuple[int, int, int, bool]:
    """First, last, step, and whether it is a star, of `*`, `n`, `n-m` with or without /step."""
    span, slash, step_text = part.partition("/")
    step = _number(step_text, {}) if slash else 1
    if step == 0:
        raise ValueError("a step has to be above 0")
    if span in ("*", "?"):
        return lowest, highest, step, True
    first_text, hyphen, last_text = span.partition("-")
    first = _number(first_text, names)
    last = _number(last_text, names) if hyphen else highest if slash else first
    if first < lowest or last > highest:
        raise ValueError(f"allowed are {lowest} to {highest}")
    if first > last:
        raise ValueError(f"{first} is beyond {last}")
    return first, last, step, False


def _number(text: str, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        also = f" and none of {', '.join(names)}" if names else ""
        raise ValueError(f"{text!r} is no number{also}")
    return int(text)


def _zone(name: str) -> tzinfo:
    if name in ("", "UTC"):
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise QueryError(f"cron expression: no time zone {name!r}") from error


def _every(text: str) -> int:
    """Whole seconds of a duration as Go writes them, at least one."""
    duration = _DURATION.fullmatch(text)
    if duration is None:
        raise QueryError(f"cron expression: @every {text!r} is no duration; write it as 1h30m")
    parts = _PART.findall(duration[2])
    seconds = sum((Fraction(number) * _UNITS[unit] for number, unit in parts), Fraction(0))
    if seconds > EVERY_MAX:
        raise QueryError(f"cron expression: @every {text!r} is too long")
    return 1 if duration[1] == "-" else max(1, int(seconds))


def _spans(day: date, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """The parts of a day (first and last second, UTC) in which the clock runs evenly."""
    midnight = datetime.combine(day, time(), zone)
    next_midnight = midnight + _DAY
    first = min(midnight.replace(fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    end = max(next_midnight.replace(fold=fold).astimezone(timezone.utc) for fold in (0, 1))
    if end - first == _DAY and _offset(first, zone) == _offset(end - _SECOND, zone):
        yield first, end - _SECOND
        return
    while first < end:
        last = _last_of(first, end, zone)
        # Of these parts, what is this day's by the clock: a fold may begin the day before.
        early, late = _wall(first, zone), _wall(last, zone)
        start = first + max(datetime.combine(day, time()) - early, timedelta())
        stop = last - max(late - datetime.combine(day, time(23, 59, 59)), timedelta())
        if start <= stop:
            yield start, stop
        first = last + _SECOND


def _last_of(first: datetime, end: datetime, zone: tzinfo) -> datetime:
    """The last second before end up to which the offset is that of the first one."""
    offset = _offset(first, zone)
    even, other = first, first
    while _offset(other, zone) == offset:
        even, other = other, other + _HOUR
        if even >= end:
            return end - _SECOND
    while other - even > _SECOND:
        middle = even + (other - even) // _SECOND // 2 * _SECOND
        if _offset(middle, zone) == offset:
            even = middle
        else:
            other = middle
    return min(even, end - _SECOND)


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()

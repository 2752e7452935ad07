"""Cron expressions, against a plain walk over the seconds, and what robfig/cron's own tests say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from velocity import QueryError, SchemaError
from velocity.py.colonyos import ZERO_TIME, Cron

UTC = timezone.utc
SECOND = timedelta(seconds=1)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
LOWEST, HIGHEST = (0, 0, 0, 1, 1, 0), (59, 59, 23, 31, 12, 6)


def next_run(expression, now):
    return Cron(cronexpression=expression).next_run(now)


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def allows(field, place, value):
    """Whether a field allows a value, read from its text anew each time."""
    names = MONTHS if place == 4 else DAYS if place == 5 else []
    numbers = {name: str(number + LOWEST[place]) for number, name in enumerate(names)}
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if low in ("*", "?"):
            first, last = LOWEST[place], HIGHEST[place]
        else:
            first = int(numbers.get(low, low))
            last = int(numbers.get(high, high)) if high else HIGHEST[place] if step else first
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def matches(expression, wall):
    """Whether an expression matches what a clock on the wall shows."""
    fields = expression.split()
    shown = (wall.second, wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7)
    ok = [allows(*each) for each in zip(fields, range(6), shown)]
    stars = any(part in ("*", "?", "*/1", "?/1") for place in (3, 5) for part in fields[place].split(","))
    return all(ok[:3]) and ok[4] and ((ok[3] and ok[5]) if stars else (ok[3] or ok[5]))


def walked(expression, now, seconds):
    """The first match within so many seconds, by trying each of them; None without one."""
    moment = now.astimezone(UTC).replace(microsecond=0)
    for _ in range(seconds):
        moment += SECOND
        if matches(expression, moment.astimezone(now.tzinfo)):
            return moment
    return None


@st.composite
def fields(draw, place):
    """The text of one field."""
    low, high = LOWEST[place], HIGHEST[place]

    def number():
        value = draw(st.integers(low, high))
        names = MONTHS if place == 4 else DAYS if place == 5 else []
        if names and draw(st.booleans()):
            return value, draw(st.sampled_from([str.lower, str.upper, str.title]))(names[value - low])
        return value, draw(st.sampled_from(["", "0"])) + str(value)

    def part():
        shape = draw(st.sampled_from("***?nnr"))
        if shape in "*?":
            span = shape
        elif shape == "n":
            span = number()[1]
        else:
            span = "-".join(text for _, text in sorted((number(), number()), key=lambda pair: pair[0]))
        return span + draw(st.sampled_from(["", "", "", "/1", "/2", "/7", "/20", "/100"]))

    return ",".join(part() for _ in range(draw(st.sampled_from([1, 1, 2, 3]))))


EXPRESSIONS = st.tuples(*(fields(place) for place in range(6))).map(" ".join)
CHANGES = {  # moments (UTC) at which clocks were changed, by zone
    "UTC": ["2024-02-29T00:00:00", "2023-12-31T23:59:00"],
    "America/New_York": ["2012-03-11T07:00:00", "2012-11-04T06:00:00"],
    "Europe/Stockholm": ["2026-03-29T01:00:00", "2026-10-25T01:00:00"],
    "America/Sao_Paulo": ["2018-11-04T03:00:00", "2018-02-18T02:00:00"],  # at midnight
    "Australia/Lord_Howe": ["2024-10-05T15:30:00", "2024-04-06T15:00:00"],  # by half an hour
    "Pacific/Apia": ["2011-12-30T10:00:00"],  # by a day
    "America/Toronto": ["1919-03-31T04:30:00"],  # from half past eleven to half past midnight
    "Asia/Kolkata": ["2024-06-30T18:30:00"],
}
MOMENTS = st.sampled_from([(zone, text) for zone, texts in CHANGES.items() for text in texts]).flatmap(
    lambda pair: st.integers(-9000, 9000).map(
        lambda seconds: (at(pair[1]) + timedelta(seconds=seconds)).astimezone(ZoneInfo(pair[0]))
    )
)


@given(EXPRESSIONS, MOMENTS, st.sampled_from([0, 1, 999_999]))
@example("0 30 1 * * *", at("2012-11-04T05:29:59").astimezone(ZoneInfo("America/New_York")), 0)
@example("0 0 0 * * *", at("2018-11-04T02:59:59").astimezone(ZoneInfo("America/Sao_Paulo")), 0)
@example("0 15 2 * * *", at("2024-10-05T15:20:00").astimezone(ZoneInfo("Australia/Lord_Howe")), 0)
@example("0 0 0 30 12 ?", at("2011-12-30T09:59:59").astimezone(ZoneInfo("Pacific/Apia")), 0)
@example("0 45 0 31 3 *", at("1919-03-31T04:29:59").astimezone(ZoneInfo("America/Toronto")), 0)
def test_the_next_match_is_the_first_second_that_matches(expression, moment, micros):
    moment = moment.replace(microsecond=micros)
    found = next_run(expression, moment)
    expected = walked(expression, moment, 7200)
    if expected is not None:
        assert found == expected
    else:
        assert found == ZERO_TIME or found > moment.astimezone(UTC) + timedelta(seconds=7199)
    if found != ZERO_TIME:
        assert found.tzinfo is UTC and found.microsecond == 0
        assert matches(expression, found.astimezone(moment.tzinfo))


@given(st.tuples(*(fields(place) for place in (3, 4, 5))), st.datetimes(datetime(1999, 1, 1), datetime(2101, 1, 1)))
def test_the_next_day_is_the_first_day_that_matches(days, now):
    expression = " ".join(("0 0 0", *days))
    found, day = next_run(expression, now.replace(tzinfo=UTC)), now.date()
    while day.year <= now.year + 5:
        day += timedelta(days=1)
        if day.year <= now.year + 5 and matches(expression, datetime(day.year, day.month, day.day)):
            assert found == datetime(day.year, day.month, day.day, tzinfo=UTC)
            return
    assert found == ZERO_TIME


ROBFIG = [line.split(" | ") for line in """\
2012-07-09T14:45:00 | 0 0/15 * * * * | 2012-07-09T15:00:00
2012-07-09T14:59:59 | 0 0/15 * * * * | 2012-07-09T15:00:00
2012-07-09T15:45:00 | 0 20-35/15 * * * * | 2012-07-09T16:20:00
2012-07-09T23:46:00 | 0 */15 * * * * | 2012-07-10T00:00:00
2012-07-09T23:35:51 | 15/35 20-35/15 * * * * | 2012-07-10T00:20:15
2012-07-09T23:35:51 | 15/35 20-35/15 1/2 * * * | 2012-07-10T01:20:15
2012-07-09T23:35:51 | 15/35 20-35/15 10-12 * * * | 2012-07-10T10:20:15
2012-07-09T23:35:51 | 15/35 20-35/15 1/2 */2 * * | 2012-07-11T01:20:15
2012-07-09T23:35:51 | 15/35 20-35/15 * 9-20 Jul * | 2012-07-10T00:20:15
2012-07-09T23:35:00 | 0 0 0 9 Apr-Oct ? | 2012-08-09T00:00:00
2012-07-09T23:35:00 | 0 0 0 */5 Apr,Aug,Oct Mon | 2012-08-01T00:00:00
2012-07-09T23:35:00 | 0 0 0 */5 Oct Mon | 2012-10-01T00:00:00
2012-07-09T23:35:00 | 0 0 0 * Feb Mon | 2013-02-04T00:00:00
2012-07-09T23:35:00 | 0 0 0 * Feb Mon/2 | 2013-02-01T00:00:00
2012-12-31T23:59:45 | 0 * * * * * | 2013-01-01T00:00:00
2012-07-09T23:35:00 | 0 0 0 29 Feb ? | 2016-02-29T00:00:00
2012-03-11T00:00:00-05:00 | TZ=America/New_York 0 30 2 11 Mar ? | 2013-03-11T02:30:00-04:00
2012-03-11T01:00:00-05:00 | TZ=America/New_York 0 0 * * * ? | 2012-03-11T03:00:00-04:00
2012-03-11T01:00:00-05:00 | CRON_TZ=America/New_York 0 0 * * * ? | 2012-03-11T03:00:00-04:00
2012-03-11T01:00:00-05:00 | TZ=America/New_York 0 0 1 * * ? | 2012-03-12T01:00:00-04:00
2012-03-11T00:00:00-05:00 | TZ=America/New_York 0 0 2 * * ? | 2012-03-12T02:00:00-04:00
2012-11-04T00:00:00-04:00 | TZ=America/New_York 0 30 2 04 Nov ? | 2012-11-04T02:30:00-05:00
2012-11-04T01:45:00-04:00 | TZ=America/New_York 0 30 1 04 Nov ? | 2012-11-04T01:30:00-05:00
2012-11-04T00:00:00-04:00 | TZ=America/New_York 0 0 * * * ? | 2012-11-04T01:00:00-04:00
2012-11-04T01:00:00-04:00 | TZ=America/New_York 0 0 * * * ? | 2012-11-04T01:00:00-05:00
2012-11-04T01:00:00-05:00 | TZ=America/New_York 0 0 * * * ? | 2012-11-04T02:00:00-05:00
2012-11-04T01:00:00-05:00 | TZ=America/New_York 0 0 1 * * ? | 2012-11-05T01:00:00-05:00
2012-11-04T02:00:00-05:00 | TZ=America/New_York 0 0 2 * * ? | 2012-11-05T02:00:00-05:00
2018-10-17T05:00:00-04:00 | TZ=America/Sao_Paulo 0 0 9 10 * ? | 2018-11-10T06:00:00-05:00
2018-02-14T05:00:00-05:00 | TZ=America/Sao_Paulo 0 0 9 22 * ? | 2018-02-22T07:00:00-05:00
2012-07-09T00:00:00 | 0 0 0 1,15 * Sun | 2012-07-15T00:00:00
2012-07-02T00:00:00 | 0 0 0 1,15 * * | 2012-07-15T00:00:00
2012-07-09T00:00:00 | 0 0 0 */10 * Sun | 2012-07-11T00:00:00
2024-02-07T00:00:00 | 0 0 0 */1 * 1 | 2024-02-12T00:00:00
2024-02-07T00:00:00 | 0 0 0 *,5/2 * 1 | 2024-02-12T00:00:00
2024-02-07T00:00:00 | 0 0 0 1-31 * 1 | 2024-02-08T00:00:00""".splitlines()]


@pytest.mark.parametrize("now, expression, expected", ROBFIG)
def test_what_robfig_cron_says(now, expression, expected):
    start, end = (datetime.fromisoformat(text) for text in (now, expected))
    start, end = (time if time.tzinfo else time.replace(tzinfo=UTC) for time in (start, end))
    assert next_run(expression, start) == end
    if "TZ=" in expression:  # now's own zone makes no difference then
        assert next_run(expression, start.astimezone(ZoneInfo("Asia/Tokyo"))) == end


@pytest.mark.parametrize("word, fields", [
    ("@yearly", "0 0 0 1 1 *"), ("@annually", "0 0 0 1 1 *"), ("@monthly", "0 0 0 1 * *"), ("@weekly", "0 0 0 * * 0"),
    ("@daily", "0 0 0 * * *"), ("@midnight", "0 0 0 * * *"), ("@hourly", "0 0 * * * *"),
])  # fmt: skip
@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_words_for_usual_expressions(word, fields, now):
    now = now.replace(tzinfo=ZoneInfo("Europe/Stockholm"))
    assert next_run(word, now) == next_run(fields, now)


@pytest.mark.parametrize("text, seconds", [
    ("1h30m", 5400), ("1s", 1), ("90m", 5400), ("1.5h", 5400), (".5m", 30), ("1.m", 60), ("1h0m1s", 3601), ("2000ms", 2),
    ("1.999s", 1), ("500ms", 1), ("1ns", 1), ("1us", 1), ("1µs", 1), ("0", 1), ("0s", 1), ("-1h", 1), ("+1h", 3600),
])  # fmt: skip
def test_every(text, seconds):
    now = at("2026-01-01T00:00:10.999999")
    assert next_run(f"@every {text}", now) == at("2026-01-01T00:00:10") + timedelta(seconds=seconds)
    assert next_run(f"TZ=Asia/Tokyo @every {text}", now) == next_run(f"@every {text}", now)


@pytest.mark.parametrize("expression", ["0 0 0 31 2 *", "0 0 0 30 feb ?", "0 0 0 31 4,6,9,11 *", "0 0 0 31/2 4 ?"])
def test_what_never_comes_is_zero_time(expression):
    assert next_run(expression, at("2026-01-01T00:00:00")) == ZERO_TIME


def test_five_years_ahead_and_no_more():
    assert next_run("0 0 0 29 2 *", at("2099-03-01T00:00:00")) == at("2104-02-29T00:00:00")
    assert next_run("0 0 0 29 2 *", at("2096-03-01T00:00:00")) == ZERO_TIME  # 2100 is no leap year


def test_the_ends_of_time():
    assert next_run("0 0 0 1 1 *", at("9999-06-01T00:00:00")) == ZERO_TIME
    assert next_run("* * * 30 12 *", at("9999-12-29T00:00:00")) == at("9999-12-30T00:00:00")
    assert next_run("* * * * * *", ZERO_TIME) == ZERO_TIME + SECOND


@pytest.mark.parametrize("expression, named", [
    ("60 * * * * *", "second"), ("* 60 * * * *", "minute"), ("* * 24 * * *", "hour"), ("* * * 0 * *", "day of month"),
    ("* * * 32 * *", "day of month"), ("* * * * 0 *", "month"), ("* * * * 13 *", "month"), ("* * * * * 7", "day of week"),
    ("x * * * * *", "second"), ("jan * * * * *", "second"), ("* * * * mon *", "month"), ("* * * * * jan", "day of week"),
    ("* * * * january *", "month"), ("5-3 * * * * *", "second"), ("* * * * * sat-sun", "day of week"),
    ("*/0 * * * * *", "second"), ("*/x * * * * *", "second"), ("*/ * * * * *", "second"), ("/5 * * * * *", "second"),
    ("1-2-3 * * * * *", "second"), ("1/2/3 * * * * *", "second"), ("-5 * * * * *", "second"), ("1- * * * * *", "second"),
    ("1,,2 * * * * *", "second"), (", * * * * *", "second"), ("*-5 * * * * *", "second"), ("+5 * * * * *", "second"),
    ("* * 1.5 * * *", "hour"), ("٣ * * * * *", "second"), ("* * * L * *", "day of month"), ("* * * * * 1#2", "day of week"),
    ("", "six"), ("* * * * *", "six"), ("* * * * * * *", "six"), ("@reboot", "@daily"), ("@DAILY", "@daily"),
    ("@daily x", "@daily"), ("@every", "@every"), ("@every x", "duration"), ("@every 1", "duration"),
    ("@every 1d", "duration"), ("@every 1h 30m", "duration"), ("@every .s", "duration"), ("@every --1s", "duration"),
    ("@every 2562047h47m16.854775808s", "too long"), ("TZ=UTC", "follows"), ("TZ=No/Where * * * * * *", "time zone"),
    ("TZ=../UTC * * * * * *", "time zone"), ("TZ=/etc/passwd * * * * * *", "time zone"), ("TZ=America * * * * * *", "time zone"),
])  # fmt: skip
def test_bad_expressions_say_where(expression, named):
    with pytest.raises(QueryError, match=f"cron expression: .*{named}"):
        next_run(expression, at("2026-01-01T00:00:00"))


@pytest.mark.parametrize("expression", [None, 5, b"* * * * * *", ["* * * * * *"]])
def test_expressions_are_text(expression):
    with pytest.raises(QueryError, match="wants text"):
        next_run(expression, at("2026-01-01T00:00:00"))


@pytest.mark.parametrize("now", [datetime(2026, 1, 1), "2026-01-01", 5])
def test_now_is_an_aware_time(now):
    for cron in (Cron(cronexpression="* * * * * *"), Cron(interval=5), Cron(cronexpression="@every 1s")):
        with pytest.raises(SchemaError, match="now"):
            cron.next_run(now)
    with pytest.raises(SchemaError, match="now"):
        Cron().has_expired(now)


def test_without_now_it_is_now():
    before = datetime.now(UTC)
    runs = [Cron(cronexpression="* * * * * *").next_run(), Cron(interval=1).next_run()]
    after = datetime.now(UTC)
    assert all(before < run <= after + SECOND for run in runs)
    assert Cron(nextrun=before).has_expired() and not Cron(nextrun=after + timedelta(days=1)).has_expired()


def test_an_interval_goes_before_the_expression():
    now = at("2026-01-01T00:00:00.25")
    cron = Cron(interval=90, cronexpression="no expression")
    assert cron.next_run(now) == now + timedelta(seconds=90)
    assert cron.next_run(now.astimezone(ZoneInfo("Asia/Tokyo"))).tzinfo is UTC
    with pytest.raises(QueryError, match="cron expression"):
        Cron(interval=0, cronexpression="no expression").next_run(now)
    with pytest.raises(QueryError, match="cron expression"):
        Cron(interval=-1, random=True).next_run(now)
    for seconds in (10**12, 10**30):
        with pytest.raises(QueryError, match="interval"):
            Cron(interval=seconds).next_run(now)


def test_a_random_moment_of_the_interval():
    now = at("2026-01-01T00:00:00.25")
    waits = [Cron(interval=5, random=True).next_run(now) - now for _ in range(500)]
    assert set(waits) == {timedelta(seconds=second) for second in range(5)}
    assert Cron(interval=1, random=True).next_run(now) == now


def test_has_expired_is_strict():
    time = at("2026-01-01T00:00:00")
    cron = Cron(nextrun=time)
    assert not cron.has_expired(time)
    assert not cron.has_expired(time - SECOND)
    assert cron.has_expired(time + timedelta(microseconds=1))
    assert Cron().has_expired(time)

"""conditions.py: what the planner takes from an anchored regular expression."""

from __future__ import annotations

import pytest

from velocity.py.conditions import conditions_of

PREFIXES = {
    "^abc": "abc",
    r"^1\.2": "1.2",
    r"^1\.2\-\+\\": "1.2-+\\",
    r"^1\.*": "1",
    r"^1\.+": "1.",
    r"^1\.?2": "1",
    "^ab*": "a",
    "^ab{0,2}": "a",
    "^a[.]b": "a",
    "^a.b": "a",
    "^a$": "a",
    r"^a\d": "a",
    r"^a\Bb": "a",
    "^é\\.": "é.",
}
NOTHING = ["abc", "^", "^.a", r"^\d", "^a*", r"^\.*", "^(?i)ab", "^ab|c", r"^\w\.", "^[a]b"]


def limits(pattern):
    return conditions_of({"version": {"$regex": pattern}}).paths["version"]


@pytest.mark.parametrize("pattern", PREFIXES)
def test_a_prefix_is_a_range(pattern):
    found, prefix = limits(pattern), PREFIXES[pattern]
    assert (found.low.value, found.low.included) == (prefix, True)
    assert found.high.value == prefix[:-1] + chr(ord(prefix[-1]) + 1) and not found.high.included
    assert not found.exact


@pytest.mark.parametrize("pattern", NOTHING)
def test_no_prefix_no_range(pattern):
    assert not limits(pattern).usable

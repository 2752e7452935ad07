"""Hypothesis strategies for everything that may be stored."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ids = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)
zones = st.sampled_from(
    [timezone.utc, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))]
)
times = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=zones)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-200, 200),
    st.floats(),
    text,
    st.text(max_size=300, alphabet="ab"),
    st.binary(max_size=300),
    times,
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=15,
)
names = text.filter(lambda name: not name.startswith("$"))
documents = st.dictionaries(names, values, max_size=8)

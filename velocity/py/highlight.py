"""Showing where a document fits: the part of a text with the most words that were sought."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

FRAGMENT = 160  # letters, about two lines
LOOKED_AT = 100_000  # letters of a text: what lies behind is not highlighted

_WORD = re.compile(r"[^\W_]+")


def highlight(
    text: str, fits: Callable[[str], bool], normal: Callable[[str], list[str]]
) -> str | None:
    """HTML: a part of the text, escaped, with the words that fit in <b>; None when none does."""
    spans = [
        match.span()
        for match in _WORD.finditer(text, 0, LOOKED_AT)
        if any(map(fits, normal(match[0])))
    ]
    if not spans:
        return None
    first, last = _densest(spans)
    start, end = _edges(text, spans[first][0], spans[last][1])
    parts = ["… " if start else ""]
    at = start
    for begin, stop in spans[first : last + 1]:
        parts += [html.escape(text[at:begin]), "<b>", html.escape(text[begin:stop]), "</b>"]
        at = stop
    parts += [html.escape(text[at:end]), " …" if end < len(text) else ""]
    return "".join(parts)


def _densest(spans: list[tuple[int, int]]) -> tuple[int, int]:
    """The first and last of the most spans that lie in one fragment."""
    best = (0, 0)
    first = 0
    for last, (_, end) in enumerate(spans):
        while first < last and end - spans[first][0] > FRAGMENT:
            first += 1
        if last - first > best[1] - best[0]:
            best = (first, last)
    return best


def _edges(text: str, begin: int, end: int) -> tuple[int, int]:
    """The fragment around a place, cut between words."""
    margin = max(0, FRAGMENT - (end - begin)) // 2
    start, stop = max(0, begin - margin), min(len(text), end + margin)
    if start:
        start = next((m.start() for m in _WORD.finditer(text, start, begin)), begin)
        while start < begin and text[start - 1 : start].isalnum():
            start = next((m.start() for m in _WORD.finditer(text, start + 1, begin)), begin)
    while end < stop < len(text) and text[stop].isalnum() and text[stop - 1].isalnum():
        stop -= 1
    return start, stop

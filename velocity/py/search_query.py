"""The language of full-text queries, made into tantivy's queries.

    words            documents with any of them, those with more and rarer ones first
    "some words"     the words one after the other; "some words"~2 with up to two between
    wor*             words that begin so
    word~ word~2     words that differ by one (two) letters, swapped neighbours being one
    +word -word      must be there, must not
    title:word       only in that field
    word^2.5         counts so many times

What has no letters or digits counts for nothing. A word of several (e-mail) is a phrase.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from velocity._core.errors import QueryError

FUZZY_MAX = 2  # letters; more than that fits nearly everything
SLOP_MAX = 100

_CLAUSE = re.compile(r'([+-]?)(?:([^\s":+-][^\s":]*):)?(?:"([^"]*)"(\S*)|([^\s"]+))')
_ENDING = re.compile(r"(.*?)(\*)?(?:~([^~^]*))?(?:\^([^^]*))?", re.DOTALL)


@dataclass
class Marks:
    """Which words of one field fit: to highlight them."""

    words: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)
    fuzzy: set[tuple[str, int]] = field(default_factory=set)

    def fits(self, word: str) -> bool:
        return (
            word in self.words
            or any(word.startswith(prefix) for prefix in self.prefixes)
            or any(is_near(word, other, most) for other, most in self.fuzzy)
        )


class QueryBuilder:
    """Builds one query.

    boosts: fields to search -> how much each counts; names: fields -> their names in the index.
    """

    def __init__(
        self,
        tantivy: Any,
        schema: Any,
        analyze: Callable[[str], list[str]],
        names: Mapping[str, str],
        boosts: Mapping[str, float],
    ) -> None:
        self._tantivy = tantivy
        self._schema = schema
        self._analyze = analyze
        self._names = names
        self._boosts = boosts
        self.marks: dict[str, Marks] = {}

    def build(self, text: str) -> Any:
        """The query of a text. Raises QueryError."""
        if not isinstance(text, str):
            raise QueryError(f"search: wants text, not {type(text).__name__}")
        if text.count('"') % 2:
            raise QueryError(f'search: a quote (") is not closed in {text!r:.200}')
        occurs = {
            "": self._tantivy.Occur.Should,
            "+": self._tantivy.Occur.Must,
            "-": self._tantivy.Occur.MustNot,
        }
        clauses = []
        for sign, name, phrase, ending, word in _CLAUSE.findall(text):
            if name and name not in self._names:
                word, name = f"{name}:{word}", ""  # a time, an address: no field
            query = self._clause(name, phrase, ending, word, wanted=sign != "-")
            if query is not None:
                clauses.append((occurs[sign], query))
        if not clauses:
            raise QueryError(f"search: there is no word in {text!r:.200}")
        if all(occur == occurs["-"] for occur, _ in clauses):
            raise QueryError(f"search: {text!r:.200} only says what must not be there")
        return self._tantivy.Query.boolean_query(clauses)

    def _clause(self, name: str, phrase: str, ending: str, word: str, wanted: bool) -> Any:
        """One clause over its fields; None when it has no word."""
        parts = _ENDING.fullmatch(ending or word)
        base, star, near, boost = parts.groups() if parts else (word, None, None, None)
        words = self._analyze(f"{phrase} {base}" if phrase else base)
        if not words:
            return None
        slop = _whole("~", near, SLOP_MAX if phrase else FUZZY_MAX) if near is not None else 0
        factor = _factor(boost) if boost is not None else 1.0
        query = self._tantivy.Query
        queries = []
        for each in [name] if name else self._boosts:
            one = self._words(each, words, bool(star), slop, bool(phrase), wanted)
            boosted = self._boosts.get(each, 1.0) * factor
            queries.append(one if boosted == 1.0 else query.boost_query(one, boosted))
        if len(queries) == 1:
            return queries[0]
        return query.boolean_query([(self._tantivy.Occur.Should, each) for each in queries])

    def _words(
        self, name: str, words: list[str], star: bool, near: int, phrase: bool, wanted: bool
    ) -> Any:
        """Words in one field."""
        query, at = self._tantivy.Query, self._names[name]
        marks = self.marks.setdefault(name, Marks()) if wanted else Marks()
        if near and not phrase:
            marks.fuzzy.update((word, near) for word in words)
            every = [(self._tantivy.Occur.Must, self._near(at, word, near)) for word in words]
            return query.boolean_query(every) if len(every) > 1 else every[0][1]
        marks.words.update(words[:-1] if star else words)
        if star:
            marks.prefixes.add(words[-1])
            if len(words) > 1:
                return query.phrase_prefix_query(self._schema, at, words)
            return query.fuzzy_term_query(self._schema, at, words[0], distance=0, prefix=True)
        if len(words) > 1:
            return query.phrase_query(self._schema, at, words, slop=near)
        return query.term_query(self._schema, at, words[0])

    def _near(self, at: str, word: str, near: int) -> Any:
        """The word itself counts more than what only resembles it."""
        query, should = self._tantivy.Query, self._tantivy.Occur.Should
        exact = query.term_query(self._schema, at, word)
        resembling = query.fuzzy_term_query(self._schema, at, word, distance=near)
        return query.boolean_query([(should, exact), (should, resembling)])


def _whole(sign: str, text: str, most: int) -> int:
    """A number behind a sign; 1 when there is none."""
    if not text:
        return 1
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise QueryError(f"search: {sign}{text} wants a whole number of 1 to {most}")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor < math.inf:
        raise QueryError(f"search: ^{text} wants a number above 0")
    return factor


def chosen_fields(fields: Any, known: list[str]) -> dict[str, float]:
    """Which fields to search and how much each counts: None, a name, names ("title^2"), or a
    mapping of them. Raises QueryError."""
    if fields is None:
        return dict.fromkeys(known, 1.0)
    if isinstance(fields, str):
        fields = [fields]
    chosen: dict[str, float] = {}
    if isinstance(fields, Mapping):
        for name, boost in fields.items():
            if isinstance(boost, bool) or not isinstance(boost, (int, float)):
                raise QueryError(f"fields: {name!r} wants a number, not {boost!r}")
            chosen[name] = _factor(str(boost))
    else:
        try:
            names = list(fields)
        except TypeError:
            raise QueryError(f"fields: wants names, not {type(fields).__name__}") from None
        for each in names:
            if not isinstance(each, str):
                raise QueryError(f"fields: wants names, not {type(each).__name__}")
            name, _, boost = each.partition("^") if each not in known else (each, "", "")
            chosen[name] = _factor(boost) if boost else 1.0
    for name in chosen:
        if name not in known:
            raise QueryError(f"fields: {name!r} is not declared with fulltext=True; {known} are")
    if not chosen:
        raise QueryError("fields: names no field")
    return chosen


def is_near(a: str, b: str, most: int) -> bool:
    """Whether a becomes b by at most that many insertions, deletions, replacements or swaps of
    neighbours (optimal string alignment)."""
    if abs(len(a) - len(b)) > most:
        return False
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return False
        before, above = above, row
    return above[-1] <= most

"""Words in the descriptions of Debian's package index, as plain Python finds them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import pytest

import velocity
from support.packages import INDEXES, documents
from velocity import FieldType, Schema


@pytest.fixture(scope="module", params=INDEXES)
def index(request):
    return documents(request.param)


@pytest.fixture(scope="module")
def packages(index, tmp_path_factory):
    schema = Schema("packages").add_field("description", FieldType.STRING, fulltext=True)
    with velocity.open(tmp_path_factory.mktemp("packages")) as database:
        collection = database.create_collection("packages", schema)
        collection.insert_many(index.items())
        yield collection


def words(text):
    """As docs/search.md has them: runs of letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return re.findall(r"[^\W_]+", plain)


@pytest.fixture(scope="module")
def descriptions(index):
    return {id: words(fields["description"]) for id, fields in index.items()}


def ids(packages, text):
    hits = list(packages.search(text, limit=len(packages)))
    found = [hit.id for hit in hits]
    assert len(set(found)) == len(found)
    return set(found)


def test_single_words(descriptions, packages):
    counts = Counter(word for each in descriptions.values() for word in set(each) if word.isascii())
    ranked = [word for word, _ in counts.most_common()]
    for word in [*ranked[5:200:30], *ranked[-3:]]:
        assert ids(packages, word) == {id for id, each in descriptions.items() if word in each}


def test_words_together(descriptions, packages):
    """Two that stand one after the other somewhere: both of them, either, and as a phrase."""
    pairs = Counter(pair for each in descriptions.values() for pair in zip(each, each[1:])
                    if pair[0] != pair[1] and "".join(pair).isascii())
    for first, second in [pair for pair, _ in pairs.most_common(60)[10::20]]:
        with_first = {id for id, each in descriptions.items() if first in each}
        with_second = {id for id, each in descriptions.items() if second in each}
        phrase = {id for id, each in descriptions.items() if (first, second) in zip(each, each[1:])}
        assert ids(packages, f"+{first} +{second}") == with_first & with_second
        assert ids(packages, f"{first} {second}") == with_first | with_second
        assert ids(packages, f'"{first} {second}"') == phrase
        assert ids(packages, f"+{first} -{second}") == with_first - with_second


def test_beginnings_of_words(descriptions, packages):
    for start in ("comp", "astr"):
        wanted = {id for id, each in descriptions.items() if any(w.startswith(start) for w in each)}
        assert wanted and ids(packages, f"{start}*") == wanted

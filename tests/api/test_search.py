"""collection.search: what is found, in which order, and what is shown of it; in each mode."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import velocity
import velocity.aio
from support.searching import declare, found
from support.waiting import eventually
from velocity import ConfigError, NotFoundError, QueryError

ARTICLES = {
    "fox": {"title": "The quick brown fox", "body": "jumps over the <lazy> dog"},
    "bear": {"title": "Slow turtles", "body": "A quick e-mail from a brown bear"},
    "street": {"title": "Die Straße", "body": "in München", "tags": ["Städte", "quick trips"]},
    "other": {"title": "nothing", "n": 1},
    "none": {"n": 2, "title": None},
}


@pytest.fixture
def articles(db):
    collection = declare(db.create_collection("articles"))
    collection.put_many(ARTICLES.items())
    return collection


QUERIES = {
    "lazy": ["fox"],
    "LAZY": ["fox"],
    "quick fox": ["fox", "bear", "street"],
    '"quick brown"': ["fox"],
    '"brown quick"': [],
    '"quick fox"': [],
    '"quick fox"~1': ["fox"],
    "jum*": ["fox"],
    "turt* jum*": ["bear", "fox"],
    "qiuck~": ["bear", "fox", "street"],
    "qiuck": [],
    "turtels~": ["bear"],
    "trtels~": [],
    "trtels~2": ["bear"],
    "+quick +brown": ["fox", "bear"],
    "quick -brown": ["street"],
    "+quick -fox -trips": ["bear"],
    "title:quick": ["fox"],
    "body:quick": ["bear"],
    "body:qu* -title:slow": [],
    "e-mail": ["bear"],
    "email": [],
    "mail-e": [],
    "strasse": ["street"],
    "munchen stadte": ["street"],
    "nothing^3 lazy": ["other", "fox"],
    "nothing lazy^3": ["fox", "other"],
    "10:30 lazy": ["fox"],
    "& lazy": ["fox"],
    "absent": [],
}


@pytest.mark.parametrize("text", QUERIES)
def test_queries(text, articles):
    hits = found(articles, text)
    assert sorted(hits) == sorted(QUERIES[text])
    if "^" in text or text == "quick fox":
        assert hits[0] == QUERIES[text][0]


def test_what_is_near_ranks_behind_what_is_the_same(articles):
    articles.put("near", {"title": "the quack"})
    articles.put("same", {"title": "the quick"})
    assert found(articles, "quick~", fields="title")[-1] == "near"


def test_scores_and_documents(articles):
    hits = articles.search("quick fox")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hits[0].score > hits[1].score > 0
    assert hits[0].document.fields == ARTICLES["fox"] and hits[0]["title"] == ARTICLES["fox"]["title"]


def test_rare_words_count_more(articles):
    articles.put_many((f"c{n}", {"title": "common word"}) for n in range(50))
    articles.put("rare", {"title": "rare word"})
    assert found(articles, "rare common")[0] == "rare"


def test_fields_and_boosts(articles):
    assert found(articles, "quick", fields="title") == ["fox"]
    assert found(articles, "quick", fields=["body"]) == ["bear"]
    assert found(articles, "quick", fields=("tags", "title^2"))[0] == "fox"
    assert found(articles, "quick", fields={"title": 1, "body": 9.5})[0] == "bear"
    assert found(articles, "quick", fields={"title": 9, "body": 0.5})[0] == "fox"
    with_boost = {hit.id: hit.score for hit in articles.search("quick", fields={"title": 2})}
    without = {hit.id: hit.score for hit in articles.search("quick", fields=["title"])}
    assert with_boost["fox"] == pytest.approx(2 * without["fox"])


def test_limit(articles):
    articles.put_many((f"n{n}", {"title": "number"}) for n in range(200))
    assert len(found(articles, "number")) == 10
    assert len(set(found(articles, "number", limit=150))) == 150
    assert len(found(articles, "number", limit=1000)) == 200
    assert found(articles, "number", limit=0) == []


def test_highlights(articles):
    (hit,) = articles.search('jum* "the quick" lzay~')
    assert hit.highlights == {
        "title": "<b>The</b> <b>quick</b> brown fox",
        "body": "<b>jumps</b> over <b>the</b> &lt;<b>lazy</b>&gt; dog",
    }
    (hit,) = articles.search("strasse städte")
    assert hit.highlights == {"title": "Die <b>Straße</b>", "tags": "<b>Städte</b>"}
    assert articles.search("title:lazy jumps")[0].highlights == {
        "body": "<b>jumps</b> over the &lt;lazy&gt; dog"
    }


def test_a_highlight_is_the_part_with_the_most_words(articles):
    text = "far " * 100 + "needle " + "off " * 100 + "needle and needle " + "end " * 100
    articles.put("long", {"body": text})
    (hit,) = articles.search("needle")
    shown = hit.highlights["body"]
    assert shown.count("<b>needle</b>") == 2 and len(shown) < 200
    assert shown.startswith("… off ") and shown.endswith(" …")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"open', "quote"),
        ("", "no word"),
        ("  & - *", "no word"),
        ("-only", "must not"),
        ("word~3", "~3"),
        ("word~x", "~x"),
        ("word^", r"\^"),
        ("word^0", r"\^0"),
        ("word^-1", r"\^-1"),
        ("word^nan", r"\^nan"),
        (None, "NoneType"),
        (b"word", "bytes"),
    ],
)
def test_a_text_that_makes_no_sense(text, said, articles):
    with pytest.raises(QueryError, match=said):
        articles.search(text)


@pytest.mark.parametrize(
    "fields", ["n", ["title", "absent"], [], {}, {"title": "2"}, {"title": 0}, 5, [1], ["title^x"]]
)
def test_fields_that_cannot_be(fields, articles):
    with pytest.raises(QueryError, match="fields|wants"):
        articles.search("quick", fields=fields)


@pytest.mark.parametrize("limit", [-1, 1.5, "1", True, None])
def test_limits_that_cannot_be(limit, articles):
    with pytest.raises(QueryError, match="limit"):
        articles.search("quick", limit=limit)


def test_a_collection_without_such_fields(users):
    with pytest.raises(QueryError, match="fulltext=True"):
        users.search("quick")


def test_every_write_is_found_at_once(db, articles):
    assert found(articles, "quick", fields="title") == ["fox"]
    articles.put("fox", {"title": "a slow fox"})
    assert found(articles, "quick", fields="title") == []
    articles.update("fox", {"title": "quick again"})
    assert found(articles, "quick", fields="title") == ["fox"]
    articles.delete("fox")
    assert found(articles, "quick", fields="title") == []
    articles.insert("fox", {"title": "quick once more"})
    articles.compare_and_swap("other", {"n": 1}, {"title": "quick other"})
    with db.transaction() as tx:
        tx.put("articles", "fox", {"title": "gone"})
        tx.put("articles", "tx", {"title": "quick tx"})
    assert sorted(found(articles, "quick", fields="title")) == ["other", "tx"]
    articles.clear()
    assert found(articles, "quick") == []


def test_what_expired_is_not_found(articles):
    articles.put("short", {"title": "ephemeral"}, ttl=0.2)
    assert found(articles, "ephemeral") in (["short"], [])
    eventually(lambda: articles.get("short") is None)
    assert found(articles, "ephemeral") == []


def test_collections_are_apart_and_a_dropped_one_is_gone(db, articles):
    more = declare(db.create_collection("more"))
    more.put("m", {"title": "quick more"})
    assert found(more, "quick") == ["m"]
    db.drop_collection("articles")
    with pytest.raises(NotFoundError):
        articles.search("quick")
    again = declare(db.create_collection("articles"))
    assert found(again, "quick") == []
    assert db.search("more", "quick", limit=1)[0].id == "m"


def test_other_fields_make_another_index(articles):
    assert found(articles, "quick", fields="body") == ["bear"]
    declare(articles, {"title": {"type": "STRING", "fulltext": True}})
    assert found(articles, "quick") == ["fox"]
    with pytest.raises(QueryError):
        articles.search("quick", fields="body")


def test_after_close(db, articles):
    articles.search("quick")
    db.close()
    with pytest.raises(velocity.DatabaseClosedError):
        articles.search("quick")


def test_asyncio(store):
    async def main():
        async with velocity.aio.open(**{"data_dir": None, **store.settings()}) as db:
            articles = await db.create_collection("articles")
            declare(articles._sync)
            await articles.put("fox", ARTICLES["fox"])
            (hit,) = await articles.search("lazy")
            return hit.id

    assert asyncio.run(main()) == "fox"


def test_without_the_package_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['tantivy'] = None\n"
        "import velocity; from support.searching import declare\n"
        "articles = declare(velocity.open().create_collection('articles'))\n"
        "try: articles.search('quick')\n"
        "except velocity.ConfigError as error: print(error)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ).stdout
    assert "pip install velocitydb[search]" in out
    assert issubclass(ConfigError, ValueError)

"""The index on disk: kept across restarts and kill -9, made anew when it is missing, damaged or behind."""

from __future__ import annotations

import errno
import shutil

import pytest

import velocity
from support.children import spawn
from support.faults import fault
from support.searching import declare, found
from support.threads import run_threads
from velocity import StorageError
from velocity.py.search import SearchIndex


def fill(db, count=200):
    articles = declare(db.create_collection("articles"))
    articles.put_many((f"a{n}", {"title": f"word{n % 10}", "n": n}) for n in range(count))
    return articles


@pytest.fixture
def builds(monkeypatch):
    """How often an index was made from all documents."""
    made = []
    build = SearchIndex._build

    def counted(self):
        made.append(self)
        build(self)

    monkeypatch.setattr(SearchIndex, "_build", counted)
    return made


def directory(store):
    (path,) = (store.path / "search").iterdir()
    return path


def test_it_is_kept_and_follows(builds, durable):
    articles = fill(durable.open())
    assert len(found(articles, "word7", limit=100)) == 20
    articles.put("late", {"title": "word7"})
    articles.delete("a7")
    articles = durable.reopen()["articles"]
    articles.put("later", {"title": "word7"})
    hits = found(articles, "word7", limit=100)
    assert len(hits) == 21 and {"late", "later"} < set(hits) and "a7" not in hits
    assert len(builds) == 1


def test_the_database_may_be_verified_and_other_files_are_its_own(durable):
    db = durable.open()
    fill(db)
    db["articles"].search("word1")
    durable.close()
    durable.verify()


def damage(path, how):
    if how == "missing":
        shutil.rmtree(path)
    elif how == "no state":
        (path / "STATE").unlink()
    elif how == "state":
        (path / "STATE").write_text("{")
    elif how == "meta":
        (path / "meta.json").write_text("{")
    elif how == "no meta":
        (path / "meta.json").unlink()
    else:
        for file in path.glob(f"*.{how}"):
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 1
            file.write_bytes(data)


@pytest.mark.parametrize(
    "how", ["missing", "no state", "state", "meta", "no meta", "term", "idx", "pos", "store"]
)
def test_one_that_is_damaged_is_made_anew(how, builds, persistent):
    articles = fill(persistent.open())
    articles.search("word7")
    persistent.close()
    damage(directory(persistent), how)
    articles = persistent.open()["articles"]
    assert len(found(articles, "word7", limit=100)) == 20
    assert len(builds) == 2
    persistent.close()
    assert len(found(persistent.open()["articles"], "word7", limit=100)) == 20
    assert len(builds) == 2


def test_files_that_go_while_it_is_open(builds, persistent):
    articles = fill(persistent.open())
    articles.search("word7")
    shutil.rmtree(directory(persistent))
    articles.put("late", {"title": "word7"})
    assert len(found(articles, "word7", limit=100)) == 21


def test_history_that_was_compacted_away(builds, durable):
    articles = fill(durable.open())
    articles.search("word7")
    db = durable.reopen()
    articles = db["articles"]
    articles.delete("a7")
    articles.put("late", {"title": "word7"})
    db.compact()
    hits = found(articles, "word7", limit=100)
    assert len(hits) == 20 and "late" in hits and "a7" not in hits
    assert len(builds) == 2


def test_memory_only_that_falls_behind(builds):
    with velocity.open() as db:
        articles = fill(db)
        articles.search("word7")
        for n in range(20):
            articles.put(f"large{n}", {"title": "large", "n": n, "body": "x" * 1_000_000})
        assert len(found(articles, "large", limit=100)) == 20
        assert len(found(articles, "word7", limit=100)) == 20
        assert len(builds) == 2


def test_a_dropped_collections_files_go(persistent):
    db = persistent.open()
    fill(db).search("word7")
    db.drop_collection("articles")
    assert list((persistent.path / "search").iterdir()) == []


def test_left_overs_of_dropped_collections_go(persistent):
    db = persistent.open()
    articles = fill(db)
    (persistent.path / "search" / "999").mkdir(parents=True)
    articles.search("word7")
    assert directory(persistent).name == str(articles._number)


def test_a_log_that_cannot_be_synced(persistent, builds):
    """The index is not kept with what the log may not have."""
    db = persistent.open()
    articles = fill(db)
    articles.search("word7")
    with fault("sync", errno.EIO):
        articles.put("late", {"title": "word7"})
        assert len(found(articles, "word7", limit=100)) == 21
    with pytest.raises(StorageError):
        db.close()
    assert len(found(persistent.open()["articles"], "word7", limit=100)) in (20, 21)
    assert len(builds) == 2


def test_killed_between_any_two_steps(durable):
    """The child puts documents and searches for each; what it acknowledged was found, and is found after kill -9."""
    settings = durable.settings()
    acknowledged = 0
    for _ in range(5):
        child = spawn("search", settings, acknowledged)
        acknowledged = (child.read_until(12) + child.kill())[-1]
    articles = durable.open()["articles"]
    for word in ("all", "more"):
        there = [doc.id for doc in articles.scan() if word in doc["title"]]
        assert sorted(found(articles, word, limit=10_000)) == sorted(there)
    assert len(articles) >= acknowledged


def test_threads(store):
    articles = fill(store.open())

    def work(number):
        for turn in range(60):
            id = f"t{number}-{turn}"
            articles.put(id, {"title": f"thread{number}"})
            assert id in found(articles, f"thread{number}", limit=1000)
            if turn % 3 == 0:
                articles.delete(id)
                assert id not in found(articles, f"thread{number}", limit=1000)

    run_threads(work, 4)
    assert len(found(articles, "thread*", limit=1000)) == 4 * 40

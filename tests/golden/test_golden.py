"""Directories of format version 1, made once, are readable in every durable mode by every later version."""

from __future__ import annotations

import tarfile

import pytest
from golden import make_golden

import velocity
from support.same import same
from support.store import Store, contents
from velocity import ConsistencyError, Schema, SchemaError, UniqueError


@pytest.fixture
def golden(durable_mode, tmp_path):
    with tarfile.open(make_golden.ARCHIVE) as archive:
        for member in archive.getmembers():
            assert member.isfile()
            target = tmp_path / member.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())
    store = Store(durable_mode, tmp_path / "format1")
    yield store
    store.finish()


def check_contents(db):
    wanted = make_golden.expected()
    assert db.list_collections() == sorted(wanted)
    for name, documents in wanted.items():
        found = contents(db[name])
        assert found.keys() == documents.keys()
        for id, (version, fields) in documents.items():
            assert found[id][0] == version
            assert same(found[id][1], fields), (name, id)


def test_contents(golden):
    check_contents(golden.open())


def test_verify(golden):
    golden.verify()


def test_expiry_levels_and_times(golden):
    db = golden.open()
    history = db["history"]
    assert history["expires"].expires.year >= 2070
    assert history["expires, updated"].expires is not None
    assert history["updated"].expires is None
    assert history["updated"].created < history["updated"].modified
    assert history["updated"].modified.year >= 2024
    with pytest.raises(ConsistencyError, match="strong"):
        db["strong"].put("b", {}, consistency="local")


def test_schema_and_indexes(golden):
    described = golden.open()["described"]
    assert described.schema == Schema.from_dict(make_golden.SCHEMA)
    assert [(index.name, index.unique) for index in described.indexes] == [("mail_1_unique", True), ("age_1", False)]
    with pytest.raises(UniqueError):
        described.insert("b", {"mail": "a"})
    with pytest.raises(SchemaError):
        described.insert("b", {"mail": "b", "other": 1})


def test_it_can_be_written_to(golden):
    db = golden.open()
    history = db["history"]
    assert history.update("many versions", {"$inc": {"n": 1}}) == 301
    assert history.insert("deleted", {}) == 1
    history.delete("deleted")
    assert history.update("many versions", {"n": 299}) == 302
    db.create_collection("new").insert("a", {"value": 1})
    db.compact()
    db = golden.reopen()
    assert db["history"]["many versions"].version == 302
    assert db["new"]["a"].fields == {"value": 1}
    db.drop_collection("new")
    history = db["history"]
    history.delete("many versions")
    history.put_many(("many versions", {"n": n}) for n in range(300))
    check_contents(db)
    check_contents(golden.reopen())


def test_what_is_written_today_reads_the_same(durable):
    """The script still writes what the golden file holds."""
    with durable.open() as db:
        make_golden.fill(db)
        check_contents(db)
    durable.close()
    check_contents(durable.open())
    assert velocity.__version__

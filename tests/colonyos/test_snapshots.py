"""Snapshots of files."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError
from velocity.py.colonyos import File, Snapshot
from velocity.py.colonyos.store import Step, now


def add_file(adapter, label, name, colonyname="c"):
    file = File(colonyname=colonyname, label=label, name=name)
    adapter.add_file(file)
    return file.fileid


def test_a_snapshot_holds_the_newest_files_of_the_moment(adapter):
    add_file(adapter, "/a", "y")
    y = add_file(adapter, "/a", "y")
    x = add_file(adapter, "/a", "x")
    z = add_file(adapter, "/a/b", "z")
    b = add_file(adapter, "/a/B", "b")
    add_file(adapter, "/ab", "other"), add_file(adapter, "/a-b", "other"), add_file(adapter, "/", "other")
    add_file(adapter, "/a", "x", "other")
    before = now()
    snapshot = adapter.create_snapshot("c", "/a", "name")
    assert snapshot.fileids == [x, y, b, z]
    assert (snapshot.colonyname, snapshot.label, snapshot.name) == ("c", "/a", "name")
    assert len(snapshot.snapshotid) == 64 and before <= snapshot.added <= now()
    assert adapter.get_snapshot_by_id("c", snapshot.snapshotid) == snapshot
    assert adapter.get_snapshot_by_name("c", "name") == snapshot


def test_later_files_and_removals_change_no_snapshot(adapter):
    first = add_file(adapter, "/a", "x")
    snapshot = adapter.create_snapshot("c", "/a", "1")
    second = add_file(adapter, "/a", "x")
    assert adapter.create_snapshot("c", "/a", "2").fileids == [second]
    adapter.remove_file_by_id("c", first)
    adapter.remove_files_by_colony_name("c")
    assert adapter.get_snapshot_by_name("c", "1") == snapshot
    assert adapter.create_snapshot("c", "/a", "3").fileids == []


def test_one_slash_at_the_end_of_the_label_is_dropped(adapter):
    id = add_file(adapter, "/a", "x")
    assert adapter.create_snapshot("c", "/a/", "1").fileids == [id]
    assert adapter.get_snapshot_by_name("c", "1").label == "/a"
    assert adapter.create_snapshot("c", "/a//", "2").label == "/a/"
    assert adapter.get_snapshot_by_name("c", "2").fileids == []


def test_the_label_itself_has_to_have_a_file(adapter):
    add_file(adapter, "/a/b", "x")
    assert adapter.create_snapshot("c", "/a", "1").fileids == []
    id = add_file(adapter, "/a/b", "x")
    top = add_file(adapter, "/a", "y")
    assert adapter.create_snapshot("c", "/a", "2").fileids == [top, id]


def test_names_are_unique_in_a_colony(adapter):
    adapter.create_snapshot("c", "/a", "name")
    with pytest.raises(DuplicateKeyError, match="'name' of colony 'c'.*already exists"):
        adapter.create_snapshot("c", "/b", "name")
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_snapshot(Snapshot(colonyname="c", name="name"))
    adapter.create_snapshot("other", "/b", "name")
    assert [each.label for each in adapter.get_snapshots("c")] == ["/a"]


def test_of_many_of_one_name_one_is_made(adapter):
    def create(number):
        try:
            return adapter.create_snapshot("c", f"/{number}", "name").snapshotid
        except DuplicateKeyError:
            return None

    winners = [each for each in run_threads(create, 8) if each is not None]
    assert winners == [each.snapshotid for each in adapter.get_snapshots("c")]
    assert len(winners) == 1


def test_absent_snapshots_are_not_found(adapter):
    id = adapter.create_snapshot("c", "/a", "name").snapshotid
    for colony, wanted in (("c", "absent"), ("other", id), ("c", "")):
        with pytest.raises(NotFoundError):
            adapter.get_snapshot_by_id(colony, wanted)
    for colony, wanted in (("c", "absent"), ("other", "name")):
        with pytest.raises(NotFoundError):
            adapter.get_snapshot_by_name(colony, wanted)


def test_a_snapshot_can_be_added_as_it_is(adapter):
    snapshot = Snapshot(snapshotid="id", colonyname="c", label="/a/", name="n", fileids=["1", "2"],
                        added=now() - timedelta(days=3))
    adapter.add_snapshot(snapshot)
    assert adapter.get_snapshot_by_id("c", "id") == snapshot
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_snapshot(Snapshot(snapshotid="id", colonyname="other", name="n"))
    before, fresh = now(), Snapshot(colonyname="c", name="fresh")
    adapter.add_snapshot(fresh)
    assert len(fresh.snapshotid) == 64
    assert before <= adapter.get_snapshot_by_id("c", fresh.snapshotid).added <= now()


def test_snapshots_are_listed_the_newest_first(adapter):
    moment = now()
    for name, hours in (("b", 2), ("a", 1), ("d", 2), ("c", 3)):
        adapter.add_snapshot(Snapshot(colonyname="c", name=name, added=moment + timedelta(hours=hours)))
    adapter.create_snapshot("other", "/a", "o")
    assert [each.name for each in adapter.get_snapshots_by_colony_name("c")] == ["c", "d", "b", "a"]
    assert [each.name for each in adapter.get_snapshots("c")] == ["b", "a", "d", "c"]
    assert adapter.count_snapshots_by_colony_name("c") == 4
    assert adapter.get_snapshots_by_colony_name("none") == adapter.get_snapshots("none") == []
    assert adapter.count_snapshots_by_colony_name("none") == 0


def test_snapshots_are_removed_by_id_name_and_colony(adapter):
    ids = {name: adapter.create_snapshot("c", "/a", name).snapshotid for name in "abcd"}
    adapter.create_snapshot("other", "/a", "a")

    def left():
        return [each.name for each in adapter.get_snapshots("c")]

    adapter.remove_snapshot_by_id("other", ids["a"])
    assert left() == ["a", "b", "c", "d"]
    adapter.remove_snapshot_by_id("c", ids["a"])
    adapter.remove_snapshot_by_id("c", ids["a"])
    adapter.remove_snapshot_by_name("other", "b")
    adapter.remove_snapshot_by_name("c", "b")
    assert left() == ["c", "d"]
    adapter.remove_snapshots_by_colony_name("c")
    assert left() == [] and adapter.count_snapshots_by_colony_name("other") == 1
    adapter.remove_all_snapshots_by_colony_name("other")
    assert adapter.count_snapshots_by_colony_name("other") == 0


def test_a_snapshot_taken_while_files_come_and_go_is_of_one_moment(adapter):
    """Laws: a file that was added before another is in the snapshot if the other one is; a file
    that always has a revision is in it, though the old one is removed when the new one is there."""

    def add(label, number):
        adapter.add_file(File(fileid=f"{label}:{number}", colonyname="c", label=label, name="f"))

    add("/s", 0)
    for number in range(300):
        add_file(adapter, "/s/c", f"{number:03}")
    for label in ("/s/a", "/s/b", "/s/d"):
        add(label, 0)
    left, snapshots = [0, 1], []

    def work(number):
        if number == 2:
            while left:
                snapshots.append(adapter.create_snapshot("c", "/s", f"{len(snapshots)}"))
            return
        old, new = "/s/a", "/s/e"
        for count in range(1, 1000):
            if number:
                add("/s/b", count)
                add("/s/d", count)
            else:
                add(new, count)
                adapter.remove_file_by_id("c", f"{old}:{count - 1}")
                old, new = new, old
        left.remove(number)

    run_threads(work, 3)
    for snapshot in snapshots:
        last = dict(id.split(":") for id in snapshot.fileids if ":" in id)
        assert int(last["/s/b"]) - int(last["/s/d"]) in (0, 1)
        assert "/s/a" in last or "/s/e" in last
        assert len(snapshot.fileids) >= 303
    assert snapshots


@pytest.mark.parametrize("removed", [False, True])
def test_what_happens_after_the_moment_is_left_out_or_all_in(adapter, monkeypatch, removed):
    """Between the moment and the search a file gets a new revision; the old one goes, or stays."""
    old, find, ids = add_file(adapter, "/a", "x"), Step.find, [""]

    def late(step, collection, *args, **kwargs):
        if collection == "files" and len(ids) == 1:
            ids.append(add_file(adapter, "/a", "x"))
            if removed:
                adapter.remove_file_by_id("c", old)
        return find(step, collection, *args, **kwargs)

    monkeypatch.setattr(Step, "find", late)
    snapshot = adapter.create_snapshot("c", "/a", "name")
    assert snapshot.fileids == [ids[1] if removed else old]
    assert adapter.get_snapshot_by_name("c", "name") == snapshot


def test_what_is_read_is_the_reader_s_own(adapter):
    id = add_file(adapter, "/a", "x")
    adapter.create_snapshot("c", "/a", "name").fileids.append("mine")
    adapter.get_snapshot_by_name("c", "name").fileids.append("mine")
    assert adapter.get_snapshot_by_name("c", "name").fileids == [id]

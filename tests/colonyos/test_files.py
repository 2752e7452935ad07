"""Files and their labels."""

from __future__ import annotations

import pytest

from support.threads import run_threads
from velocity import DuplicateKeyError, SchemaError
from velocity.py.colonyos import File, FileData, Label, Reference, S3Object
from velocity.py.colonyos.store import now


def a_file(name="f", label="/a", colonyname="c", **fields):
    return File(name=name, label=label, colonyname=colonyname, size=1234, checksum="sum", checksumalg="SHA256",
                ref=Reference(protocol="s3", s3object=S3Object(
                    server="host", port=443, tls=True, accesskey="a", secretkey="b", region="r", encryptionkey="k",
                    encryptionalg="AES", object=f"object of {name}", bucket="bucket")), **fields)


def added(adapter, *args, **fields):
    file = a_file(*args, **fields)
    adapter.add_file(file)
    return file.fileid


def ids(files):
    return [each.fileid for each in files]


def labels(found):
    return [(each.name, each.files) for each in found]


def test_a_file_reads_back_as_it_was_added(adapter):
    before = now()
    file = a_file(fileid="id")
    adapter.add_file(file)
    found = adapter.get_file_by_id("c", "id")
    assert found.sequencenr == 1 and before <= found.added <= now()
    file.sequencenr, file.added = found.sequencenr, found.added
    assert found == file


def test_number_and_time_are_the_database_s(adapter):
    then = now().replace(year=2000)
    file = a_file(sequencenr=77, added=then)
    adapter.add_file(file)
    assert (len(file.fileid), file.sequencenr, file.added) == (64, 77, then)
    found = adapter.get_file_by_id("c", file.fileid)
    assert found.sequencenr == 1 and found.added > then


def test_the_protocol_reads_back_as_s3(adapter):
    file = a_file(fileid="id")
    file.ref.protocol = "ftp"
    adapter.add_file(file)
    assert adapter.get_file_by_id("c", "id").ref.protocol == "s3"
    assert file.ref.protocol == "ftp"


def test_file_ids_are_unique(adapter):
    added(adapter, fileid="id")
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_file(a_file("other", colonyname="other", fileid="id"))
    assert adapter.count_files("other") == 0


def test_a_file_is_its_colony_s(adapter):
    added(adapter, fileid="id")
    assert adapter.get_file_by_id("other", "id") is None
    assert adapter.get_file_by_id("c", "absent") is None
    assert adapter.get_file_by_id("c", "") is None
    adapter.remove_file_by_id("other", "id")
    assert adapter.get_file_by_id("c", "id") is not None


def test_files_of_one_name_are_revisions(adapter):
    first = added(adapter)
    added(adapter, "other"), added(adapter, label="/b"), added(adapter, colonyname="other")
    second = added(adapter)
    assert ids(adapter.get_file_by_name("c", "/a", "f")) == [second, first]
    assert ids(adapter.get_latest_file_by_name("c", "/a", "f")) == [second]
    assert adapter.get_file_by_name("c", "/a", "none") == []
    assert adapter.get_latest_file_by_name("c", "/a", "none") == []
    assert adapter.get_latest_file_by_name("c", "/", "f") == []


def test_numbers_grow_over_colonies_and_are_not_used_again(adapter):
    first = added(adapter)
    added(adapter, colonyname="other")
    adapter.remove_files_by_colony_name("other")
    adapter.remove_file_by_id("c", first)
    added(adapter), added(adapter, colonyname="third")
    assert [each.sequencenr for each in adapter.get_files("c")] == [3]
    assert [each.sequencenr for each in adapter.get_files("third")] == [4]


def test_numbers_go_on_after_a_restart(tmp_path):
    from velocity import Config
    from velocity.py.colonyos.adapter import ColonyOSAdapter

    config = Config(data_dir=str(tmp_path / "data"), storage_mode="persistent")
    with ColonyOSAdapter(config) as adapter:
        added(adapter)
        adapter.remove_files_by_colony_name("c")
    with ColonyOSAdapter(config) as adapter:
        added(adapter)
        assert [each.sequencenr for each in adapter.get_files("c")] == [2]


def test_threads_get_numbers_of_their_own(adapter):
    run_threads(lambda number: [added(adapter) for _ in range(25)], 8)
    numbers = [each.sequencenr for each in adapter.get_file_by_name("c", "/a", "f")]
    assert numbers == list(range(200, 0, -1))


def test_names_and_data_are_those_of_that_very_label(adapter):
    for name in ("b", "a", "b", "ä"):
        last = added(adapter, name)
    added(adapter, "c", "/a/b"), added(adapter, "d", "/ab"), added(adapter, "e", "/a", "other")
    assert adapter.get_filenames_by_label("c", "/a") == ["a", "b", "ä"]
    assert adapter.get_filenames_by_label("c", "/none") == []
    newest = a_file("b", fileid="newest")
    newest.ref.s3object.object, newest.size, newest.checksum = "new", 5, "new sum"
    adapter.add_file(newest)
    data = adapter.get_file_data_by_label("c", "/a")
    assert [each.name for each in data] == ["a", "b", "ä"]
    assert data[1] == FileData(name="b", checksum="new sum", size=5, s3filename="new")
    assert data[2].s3filename == "object of ä"
    adapter.remove_file_by_id("c", last)
    assert adapter.get_filenames_by_label("c", "/a") == ["a", "b"]
    assert adapter.get_file_data_by_label("c", "/none") == []


def test_files_are_listed_in_the_order_of_adding(adapter):
    one = added(adapter, "z", "/b")
    two = added(adapter, "a", "/a")
    three = added(adapter, "a", "/b")
    four = added(adapter, "z", "/b")
    added(adapter, "z", "/b", "other")
    assert ids(adapter.get_files("c")) == ids(adapter.get_files_by_colony_name("c")) == [one, two, three, four]
    assert ids(adapter.get_files_by_label("c", "/b")) == [one, three, four]
    assert ids(adapter.get_files_by_name("c", "a")) == [two, three]
    assert adapter.get_files("none") == adapter.get_files_by_label("c", "/") == []
    assert adapter.count_files("c") == adapter.count_files_by_colony_name("c") == 4
    assert adapter.count_files_with_label("c", "/b") == 3
    assert adapter.count_files_with_label("c", "/") == adapter.count_files("none") == 0


def test_files_are_removed_as_asked(adapter):
    one = added(adapter, "z", "/b")
    added(adapter, "z", "/b")
    two = added(adapter, "z", "/b/c")
    three = added(adapter, "a", "/b")
    four = added(adapter, "z", "/b", "other")
    adapter.remove_file_by_id("c", one)
    adapter.remove_file_by_id("c", one)
    assert len(adapter.get_file_by_name("c", "/b", "z")) == 1
    added(adapter, "z", "/b")
    adapter.remove_file_by_name("c", "/b", "z")
    assert ids(adapter.get_files("c")) == [two, three]
    adapter.remove_files_by_label("c", "/b")
    assert ids(adapter.get_files("c")) == [two]
    adapter.remove_files_by_name("c", "z")
    assert adapter.get_files("c") == [] and ids(adapter.get_files("other")) == [four]
    adapter.remove_files_by_colony_name("other")
    assert adapter.get_files("other") == []


def test_labels_count_revisions(adapter):
    for label in ("/b", "/a", "/b", "/b/c", "/a"):
        added(adapter, label=label)
    added(adapter, "g", "/b"), added(adapter, label="/x", colonyname="other")
    assert labels(adapter.get_file_labels("c")) == [("/a", 2), ("/b", 3), ("/b/c", 1)]
    assert adapter.get_file_labels("none") == []
    assert adapter.get_file_label_by_name("c", "/b") == Label(name="/b", files=3)
    assert adapter.get_file_label_by_name("c", "/") is None
    assert adapter.get_file_label_by_name("other", "/b") is None


def test_labels_below_a_label(adapter):
    below = ["/d", "/d!", "/d-e", "/d/a", "/d/a/b", "/d0", "/demo", "/e"]
    for label in reversed(below):
        added(adapter, label=label)
    added(adapter, label="/d/z", colonyname="other")

    def found(name, exact):
        return [each.name for each in adapter.get_file_labels_by_name("c", name, exact)]

    assert found("/d", True) == ["/d", "/d/a", "/d/a/b"]
    assert found("/d/a", True) == ["/d/a", "/d/a/b"]
    assert found("/e", True) == ["/e"]
    assert found("/d/", True) == found("/", True) == found("", True) == []
    assert found("/d", False) == below[:-1]
    assert found("/d/", False) == ["/d/a", "/d/a/b"]
    assert found("/de", False) == ["/demo"]
    assert found("", False) == found("/", False) == below
    assert found("/x", False) == []


def test_exact_wants_a_file_at_the_label_itself(adapter):
    id = added(adapter, label="/a")
    added(adapter, label="/a/b")
    assert labels(adapter.get_file_labels_by_name("c", "/a", True)) == [("/a", 1), ("/a/b", 1)]
    adapter.remove_file_by_id("c", id)
    assert adapter.get_file_labels_by_name("c", "/a", True) == []
    assert labels(adapter.get_file_labels_by_name("c", "/a", False)) == [("/a/b", 1)]


@pytest.mark.parametrize("label", ["/a.b", "/a*", "/a|c", "/a\\d", "/a[b]", "/ä\U0010ffff", "/a b\n", "%_"])
def test_labels_stand_for_themselves(adapter, label):
    added(adapter, label=label), added(adapter, label=label + "/b"), added(adapter, label="/axb")
    for exact in (True, False):
        found = labels(adapter.get_file_labels_by_name("c", label, exact))
        assert found == [(label, 1), (label + "/b", 1)]


def test_files_are_read_by_index(adapter):
    for number in range(300):
        added(adapter, f"{number % 3}", f"/{number % 10}", f"{number % 2}")
    files = adapter._data.files
    wanted = {"colonyname": "0", "label": "/4", "name": "1"}
    plan = files.explain(wanted, sort="-sequencenr", limit=1)
    assert (plan["index"], plan["order"], plan["covered"]) == (["revisions"], "index", True)
    assert plan["documents_examined"] <= 2
    plan = files.explain({"colonyname": "0", "label": "/4"}, sort=["name", "sequencenr"])
    assert (plan["index"], plan["order"], plan["documents_examined"]) == (["revisions"], "index", 30)
    plan = files.explain({"colonyname": "0", "name": "1"}, sort="sequencenr")
    assert (plan["index"], plan["order"], plan["documents_examined"]) == (["names"], "index", 50)
    plan = files.explain({"colonyname": "0"}, sort="sequencenr", limit=10)
    assert (plan["index"], plan["order"]) == (["colony"], "index")


def test_what_is_read_is_the_reader_s_own(adapter):
    added(adapter, fileid="id")
    found = adapter.get_file_by_id("c", "id")
    found.ref.s3object.object, found.name = "changed", "changed"
    assert adapter.get_file_by_id("c", "id").ref.s3object.object == "object of f"


@pytest.mark.parametrize("wrong", [
    {"colonyname": None}, {"label": 1}, {"name": None}, {"size": "1"}, {"size": 2**63}, {"checksum": None},
    {"ref": None}, {"ref": {}}, {"fileid": None}, {"fileid": 7},
])
def test_wrong_files_are_refused(adapter, wrong):
    file = a_file()
    for name, value in wrong.items():
        setattr(file, name, value)
    with pytest.raises(SchemaError):
        adapter.add_file(file)
    assert len(adapter._data.files) == 0

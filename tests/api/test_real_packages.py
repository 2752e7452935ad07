"""Debian's package index: questions that its users have, answered as plain Python over it does.

The index is made by a seed; where apt-cache has one, the questions are asked of that, too.
"""

from __future__ import annotations

from collections import Counter

import pytest

import velocity
from support.packages import INDEXES, document, documents, stanzas

STANZAS = """\
Package: editor
Version: 1:2.0~rc1-3
Architecture: amd64
Depends: libc6 (>= 2.34), libjpeg62 | libjpeg-turbo:any (<< 3),
 python3:any
Pre-Depends: dpkg
Tag: role::program, use::editing,
 works-with::text
Description: edits
 all you want
 .
Size: 120

Package: empty
Version: 0
Architecture: all
"""


def test_stanzas_are_parsed():
    [(id, editor), (_, empty)] = map(document, stanzas(STANZAS))
    assert id == "editor_1:2.0~rc1-3_amd64"
    assert editor == {
        "package": "editor",
        "version": "1:2.0~rc1-3",
        "section": None,
        "size": 120,
        "description": "edits\nall you want\n.",
        "depends": [
            {"name": "dpkg", "group": 0},
            {"name": "libc6", "group": 1, "op": ">=", "version": "2.34"},
            {"name": "libjpeg62", "group": 2},
            {"name": "libjpeg-turbo", "group": 2, "op": "<<", "version": "3"},
            {"name": "python3", "group": 3},
        ],
        "tags": ["role::program", "use::editing", "works-with::text"],
    }
    assert empty["depends"] == empty["tags"] == [] and empty["size"] == 0


@pytest.fixture(scope="module", params=INDEXES)
def index(request):
    return documents(request.param)


@pytest.fixture(scope="module", params=["imported", "reopened"])
def packages(request, index, tmp_path_factory):
    directory = tmp_path_factory.mktemp("packages")
    database = velocity.open(directory)
    collection = database.create_collection("packages")
    collection.create_index(["section", "-size"])
    collection.insert_many(index.items())
    collection.create_index("depends.name")
    collection.create_index("version")
    if request.param == "reopened":
        database.close()
        database = velocity.open(directory)
    yield database["packages"]
    database.close()


def common(values, rank=0):
    """One that many have: an answer with something in it, whatever the index."""
    return Counter(values).most_common(rank + 1)[rank][0]


def test_packages_per_section(index, packages):
    sections = Counter(fields["section"] for fields in index.values())
    groups = packages.aggregate([{"$group": {"_id": "$section", "n": {"$count": {}}}}])
    assert {group["_id"]: group["n"] for group in groups} == sections
    assert len(groups) == len(sections)
    for section, count in sections.items():
        assert packages.count({"section": section}) == count
    assert len(packages) == len(index)


@pytest.mark.parametrize("rank", [0, 3])
def test_ten_largest_in_a_section(index, packages, rank):
    section = common((fields["section"] for fields in index.values()), rank)
    sizes = sorted((f["size"] for f in index.values() if f["section"] == section), reverse=True)
    found = packages.find({"section": section}, sort="-size", limit=10)
    assert [each["size"] for each in found] == sizes[:10]
    assert len({each.id for each in found}) == 10 and found.has_more
    assert all(each.fields == index[each.id] for each in found)
    assert all(each["section"] == section for each in found)
    assert found.total == len(sizes)
    plan = packages.explain({"section": section}, sort="-size", limit=10)
    assert (plan["index"], plan["order"]) == (["section_1_size_-1"], "index")
    assert plan["keys_examined"] == plan["documents_examined"] == plan["returned"] == 10
    # The smallest: the same index, read backwards.
    found = packages.find({"section": section}, sort="size", limit=10)
    assert [each["size"] for each in found] == sizes[:-11:-1]
    plan = packages.explain({"section": section}, sort="size", limit=10)
    assert plan["order"] == "index" and plan["reverse"] and plan["keys_examined"] == 10


@pytest.mark.parametrize("rank", [0, 20])
def test_what_depends_on_a_package(index, packages, rank):
    needed = common((r["name"] for fields in index.values() for r in fields["depends"]), rank)
    wanted = {id for id, fields in index.items() if needed in {r["name"] for r in fields["depends"]}}
    found = [each.id for each in packages.find({"depends.name": needed})]
    assert len(found) == len(wanted) and set(found) == wanted
    plan = packages.explain({"depends.name": needed}, limit=10)
    assert plan["index"] == ["depends.name_1"] and plan["documents_examined"] == 10
    assert packages.count({"depends.name": needed}) == len(wanted)
    # One that is named with a bound: both conditions in one and the same relation.
    bound = {"depends": {"$elemMatch": {"name": needed, "op": ">="}}}
    wanted = {
        id
        for id, fields in index.items()
        if any(r["name"] == needed and r.get("op") == ">=" for r in fields["depends"])
    }
    assert wanted and {each.id for each in packages.find(bound)} == wanted


def test_a_rare_dependency_is_looked_up(index, packages):
    counts = Counter(r["name"] for fields in index.values() for r in fields["depends"])
    needed = counts.most_common()[-1][0]
    plan = packages.explain({"depends.name": needed})
    assert plan["index"] == ["depends.name_1"]
    assert plan["documents_examined"] == plan["returned"] == 1


def test_versions_by_prefix(index, packages):
    versions = [fields["version"] for fields in index.values()]
    prefix = common((version[:3] for version in versions if version[1:2] == "."), 2)
    wanted = {id for id, fields in index.items() if fields["version"].startswith(prefix)}
    query = {"version": {"$regex": "^" + prefix.replace(".", r"\.")}}
    found = packages.find(query, sort="version")
    assert {each.id for each in found} == wanted and len(found) == len(wanted)
    in_order = [each["version"] for each in found]
    assert in_order == sorted(in_order, key=str.encode)
    plan = packages.explain(query)
    assert plan["index"] == ["version_1"]
    assert plan["keys_examined"] == plan["returned"] == len(wanted) < len(index) / 4
    # With a class behind the prefix, the range is that of the prefix, and the filter decides.
    wanted = {id for id in wanted if index[id]["version"][3:4].isdigit()}
    query = {"version": {"$regex": query["version"]["$regex"] + "[0-9]"}}
    assert {each.id for each in packages.find(query)} == wanted
    assert packages.explain(query)["keys_examined"] == plan["keys_examined"] > len(wanted)

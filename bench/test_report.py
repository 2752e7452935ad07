"""The report itself: small runs of every part, and the block it replaces in a file."""

import json

import pytest

from bench import report
from bench.data import Uniform
from bench.floors import plain_documents
from bench.peers.registry import LEFT_OUT, variants_of
from bench.reads import plain_read
from bench.timing import WrongAnswerError, run_block

MARKED = "before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n"


# What the tables of each part must show, beside the variants.
SHOWN = {
    "ratios": ["| get, one field read, uniform | persistent |", "| delete | memory-first |"],
    "peers": ["Durability *fsync*"],
    "ycsb": ["| A | B | C | D | E | F |"],
    "queries": [
        "| find_one, unique field | get |",
        "| find_one, unique field | SQLite |",
        "| count, two conditions, no index | list comprehension |",
        "| put new, two indexes | without indexes |",
        "| 8 | p99 within 200 µs: ",
        "| state, priority | grown by inserts |",
    ],
    "commits": ["| 64 writers | persistent, sync_writes |", "| bare loop, preallocated |"],
    "threads": ["| get_many of 100, one field each | memory-first |"],
    "latency": ["2,000 documents are loaded", "| compactions |"],
    "space": ["| 90 % deleted | hybrid |", "| velocity | memory-only |"],
    "footprint": ["`import velocity`", "| files of an empty database, closed | persistent |"],
    "opening": ["after kill -9"],
    "columns": ["**Columns** of"],
    "colonyos": ["| find ten waiting |", "workers assign", "the longer beside the shorter"],
}
# Every store runs in test_peers.py: here a few, each with a process for each variant, are enough.
STORES = ["velocity", "sqlite3", *(["Redis"] if "Redis" not in LEFT_OUT else [])]
VARIANTS_IN = {
    "peers": lambda variant: True,
    "ycsb": lambda variant: True,
    "opening": lambda variant: variant.persistent and variant.durability != "fsync",
}


@pytest.mark.parametrize("part", report.PARTS)
def test_report(tmp_path, capsys, part):
    readme = tmp_path / "README.md"
    readme.write_text(MARKED)
    sizes = ["--documents", "1000", "--rounds", "2", "--block-ms", "0.5", "--load", "2000"]
    samples = tmp_path / "samples.json"
    places = ["--dir", str(tmp_path), "--write", str(readme), "--json", str(samples)]
    assert (
        report.main([*sizes, "--quiet", "0.1", "--only", part, "--stores", *STORES, *places]) == 0
    )
    printed = capsys.readouterr().out.strip()
    assert readme.read_text() == MARKED.replace("old", printed)
    for shown in SHOWN[part]:
        assert shown in printed
    for variant in variants_of(STORES).values():
        if VARIANTS_IN.get(part, lambda _: False)(variant):
            assert f"| {variant.name} | {variant.settings} |" in printed
    assert json.loads(samples.read_text())[part]


def test_quick_sets_what_is_not_said():
    options = report.parse(["--quick", "--rounds", "9"])
    assert (options.documents, options.rounds) == (report.QUICK["documents"], 9)


@pytest.mark.parametrize(
    "text", ["no markers", "<!-- bench:end --> <!-- bench:start -->", MARKED + MARKED]
)
def test_file_without_one_block_is_refused(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match="bench:start"):
        report.replace_block(path, "new")
    assert path.read_text() == text


def test_wrong_answer_ends_the_benchmark():
    plain = plain_documents(100)
    for fields in plain.values():
        fields["age"] += 1
    with pytest.raises(WrongAnswerError, match="F1"):
        run_block(plain_read(plain, Uniform(100)), 0.001)

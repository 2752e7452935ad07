"""The report itself: small runs of every part, and the block it replaces in a file."""

import pytest

from bench import report
from bench.data import Uniform
from bench.floors import plain_documents
from bench.peers.registry import VARIANTS
from bench.reads import plain_read
from bench.timing import WrongAnswerError, run_block

MARKED = "before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n"


def test_report_of_everything(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(MARKED)
    sizes = ["--documents", "1000", "--rounds", "2", "--block-ms", "0.5"]
    samples = tmp_path / "samples.json"
    places = ["--dir", str(tmp_path), "--write", str(readme), "--json", str(samples)]
    assert report.main([*sizes, *places]) == 0
    printed = capsys.readouterr().out.strip()
    assert readme.read_text() == MARKED.replace("old", printed)
    for variant in VARIANTS.values():
        assert f"| {variant.name} | {variant.settings} |" in printed
    assert "| get, one field read, uniform | persistent |" in printed
    assert samples.stat().st_size > 0


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

"""Each part of the report runs by itself, too."""

import pytest

from bench import commits, footprint, space, threads

ALONE = {
    commits: ["--rounds", "1", "--seconds", "0.01"],
    footprint: ["--rounds", "1"],
    threads: ["--count", "1000", "--rounds", "1"],
}


@pytest.mark.parametrize("module", ALONE, ids=lambda module: module.__name__)
def test_alone(module, tmp_path, capsys):
    module.main([*ALONE[module], "--dir", str(tmp_path)])
    assert capsys.readouterr().out.startswith("**")
    assert not list(tmp_path.iterdir())


def test_settled_is_what_stays(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(8192))
    size, seconds = space.settle(tmp_path, quiet=0.05)
    assert (size, seconds) == (8192, 0)

"""What `velocity` exports: all of it, sorted, typed, documented; and nothing of later versions."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

import velocity
from velocity._core import errors

ROOT = Path(velocity.__file__).parent
LATER = ["Schema", "Field", "FieldType", "Query", "QueryResult", "ClusterConfig", "TLSConfig"]


def test_all_is_what_is_there():
    assert velocity.__all__ == sorted(velocity.__all__)
    public = {
        name
        for name, value in vars(velocity).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public - {"Any", "TYPE_CHECKING"} == set(velocity.__all__)


@pytest.mark.parametrize("name", sorted(velocity.__all__))
def test_all_is_documented(name):
    assert getattr(velocity, name).__doc__


@pytest.mark.parametrize("name", LATER)
def test_later_names_are_absent(name):
    assert not hasattr(velocity, name)


def test_every_error_is_exported_and_in_the_docs():
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    text = (ROOT.parent / "docs" / "index.md").read_text(encoding="utf-8")
    for kind in classes:
        assert issubclass(kind, velocity.VelocityError)
        assert getattr(velocity, kind.__name__) is kind
        assert f"`{kind.__name__}`" in text


def test_it_is_typed():
    assert (ROOT / "py.typed").exists()


def test_asyncio_is_loaded_when_asked_for():
    code = (
        "import sys, velocity\n"
        "assert 'asyncio' not in sys.modules\n"
        "velocity.aio.open\n"
        "assert 'asyncio' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT.parent)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="nonsense"):
        velocity.nonsense  # noqa: B018


def test_an_unbuilt_source_tree_says_what_to_do(tmp_path):
    package = tmp_path / "velocity"
    (package / "_core").mkdir(parents=True)
    for name in ("__init__.py", "_core/__init__.py"):
        (package / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import velocity"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "make build" in done.stderr

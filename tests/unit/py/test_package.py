"""The package as a whole: nothing of later versions, errors in the docs, an unbuilt source tree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import velocity
from velocity._core import errors, storage

ROOT = Path(velocity.__file__).parent
LATER = ["ClusterConfig", "TLSConfig"]


@pytest.mark.parametrize("name", LATER)
def test_names_of_later_versions_are_absent(name):
    assert not hasattr(velocity, name)


def test_every_error_is_exported_and_in_the_docs():
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    text = (ROOT.parent / "docs" / "index.md").read_text(encoding="utf-8")
    for kind in classes:
        assert getattr(velocity, kind.__name__) is kind
        assert f"`{kind.__name__}`" in text


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


def test_what_is_open_at_exit_is_closed(tmp_path):
    """Also when an object that is never freed holds it."""
    code = (
        "import ctypes, sys, velocity\n"
        "db = velocity.open(sys.argv[1], flush_interval=3600)\n"
        "db.create_collection('users').put('a', {'n': 1})\n"
        "ctypes.pythonapi.Py_IncRef(ctypes.py_object(db))\n"
    )
    path = str(tmp_path / "data")
    subprocess.run([sys.executable, "-c", code, path], check=True, cwd=ROOT.parent)
    assert storage.manifest_load(path)["clean"]
    with velocity.open(path) as db:
        assert db["users"]["a"]["n"] == 1


def test_the_extensions_leave_the_gil_as_it_is():
    """An extension that did not declare itself free-threaded would switch the GIL back on."""
    code = (
        "import importlib, pkgutil, sys\n"
        "enabled = getattr(sys, '_is_gil_enabled', lambda: True)\n"
        "before = enabled()\n"
        "import velocity._core\n"
        "for module in pkgutil.iter_modules(velocity._core.__path__, 'velocity._core.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'velocity._core.engine' in sys.modules\n"
        "assert enabled() == before\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}
    command = [sys.executable, "-W", "error", "-c", code]
    subprocess.run(command, check=True, cwd=ROOT.parent, env=environment)

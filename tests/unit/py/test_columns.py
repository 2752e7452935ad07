"""What columns say when a package is not there."""

from __future__ import annotations

import sys

import pytest

import velocity

CALLS = {
    "numpy": (lambda users: users.column("x"), "numpy"),
    "pyarrow": (lambda users: users.to_arrow(), "arrow"),
    "pandas": (lambda users: users.to_pandas(), "pandas"),
}


@pytest.mark.parametrize("module", CALLS)
def test_without_the_package_the_error_says_how_to_get_it(monkeypatch, module):
    call, extra = CALLS[module]
    monkeypatch.setitem(sys.modules, module, None)
    with velocity.open() as db:
        users = db.create_collection("users")
        with pytest.raises(ImportError, match=rf"{module}.*pip install 'velocitydb\[{extra}\]'"):
            call(users)


def test_no_package_is_imported_before_it_is_needed():
    import subprocess

    code = "import sys, velocity; assert not {'numpy', 'pyarrow', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

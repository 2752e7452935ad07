"""The rules of the house that a machine can see."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "velocity"
CORE = PACKAGE / "_core"
LINES_MAX = {".py": 400, ".pyi": 520, ".c": 480, ".h": 400, ".pxd": 400, ".pxi": 400, ".pyx": 1250}
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
PRINTING = ("py/cli/", "py/demo/")  # what talks to a terminal

GENERATED = {path.with_suffix(".c").name for path in CORE.glob("*.pyx")}
PYTHON = sorted(PACKAGE.rglob("*.py"))
SOURCES = sorted(
    path
    for pattern in ("*.c", "*.h", "*.pyx", "*.pxd", "*.pxi", "*.pyi", "*.py")
    for path in PACKAGE.rglob(pattern)
    if path.name not in GENERATED
)


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """Full names of the modules that a Python file imports, and whether at the top of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            yield node.module


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES_MAX[path.suffix]
    long = [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_left_to_do(path):
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_functions_fit_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name}: {length} lines"


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_modules_say_what_they_are(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sorted(CORE.glob("*.h")), ids=name_of)
def test_headers_say_what_they_are(path):
    assert path.read_text(encoding="utf-8").startswith(f"/* {path.name}: ")


def test_the_core_knows_nothing_above_it():
    for path in CORE.glob("*.py"):
        assert not [name for name in imports(path) if not (name or "").startswith("velocity._core")
                    and (name or "").startswith("velocity")]
    for path in [*CORE.glob("*.pyx"), *CORE.glob("*.pxi")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(c?import|from)\s+velocity\.py\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", sorted((PACKAGE / "py").rglob("*.py")), ids=name_of)
def test_the_python_layer_uses_a_few_doors_of_the_core(path):
    used = {name for name in imports(path) if name.startswith("velocity._core")}
    doors = ("codec", "document", "engine", "errors", "filter")
    assert used <= {f"velocity._core.{name}" for name in doors}


@pytest.mark.parametrize("path", sorted((PACKAGE / "py").glob("*.py")), ids=name_of)
def test_the_library_does_not_import_its_tools(path):
    assert not [name for name in imports(path) if re.match(r"velocity\.py\.(cli|demo)", name)]


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_only_tools_print(path):
    if any(part in name_of(path) for part in PRINTING):
        return
    calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print"]
    assert calls == []


def test_the_top_level_workflow_is_a_link():
    link = ROOT / "wheels.yml"
    assert link.is_symlink()
    assert link.resolve() == ROOT / ".github" / "workflows" / "wheels.yml"

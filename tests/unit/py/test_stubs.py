"""The stubs of the extensions say what the extensions have: names, and parameters of each call."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import velocity

CORE = Path(velocity.__file__).parent / "_core"
STUBS = sorted(path.stem for path in CORE.glob("*.pyi"))
INTERNAL = {"Batch", "_FAULTS"}  # of the engine's own use, though Cython shows them
PYTHONS_OWN = {"__init__", "__reduce__", "__reduce_cython__", "__setstate_cython__"}


def parsed(name):
    return ast.parse((CORE / f"{name}.pyi").read_text(encoding="utf-8")).body


def public(names):
    return {name for name in names if not name.startswith("__")}


def declared(body):
    """Names that a stub's body declares, each with its node."""
    names = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
    return names


def parameters(node):
    found = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return [name for name in found if name != "self"]


def documented_parameters(call):
    """From the first line of the docstring, where Cython writes the signature."""
    match = re.match(r"[\w.]+\((.*)\)(?: ->.*)?$", (call.__doc__ or "").split("\n", 1)[0])
    if match is None:
        return None
    parts = [part.split("=")[0].strip() for part in match[1].split(", ")]
    names = [part.split(" ")[-1] for part in parts if part not in ("", "*", "/")]
    return [name for name in names if name != "self"]


def test_every_extension_has_a_stub():
    assert STUBS == sorted(path.stem for path in CORE.glob("*.pyx"))


@pytest.mark.parametrize("name", STUBS)
def test_names(name):
    module = importlib.import_module(f"velocity._core.{name}")
    here = {
        key
        for key, value in vars(module).items()
        if getattr(value, "__module__", module.__name__) == module.__name__
        and type(value).__name__ != "module"
    }
    stub = declared(parsed(name))
    assert public(here) - INTERNAL == public(stub)


@pytest.mark.parametrize("name", STUBS)
def test_classes(name):
    module = importlib.import_module(f"velocity._core.{name}")
    for class_name, node in declared(parsed(name)).items():
        if not isinstance(node, ast.ClassDef):
            continue
        own = vars(getattr(module, class_name))
        stub = declared(node.body)
        assert public(own) == public(stub), class_name
        special = {key for key in stub if key.startswith("__")} - PYTHONS_OWN
        assert special <= set(dir(getattr(module, class_name))), class_name


@pytest.mark.parametrize("name", STUBS)
def test_parameters(name):
    module = importlib.import_module(f"velocity._core.{name}")
    compared = 0
    for key, node in declared(parsed(name)).items():
        pairs = [(getattr(module, key), node)]
        if isinstance(node, ast.ClassDef):
            kind = getattr(module, key)
            pairs = [(getattr(kind, n), d) for n, d in declared(node.body).items()]
        for call, stub in pairs:
            if not isinstance(stub, ast.FunctionDef) or stub.name.startswith("__"):
                continue
            documented = documented_parameters(call)
            if documented is not None and not any(
                getattr(d, "id", "") == "property" for d in stub.decorator_list
            ):
                assert documented == parameters(stub), f"{key}: {stub.name}"
                compared += 1
    assert compared > 3

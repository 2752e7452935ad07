"""The public surface: what is importable, documented and typed; stubs that say what the extensions have."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import velocity

PACKAGE = Path(velocity.__file__).parent
EXTENSIONS = ("codec", "document", "engine", "memory", "storage")
ERRORS = {
    "NotFoundError": KeyError,
    "DuplicateKeyError": None,
    "UniqueError": None,
    "SchemaError": ValueError,
    "QueryError": ValueError,
    "ConfigError": ValueError,
    "ConsistencyError": None,
    "ConflictError": None,
    "HistoryLostError": None,
    "UnavailableError": None,
    "CorruptionError": None,
    "StorageError": OSError,
    "MemoryLimitError": MemoryError,
    "DatabaseClosedError": None,
    "DatabaseLockedError": None,
}
PROMISED = (
    """open verify VelocityDB Config StorageMode Consistency Document CASRequest CASResult BatchOperation
    Stats Health VerifyReport ChangeEvent Collection VelocityError""".split()
    + list(ERRORS)
)
# Of every method, the parameters that api.md names, in its order; those after * by keyword only.
COLLECTION = {
    "insert": "id fields * ttl consistency",
    "add": "fields *",
    "put": "id fields *",
    "update": "id fields *",
    "replace": "id fields *",
    "delete": "id *",
    "get": "id",
    "get_many": "ids",
    "insert_many": "pairs",
    "put_many": "pairs",
    "delete_many": "ids",
    "scan": "prefix start end reverse limit",
    "count": "filter",
    "watch": "filter since",
    "compare_and_swap": "id expected value expected_version replace ttl consistency",
}


def test_all_is_sorted_and_importable():
    assert velocity.__all__ == sorted(velocity.__all__)
    assert len(set(velocity.__all__)) == len(velocity.__all__)
    for name in velocity.__all__:
        assert getattr(velocity, name) is not None
    public = {
        name
        for name, value in vars(velocity).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("velocity")
    }
    assert public == set(velocity.__all__)


@pytest.mark.parametrize("name", PROMISED)
def test_what_is_promised_is_there(name):
    assert name in velocity.__all__


@pytest.mark.parametrize("name", velocity.__all__)
def test_everything_has_a_docstring(name):
    thing = getattr(velocity, name)
    assert inspect.getdoc(thing)
    if not inspect.isclass(thing) or issubclass(thing, (BaseException, str)):
        return
    for attribute, member in inspect.getmembers(thing):
        if attribute.startswith("_") or not callable(member):
            continue
        text = inspect.getdoc(member) or ""
        # Cython puts the signature first: there must be words after it.
        words = re.sub(r"^[\w.]+\(.*\)(\s*->\s*\S+)?", "", text).strip()
        assert words, f"{name}.{attribute} has no docstring"


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    error = getattr(velocity, name)
    assert issubclass(error, velocity.VelocityError)
    if ERRORS[name] is not None:
        assert issubclass(error, ERRORS[name])
    assert str(error("what was wrong")) == "what was wrong"


def test_errors_carry_what_they_say():
    assert velocity.UnavailableError("x", "not-applied").outcome == "not-applied"
    error = velocity.CorruptionError("x", "a/b", 5)
    assert (error.path, error.offset) == ("a/b", 5)
    assert velocity.DatabaseLockedError("x", 5).pid == 5


def test_version_and_typing_marker():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", velocity.__version__)
    assert (PACKAGE / "py.typed").exists()


def test_aio_is_importable_and_not_loaded_before():
    code = "import sys, velocity; assert 'asyncio' not in sys.modules; velocity.aio.open; assert 'asyncio' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent, timeout=60)
    import velocity.aio

    assert all(hasattr(velocity.aio, name) for name in velocity.aio.__all__)


def parameters(callable_):
    """Names of the parameters after self, with '*' before the keyword-only ones."""
    names, keyword = [], False
    for parameter in list(inspect.signature(callable_).parameters.values()):
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword:
            names.append("*")
            keyword = True
        names.append(parameter.name)
    return names


@pytest.mark.parametrize("name", COLLECTION)
def test_signatures_of_the_verbs(name):
    wanted = COLLECTION[name].split()
    given = parameters(getattr(velocity.VelocityDB, name))
    assert given[:2] == ["self", "collection"]
    assert given[2 : 2 + len(wanted)] == wanted
    assert hasattr(velocity.Collection, name)


def test_signature_of_create_collection():
    given = parameters(velocity.VelocityDB.create_collection)
    assert given == ["self", "name", "schema", "*", "consistency", "if_not_exists"]


# --- stubs ------------------------------------------------------------------------------------


def stub_members(body):
    """name -> definition, of a module or class in a stub; private and imported names are left out."""
    members = {}
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            members[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            members[node.target.id] = node
    return members


def stub_parameters(node):
    """Parameters of a stub's function as (name, has a default), '*' before keyword-only ones."""
    a = node.args
    plain = [arg.arg for arg in (*a.posonlyargs, *a.args)]
    first_default = len(plain) - len(a.defaults)
    result = [(name, position >= first_default) for position, name in enumerate(plain)]
    if a.vararg:
        result.append((f"*{a.vararg.arg}", False))
    elif a.kwonlyargs:
        result.append(("*", False))
    result += [(arg.arg, default is not None) for arg, default in zip(a.kwonlyargs, a.kw_defaults)]
    if a.kwarg:
        result.append((f"**{a.kwarg.arg}", False))
    return result


def embedded_parameters(text):
    """The same from the signature that Cython embeds in a docstring; None when there is none."""
    match = re.match(r"[\w.]+\(", text)
    if not match:
        return None
    depth, parts, part = 1, [], ""
    for letter in text[match.end() :]:
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0:
            break
        if letter == "," and depth == 1:
            parts.append(part)
            part = ""
        else:
            part += letter
    parts.append(part)
    result = []
    for part in filter(None, map(str.strip, parts)):
        if part == "/":
            continue
        name, _, default = re.sub(r"\[[^]]*\]", "", part).partition("=")
        name = name.split(":")[0].split()[-1]
        result.append((name, bool(default)))
    return result


def own_names(namespace, module):
    """What a module or class of an extension defines for others."""
    for name, value in namespace.items():
        if name.startswith("_") or inspect.ismodule(value):
            continue
        if getattr(value, "__module__", module) in (module, None) or not hasattr(
            value, "__module__"
        ):
            yield name


def load(name):
    module = importlib.import_module(f"velocity._core.{name}")
    tree = ast.parse((PACKAGE / "_core" / f"{name}.pyi").read_text())
    return module, stub_members(tree.body)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_stubs_name_what_there_is(name):
    module, stub = load(name)
    have = set(own_names(vars(module), module.__name__))
    wanted = {each for each in stub if not each.startswith("_")}
    assert have == wanted
    for class_name, node in stub.items():
        if isinstance(node, ast.ClassDef) and class_name in have:
            cls = getattr(module, class_name)
            stubbed = stub_members(node.body)
            own = {each for each in vars(cls) if not each.startswith("_")}
            assert own == {each for each in stubbed if not each.startswith("_")}, class_name
            for each in stubbed:
                assert hasattr(cls, each), f"{class_name}.{each}"


def stub_functions():
    for name in EXTENSIONS:
        path = PACKAGE / "_core" / f"{name}.pyi"
        if not path.exists():
            continue
        for member, node in stub_members(ast.parse(path.read_text()).body).items():
            if isinstance(node, ast.FunctionDef):
                yield name, member, None, node
            elif isinstance(node, ast.ClassDef):
                for method, inner in stub_members(node.body).items():
                    if (
                        isinstance(inner, ast.FunctionDef)
                        and not method.startswith("__")
                        and not inner.decorator_list
                    ):
                        yield name, member, method, inner


@pytest.mark.parametrize(
    ("extension", "member", "method", "node"),
    list(stub_functions()),
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_stubs_have_the_parameters(extension, member, method, node):
    thing = getattr(importlib.import_module(f"velocity._core.{extension}"), member)
    if method:
        thing = getattr(thing, method)
    embedded = embedded_parameters(thing.__doc__ or "")
    assert embedded is not None, "no embedded signature"
    assert embedded == stub_parameters(node)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_properties_of_stubs_are_properties(name):
    module, stub = load(name)
    for class_name, node in stub.items():
        if not isinstance(node, ast.ClassDef) or not hasattr(module, class_name):
            continue
        for method, inner in stub_members(node.body).items():
            if isinstance(inner, ast.FunctionDef) and inner.decorator_list:
                kind = type(vars(getattr(module, class_name)).get(method)).__name__
                names = {ast.unparse(decorator) for decorator in inner.decorator_list}
                assert (kind in ("getset_descriptor", "member_descriptor", "property")) == (
                    "property" in names
                )


def test_stubs_parse_and_are_documented():
    for name in EXTENSIONS:
        assert ast.get_docstring(ast.parse((PACKAGE / "_core" / f"{name}.pyi").read_text())), name

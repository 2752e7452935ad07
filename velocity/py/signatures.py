"""Signatures of methods, also of those in the core, which carry theirs as text."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_DEFAULTS = {"None": None, "False": False, "True": True, "0": 0}
_PARAMETER = re.compile(
    r"^(?:(?!\*)[\w.\[\] |]+ )?(?P<name>\**\w+)(?::[^=]+)?(?:=(?P<default>.+))?$"
)


def method_signature(method: Callable[..., Any], first: tuple[str, ...]) -> inspect.Signature:
    """The method's signature, its own first parameter (self) replaced by `first`."""
    try:
        own = list(inspect.signature(method).parameters.values())[1:]
    except ValueError:
        own = _from_text(method)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([*(inspect.Parameter(name, kind) for name in first), *own])


def _from_text(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """From the first line of the docstring, `Class.method(self, id, default=None, *, ...)`."""
    line = (method.__doc__ or "").split("\n", 1)[0]
    match = re.match(r"[\w.]+\((.*)\)", line)
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = []
    for text in (match[1] if match else "").split(", ")[1:]:
        found = _PARAMETER.match(text.strip())
        if text.strip() == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
        elif found and text.strip() != "/":
            default = found["default"]
            value = inspect.Parameter.empty if default is None else _DEFAULTS.get(default, default)
            parameters.append(inspect.Parameter(found["name"], kind, default=value))
    return parameters

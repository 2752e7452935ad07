"""Runs a function in a process of its own: memory that it grows by is its own, and goes again."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")


def isolated(function: Callable[..., T], *arguments: object) -> T:
    """*function* is one of a module's, its arguments and its answer can be pickled."""
    # A fresh interpreter, since a forked one would begin with this one's memory.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()

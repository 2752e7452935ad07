"""What the executors can do: functions from a process's arguments and input to its output.

An executor calls the one that the process names. What it raises fails the process.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from velocity.py.colonyos import Process

Job = Callable[[Process], list[Any]]
AsyncJob = Callable[[Process], Awaitable[list[Any]]]


def count_primes(process: Process) -> list[Any]:
    """How many primes lie below the first argument."""
    below = process.spec.args[0]
    sieve = bytearray([1]) * below
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
    return [sum(sieve[2:])]


def digest(process: Process) -> list[Any]:
    """The SHA-256 of the text given as argument."""
    return [hashlib.sha256(process.spec.args[0].encode()).hexdigest()]


def split(process: Process) -> list[Any]:
    """The words of a text: the first step of the workflow."""
    return process.spec.args[0].split()


def count_words(process: Process) -> list[Any]:
    """Of the words that the parent gave, those that begin with the letters named."""
    letters = tuple(process.spec.args[0])
    return [sum(word.lower().startswith(letters) for word in process.input)]


def add_up(process: Process) -> list[Any]:
    """The sum of what the parents gave: the last step."""
    return [sum(process.input)]


def count_arguments(process: Process) -> list[Any]:
    """How many arguments a generator packed."""
    return [len(process.spec.args)]


async def fetch(process: Process) -> list[Any]:
    """Stands for a request to a server: the answer takes its time, and many wait at once."""
    await asyncio.sleep(process.spec.kwargs["seconds"])
    return [f"answer to {process.spec.args[0]}"]


async def hang(process: Process) -> list[Any]:
    """Never ends by itself: what the deadlines are for."""
    await asyncio.Event().wait()
    return []


THREAD_JOBS: dict[str, Job] = {
    job.__name__: job for job in (count_primes, digest, split, count_words, add_up, count_arguments)
}
ASYNC_JOBS: dict[str, AsyncJob] = {job.__name__: job for job in (fetch, hang)}

"""Threads that start together, and whose exceptions are the test's."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any


def run_threads(work: Callable[[int], Any], count: int, timeout: float = 120) -> list[Any]:
    """Run work(0), work(1), … at once; their results in order. The first exception is raised."""
    results: list[Any] = [None] * count
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            start.wait(timeout)
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # change threads often
    try:
        threads = [
            threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a thread hangs"
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]
    return results

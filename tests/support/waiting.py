"""Waiting for what happens in the background: poll the condition itself, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone


def eventually(condition: Callable[[], object], timeout: float = 30.0, every: float = 0.005):
    """Poll until condition() is true and return what it returned; fail after timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not so within {timeout} s"
        time.sleep(every)


def after_expiry(expires: datetime, call: Callable[[], object]):
    """Call again and again until a call began after the instant `expires`; its result must hold for ever."""
    while True:
        began = datetime.now(timezone.utc)
        result = call()
        if began > expires:
            return result
        time.sleep(0.001)

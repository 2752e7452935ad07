"""Fixtures of the adapter's tests."""

from __future__ import annotations

import pytest

from velocity import Config
from velocity.py.colonyos.adapter import ColonyOSAdapter


@pytest.fixture
def adapter():
    """An adapter on a database in memory, empty."""
    with ColonyOSAdapter(Config(storage_mode="memory-only")) as adapter:
        yield adapter

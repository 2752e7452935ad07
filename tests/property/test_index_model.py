"""Indexes against plain documents: which ids under which keys, after every kind of step."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from support.index_machine import IndexMachine
from support.store import DURABLE

SETUPS = [("memory-only", False), *((mode, sync) for mode in DURABLE for sync in (False, True))]


@pytest.mark.parametrize(("mode", "sync"), SETUPS)
def test_indexes_agree_with_the_model(mode, sync, tmp_path):
    class Chosen(IndexMachine):
        pass

    Chosen.mode, Chosen.sync, Chosen.root = mode, sync, tmp_path
    count = 12 if mode in DURABLE else 40
    run_state_machine_as_test(
        Chosen, settings=settings(max_examples=count, stateful_step_count=30, deadline=None)
    )

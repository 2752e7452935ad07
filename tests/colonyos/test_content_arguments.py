"""What every method on content refuses: None, wrong types, and any call after close()."""

from __future__ import annotations

import inspect

import pytest

from velocity import DatabaseClosedError, SchemaError
from velocity.py.colonyos import (
    Blueprint,
    BlueprintDefinition,
    BlueprintHistory,
    ColonyOSAdapter,
    Cron,
    File,
    Generator,
    GeneratorArg,
    Snapshot,
)
from velocity.py.colonyos.blueprint_definitions import BlueprintDefinitions
from velocity.py.colonyos.blueprint_history import BlueprintHistories
from velocity.py.colonyos.blueprints import Blueprints
from velocity.py.colonyos.cron_runs import CronRuns
from velocity.py.colonyos.crons import Crons
from velocity.py.colonyos.file_labels import FileLabels
from velocity.py.colonyos.files import Files
from velocity.py.colonyos.generator_args import GeneratorArgs
from velocity.py.colonyos.generator_runs import GeneratorRuns
from velocity.py.colonyos.generators import Generators
from velocity.py.colonyos.logs import Logs
from velocity.py.colonyos.retention import Retention
from velocity.py.colonyos.snapshots import Snapshots
from velocity.py.colonyos.store import now

GROUPS = [
    Generators, GeneratorArgs, GeneratorRuns, Crons, CronRuns, Logs, Files, FileLabels, Snapshots, Blueprints,
    BlueprintDefinitions, BlueprintHistories, Retention,
]
RIGHT = {
    "generator": Generator, "generator_arg": GeneratorArg, "cron": Cron, "file": File, "snapshot": Snapshot,
    "blueprint": Blueprint, "sd": BlueprintDefinition, "history": BlueprintHistory,
    "next_run": now, "last_run": now, "count": int, "limit": int, "days": int, "since": int, "timestamp": int,
    "generation": int, "retention_period": int, "exact": bool, "status": dict,
}
MAY_BE_NONE = {"now", "added"}

METHODS = [
    pytest.param(name, list(inspect.signature(method).parameters)[1:], id=name)
    for group in GROUPS
    for name, method in vars(group).items()
    if inspect.isfunction(method) and not name.startswith("_")
]


def arguments(names):
    """A right value for each that has to be given; a text where nothing else is said."""
    return {name: RIGHT.get(name, str)() for name in names if name not in MAY_BE_NONE}


def test_no_group_overrides_another_s_methods():
    """Groups are put together by inheritance: a name used twice would be the first group's."""
    owners = {}
    for group in ColonyOSAdapter.__mro__[1:-1]:
        for name in vars(group):
            if not name.startswith("__"):
                owners.setdefault(name, []).append(group.__name__)
    assert {name: groups for name, groups in owners.items() if len(groups) > 1} == {}


def test_no_method_is_left_out():
    assert len(METHODS) > 100
    assert len({each.values[0] for each in METHODS}) == len(METHODS)


@pytest.mark.parametrize("method, names", METHODS)
def test_closed(adapter, method, names):
    adapter.close()
    with pytest.raises(DatabaseClosedError):
        getattr(adapter, method)(**arguments(names))


@pytest.mark.parametrize("method, names", METHODS)
def test_none_and_wrong_types(adapter, method, names):
    for name in names:
        for wrong in (None, object(), b"bytes", 1.5):
            if wrong is None and name in MAY_BE_NONE:
                continue
            given = {**arguments(names), name: wrong}
            with pytest.raises(SchemaError):
                getattr(adapter, method)(**given)
    stored = [name for name in adapter._db.list_collections() if name != "security" and len(adapter._db[name])]
    assert stored == []

"""What every directory that a crash left must do: open, hold a state of its history, verify, and take writes."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import velocity
from support.claims import check_claims
from support.crash_indexes import MADE, check_indexes, check_refused
from support.disk import UNCHANGING, Disk, synced, watched, write_files
from support.power_loss import power_loss
from support.run import Run, State, differences, find
from support.store import DURABLE, contents

NESTED = 0.15  # part of the crash states whose recovery is interrupted by another power loss
KILLED = 0.1  # part of the crash states that a kill leaves: all that was written is there
AFTER = "written after the crash"


def check_points(run: Run, where: str) -> None:
    """At no moment of a run does a file promise more than is on disk."""
    for number, point in enumerate(run.points):
        try:
            check_claims(point.image)
        except AssertionError as error:
            raise AssertionError(f"{where}, point {number} ({point.label}): {error}") from error


def crash_and_check(run: Run, root: Path, chance: random.Random, where: str) -> None:
    """Make one crash state of a run and check it."""
    numbers = range(len(run.points))
    if chance.random() < 0.3:  # where the order of changes of the directory matters
        numbers = [n for n in numbers if len(run.points[n].image.pending) > 1] or numbers
    number = chance.choice(numbers)
    point = run.points[number]
    if chance.random() < KILLED:
        files, how, allowed = point.image.files(), "killed", point.states[point.killed :]
    else:
        (files, how), allowed = power_loss(point.image, chance), point.states
    label = f"{where}, point {number} ({point.label}), {how}"
    try:
        check(files, allowed, point.indexes, root, chance, depth=1 if chance.random() < NESTED else 0)
    except (AssertionError, velocity.VelocityError) as error:
        raise AssertionError(f"{label}: {type(error).__name__}: {error}") from error


def check(
    files: dict[str, bytes],
    allowed: Sequence[State],
    indexes: frozenset[tuple[str, str]],
    root: Path,
    chance: random.Random,
    depth: int,
) -> None:
    """The directory opens in any durable mode and holds one of the allowed states, and goes on from there."""
    directory = root / "crashed"
    shutil.rmtree(directory, ignore_errors=True)
    write_files(directory, files)
    if "MANIFEST" in files:
        report = velocity.verify(directory)
        assert report.ok, report.errors
    if depth:
        _check_interrupted(directory, files, allowed, indexes, root, chance, depth)
        return
    with _open(directory, chance) as db:
        state = allowed[find(_contents(db), allowed)]
        check_indexes(db, indexes)
        check_refused(db)
        checks = db.health().checks
        assert all(text == "ok" or "torn tail" in text for text in checks.values()), checks
        name = min(state, default=MADE)
        state = _after(state, name)
        _write(db, state, name)
    report = velocity.verify(directory)
    assert report.ok, report.errors
    _check_files(directory)
    with _open(directory, chance) as db:
        found = _contents(db)
        assert found == state, differences(found, state)
        check_indexes(db, indexes)
        assert db.health().ok, db.health().checks


def _check_interrupted(directory, files, allowed, indexes, root, chance, depth) -> None:
    """Power loss while it opens, takes a write or closes. What was served once stays."""
    disk = Disk(directory, synced(files))
    states, least, points = list(allowed), 0, []

    def record() -> None:
        points.append((disk.image(), least, len(states)))

    disk.on_call = lambda point, name, done: point in UNCHANGING or record()
    with watched(disk):
        db = _open(directory, chance)
        states.append(allowed[find(_contents(db), allowed)])
        least = len(states) - 1
        record()
        name = min(states[-1], default=MADE)
        states.append({name: {}} | states[-1])
        states.append(_after(states[-1], name))
        _write(db, states[-1], name)
        record()
        db.flush()
        least = len(states) - 1
        record()
        if chance.random() < 0.5:
            db.compact()
        db.close()
    image, least, most = chance.choice(points)
    left, how = power_loss(image, chance)
    try:
        check(left, states[least:most], indexes, root, chance, depth - 1)
    except (AssertionError, velocity.VelocityError) as error:
        raise AssertionError(
            f"interrupted again, {how}: {type(error).__name__}: {error}"
        ) from error


def _open(directory: Path, chance: random.Random) -> velocity.VelocityDB:
    mode = chance.choice(DURABLE)
    return velocity.open(directory, storage_mode=mode, flush_interval=3600)


def _contents(db: velocity.VelocityDB) -> State:
    return {name: contents(db[name]) for name in db.list_collections()}


def _after(state: State, name: str) -> State:
    """What is there after one more write, to this collection."""
    documents = state.get(name, {})
    version = documents.get("id0", (0,))[0] + 1
    return state | {name: documents | {"id0": (version, {"step": AFTER, AFTER: len(documents)})}}


def _write(db: velocity.VelocityDB, state: State, name: str) -> None:
    """The write that leads to a state of _after."""
    version, fields = state[name]["id0"]
    assert db.create_collection(name, if_not_exists=True).put("id0", fields) == version


def _check_files(directory: Path) -> None:
    """Nothing is left over that no opening will ever remove."""
    names = {path.name for path in directory.iterdir()} - {"LOCK", "MANIFEST", "CHECKPOINT"}
    segments = {name[:-4] for name in names if name.endswith(".seg")}
    hints = {name[:-5] for name in names if name.endswith(".hint")}
    assert hints <= segments, f"hints without a segment: {sorted(hints - segments)}"
    others = {name for name in names if not name.endswith((".seg", ".hint"))}
    assert not others, f"left over: {sorted(others)}"

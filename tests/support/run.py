"""A made-up life of one database on a watched disk: writes, flushes, compaction, collections, expiry, reopening.

A run is made from a seed. Each of its steps changes what must be there; `states` has what is there after each.
`points` are moments at which the power may fail, each with the steps that must and may have survived.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import velocity
from support.crash_indexes import LATE, OF_SCHEMA, SCHEMA, check_indexes, key_of
from support.disk import UNCHANGING, Disk, Image, watched, write_files
from support.history import perform
from support.model import Model
from support.store import DURABLE, contents
from support.waiting import eventually

State = dict[str, dict[str, tuple[int, dict]]]  # collection -> id -> (version, fields)

# Deletes and overwrites are as common as anything: garbage and tombstones are what recovery meets.
STEPS = {
    "write": 60, "flush": 5, "compact": 5, "create": 3, "drop": 2, "expire": 3, "reopen": 3, "kill": 2, "index": 3,
}  # fmt: skip
SIZES = (0, 9, 90, 400, 900, 4000)  # bytes of data in a document; segments have 16 KiB
IDS = 25
INTERLEAVED = 0.3  # chance of a write in each moment of a compaction where one can be


@dataclass(frozen=True)
class Point:
    """A moment: the disk, and the states of which power loss leaves one, and a kill one from killed on."""

    image: Image
    states: tuple[State, ...]
    killed: int
    label: str
    indexes: frozenset[tuple[str, str]] = frozenset()  # (collection, index): there if the collection is


class Run:
    def __init__(
        self, root: Path, mode: str, sync: bool, seed: str, background: bool = False
    ) -> None:
        """background: the flusher syncs all the time, so that a seed gives the same steps but not the same points."""
        self._chance = random.Random(f"run {seed}")
        self._root = root
        self._directories = 0
        self.mode, self._sync = mode, sync
        self._flush_interval = 0.001 if background else 3600
        self.states: list[State] = [{}]
        self.durable = self.acknowledged = 0
        self.points: list[Point] = []
        self.indexes: set[tuple[str, str]] = set()  # acknowledged
        self.failed_calls: list[tuple[str, str, int]] = []  # as Disk.errors
        self._names = 0
        self._compacting = False
        self._output = ""  # file name of the segment that compaction writes
        self._thread = threading.get_ident()
        self._stack = ExitStack()
        self._begin_disk(None)
        self.db = self._open()

    # --- the life -------------------------------------------------------------------------------

    def live(self, steps: int) -> None:
        """Make this many steps and close."""
        for name in ("one", "two"):
            self._create(name)
        for _ in range(steps):
            kind = self._chance.choices(list(STEPS), STEPS.values())[0]
            if not self.states[-1]:
                kind = "create"
            getattr(self, f"step_{kind}")()
            self.settle()
        self.close()
        self.record("closed")

    def settle(self) -> None:
        """Between two steps."""
        self.record("between steps")

    def end(self) -> None:
        """Also after a failure: give back files and threads."""
        self._stack.close()
        with suppress(velocity.StorageError):
            self.db.close()

    def step_write(self) -> None:
        name = self._chance.choice(sorted(self.states[-1]))
        count = 1 if self._chance.random() < 0.8 else self._chance.randrange(2, 6)
        models = self._models()
        ops = [self._operation(models, name) for _ in range(count)]
        self._step(models, lambda: perform(self.db, ops))

    def _operation(self, models: dict[str, Model], name: str):
        model = models[name]
        id = f"id{self._chance.randrange(IDS)}"
        data = self._chance.randbytes(self._chance.choice(SIZES))
        if self._chance.random() < 0.01:
            data *= 30  # a frame larger than a segment
        fields = {**self._fields(id), f"data{self._chance.randrange(4)}": data}
        verbs = ("put", "update", "replace", "delete", "delete")
        verb = self._chance.choice(verbs if id in model.documents else ("put", "insert"))
        model.apply((verb, id, fields))
        return verb, name, id, None if verb == "delete" else fields

    def _fields(self, id: str) -> dict:
        step = len(self.states)
        return {"step": step, "key": key_of(id), "kind": step % 3}

    def step_expire(self) -> None:
        """A document that expires, or one that will not for long. What has expired is in no state."""
        name = self._chance.choice(sorted(self.states[-1]))
        id, models = f"id{self._chance.randrange(IDS)}", self._models()
        fields = self._fields(id)
        soon = self._chance.random() < 0.7
        if soon:
            models[name].delete(id)
        else:
            models[name].put(id, fields)
        if self._step(
            models, lambda: self.db[name].put(id, fields, ttl=0.002 if soon else 1_000_000)
        ):
            eventually(lambda: not soon or id not in self.db[name], every=0.001)

    def step_flush(self) -> bool:
        done = self._attempt(self.db.flush)
        if done:
            self.durable = self.acknowledged
        return done

    def step_compact(self) -> bool:
        self._compacting, self._output = True, ""
        try:
            return self._attempt(self.db.compact)
        finally:
            self._compacting = False

    def step_create(self) -> None:
        self._names += 1
        self._create(f"more{self._names}")

    def _create(self, name: str) -> None:
        models = self._models()
        models[name] = Model()
        schema = SCHEMA if self._chance.random() < 0.7 else None
        if self._step(models, lambda: self.db.create_collection(name, schema)):
            self.durable = self.acknowledged
            if schema:
                self.indexes.add((name, OF_SCHEMA))

    def step_index(self) -> None:
        """Make an index, or drop it."""
        name = self._chance.choice(sorted(self.states[-1]))
        index = self._chance.choice(list(LATE))
        if (name, index) in self.indexes:
            self.indexes.remove((name, index))
            self._attempt(lambda: self.db[name].drop_index(index))
        elif self._attempt(lambda: self.db[name].create_index(**LATE[index], name=index)):
            self.indexes.add((name, index))

    def step_drop(self) -> None:
        if len(self.states[-1]) < 3:
            return
        models = self._models()
        name = self._chance.choice(sorted(models))
        del models[name]
        if self._step(models, lambda: self.db.drop_collection(name)):
            self.durable = self.acknowledged

    def step_reopen(self) -> None:
        self.close()
        if self._chance.random() < 0.3:
            self.mode = self._chance.choice(DURABLE)
        self.reopen()

    def close(self) -> None:
        if self._attempt(self.db.close):
            self.durable = self.acknowledged

    def step_kill(self) -> None:
        """SIGKILL, as far as the files can tell: another engine goes on with what the system holds of them."""
        killed = self.db
        self._stack.close()
        with suppress(velocity.StorageError):
            killed.close()
        self._begin_disk(self._disk.image())
        self.reopen(self._kill_least())

    def reopen(self, least: int | None = None) -> None:
        """What is there when it opens is the truth from then on, and is on disk."""
        self.db = self._open()
        least = self.durable if least is None else least
        at = least + find(self.contents(), self.states[least:])
        del self.states[at + 1 :]
        self.durable = self.acknowledged = at

    # --- how a step is made ---------------------------------------------------------------------

    def contents(self) -> State:
        found = {name: contents(self.db[name]) for name in self.db.list_collections()}
        check_indexes(self.db, self.indexes)
        return found

    def _models(self) -> dict[str, Model]:
        models = {name: Model() for name in self.states[-1]}
        for name, documents in self.states[-1].items():
            models[name].documents = dict(documents)
        return models

    def _step(self, models: dict[str, Model], call) -> bool:
        """Make one step that leads to what the models say. Whether it was made."""
        self.states.append({name: dict(model.documents) for name, model in models.items()})
        if not self._attempt(call):
            return False
        self.acknowledged = len(self.states) - 1
        if self._sync:
            self.durable = self.acknowledged
        return True

    def _attempt(self, call) -> bool:
        call()
        return True

    def _open(self) -> velocity.VelocityDB:
        return velocity.open(
            self._disk.directory,
            storage_mode=self.mode,
            cache_size=1 if self.mode != "memory-first" else 100,
            sync_writes=self._sync,
            flush_interval=self._flush_interval,
        )

    # --- the disk -------------------------------------------------------------------------------

    def _begin_disk(self, image: Image | None) -> None:
        self._directories += 1
        directory = self._root / f"d{self._directories}"
        write_files(directory, image.files() if image else {})
        self._disk = Disk(directory, image)
        self._disk.errors = self.failed_calls
        self._disk.on_call = self._called
        self._stack.enter_context(watched(self._disk))

    def _called(self, point: str, name: str, done: bool) -> None:
        if point not in UNCHANGING:
            self.record(f"{point} {name} {'done' if done else 'begun'}")
        if self._compacting and threading.get_ident() == self._thread:
            self._interleave(point, name, done)

    def _interleave(self, point: str, name: str, done: bool) -> None:
        """Write in the middle of a compaction: where it reads, and at each call on the segment that it makes.

        There it holds no lock that a write takes.
        """
        if not self._output and point == "open" and done and name.endswith(".seg"):
            self._output = name
        if point == "read" or name == self._output:
            self._compacting = False  # what happens in the write does not nest
            if self._chance.random() < INTERLEAVED:
                self.step_write()
            self._compacting = True

    def _kill_least(self) -> int:
        return self.acknowledged if self.mode == "persistent" or self._sync else self.durable

    def record(self, label: str) -> None:
        # In this order: what a background thread does meanwhile only makes the claim weaker.
        durable, least = self.durable, self._kill_least()
        image = self._disk.image()
        states, indexes = tuple(self.states[durable:]), frozenset(self.indexes)
        point = Point(image, states, least - durable, label, indexes)
        if not self.points or point.image != self.points[-1].image:
            self.points.append(point)


def find(found: State, states: Sequence[State]) -> int:
    """Which of the states this is, the latest when several are equal."""
    for at in reversed(range(len(states))):
        if states[at] == found:
            return at
    raise AssertionError(
        f"what is there is none of {len(states)} states; "
        f"beside the first: {differences(found, states[0])}, the last: {differences(found, states[-1])}"
    )


def differences(found: State, wanted: State) -> list[str]:
    """Where two states differ: the first few places."""
    places = []
    for name in sorted(found.keys() | wanted.keys()):
        have, want = found.get(name), wanted.get(name)
        if have is None or want is None:
            places.append(f"{name}: {'there' if want is None else 'missing'}")
            continue
        for id in sorted(have.keys() | want.keys()):
            if have.get(id) != want.get(id):
                pair = [
                    entry and (entry[0], entry[1].get("step"))
                    for entry in (have.get(id), want.get(id))
                ]
                places.append(f"{name}/{id}: (version, step) is {pair[0]}, not {pair[1]}")
    return places[:5]

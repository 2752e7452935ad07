"""Every bit of every file of a small database flipped, and every file cut at every length.

What may follow is said for each place by `what_is_at`: verify must find it, and opening must refuse or every read be right
or refused; or it lies in a range that is never read, and then both must be as if nothing had happened.

verify looks at every bit in every run. Opening is tried for a sample, for all of them with --damage=all.
"""

from __future__ import annotations

import random
import re

import pytest

import velocity
from support.files import image, segments, used_size
from support.store import Store, contents
from velocity import CorruptionError
from velocity._core import engine, storage

HEADER, SLOTS = 128, range(64, 96)  # of a segment; in it the watermark slots
LENGTH = 4  # bytes of a frame's length

HELP = "a hint or the checkpoint: reported, and done without"
SYNCED = "reported, and never served wrong"
REFUSED = "reported, and the database is not opened"
TAIL = "a frame that no sync promised, or the length behind the last: cut off as a torn tail"
UNREAD = {
    "LOCK": "the lock is the flock, the text is for people",
    "CHECKPOINT": "the manifest names none while the database is open: an older one is not read",
    "slots": "a watermark slot whose checksum is wrong counts for nothing, the other one is older",
    "zeros": "allocated ahead of the log, behind a zero length",
    "prepared": "a segment made ready: no manifest lists it and its header is all zero",
}


class Sound:
    """A directory that is whole, what its documents are, and a copy of it to be damaged."""

    def __init__(self, mode, directory, acceptable, synced):
        self.mode, self.directory = mode, directory
        self.acceptable = acceptable  # the last one: all of it; before: without what was not synced
        (directory / "LOCK").write_bytes(b"12345\n" if synced else b"")
        self.files = {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
        self.synced = synced  # bytes of the segment that is not sealed, by its name
        self.used = {name: used_size(directory / name) for name in synced}

    def what_is_at(self, name, place, cut=False):
        """What must follow of a bit flipped at `place`, or of the file cut there."""
        killed = bool(self.synced)
        if name == "MANIFEST":
            return REFUSED
        if name == "LOCK":
            return UNREAD["LOCK"]
        if name == "CHECKPOINT":
            return UNREAD["CHECKPOINT"] if killed else HELP
        if name.endswith(".hint"):
            return HELP
        if not any(self.files[name][:HEADER]):
            return UNREAD["prepared"]
        if not cut and place in SLOTS:
            return UNREAD["slots"]
        if place < HEADER or (cut and place < self.synced.get(name, len(self.files[name]))):
            return REFUSED
        if name not in self.synced:
            return SYNCED
        if place < self.synced[name]:
            return REFUSED  # opening walks it
        return TAIL if place < self.used[name] + (0 if cut else LENGTH) else UNREAD["zeros"]

    def restore(self):
        for path in self.directory.iterdir():
            if path.name not in self.files:
                path.unlink()
        for name, data in self.files.items():
            (self.directory / name).write_bytes(data)

    def check(self, name, place, data, kind, opens):
        path = self.directory / name
        path.write_bytes(data)
        report = velocity.verify(self.directory)
        if kind in (HELP, SYNCED, REFUSED):
            found = [re.fullmatch(r"(.*) offset (\d+): .+", error) for error in report.errors]
            assert len(found) == 1, report.errors
            assert any(m[1] == str(path) and int(m[2]) <= place for m in found), report.errors
        else:
            assert report.ok, (kind, report.errors)
        if opens:
            self.check_opening(name, place, data, kind)
            self.restore()
        else:
            path.write_bytes(self.files[name])

    def check_opening(self, name, place, data, kind):
        store = Store(self.mode, self.directory)
        try:
            db = store.open()
        except CorruptionError as error:
            assert kind in (REFUSED, SYNCED), kind
            self.check_place(error, name, place)
            self.check_unchanged(name, data)
            return
        with db:
            assert kind != REFUSED
            if kind == SYNCED:
                assert self.mode != "memory-first", "it reads all of them"
                self.check_reads(db, name, place)
            elif kind == TAIL:
                assert everything(db) in self.acceptable
            else:
                assert everything(db) == self.acceptable[-1]

    def check_unchanged(self, name, data):
        """A refused opening wrote nothing; at most it cut off what was allocated ahead, and the checkpoint."""
        for path in self.directory.iterdir():
            now, before = path.read_bytes(), data if path.name == name else self.files[path.name]
            if path.name in self.synced:
                before, now = (bytes(b).rstrip(b"\0") for b in (before, now))
            assert path.name == "LOCK" or now == before, f"{path.name} was changed"
        gone = self.files.keys() - {path.name for path in self.directory.iterdir()}
        assert gone <= {"CHECKPOINT"}

    def check_place(self, error, name, place):
        assert error.path == str(self.directory / name)
        assert error.offset <= place
        assert error.path in str(error)

    def check_reads(self, db, name, place):
        """Each read gives what was stored or names the damage."""
        expected = self.acceptable[-1]
        for collection, documents in expected.items():
            for id, document in documents.items():
                try:
                    doc = db[collection].get(id)
                    assert (doc.version, doc.fields) == document
                except CorruptionError as error:
                    self.check_place(error, name, place)
            try:
                assert contents(db[collection]) == documents
            except CorruptionError as error:
                self.check_place(error, name, place)


def everything(db):
    return {name: contents(db[name]) for name in db.list_collections()}


def live(db, turn):
    one = db.create_collection("one") if turn == 0 else db["one"]
    one.put(f"kept{turn}", {"turn": turn, "é": [1, None, "x"]})
    one.put("replaced", {"turn": turn})
    if turn:
        one.delete(f"gone{turn - 1}")
    one.put(f"gone{turn}", {"more": True})
    one.put(f"timed{turn}", {"turn": turn}, ttl=1e6)
    one.put(f"large{turn}", {"data": "l" * 3000})  # a hint is an eighth of its segment at most


def kill(db, path, directory):
    """An image whose last frame no sync has promised: again when the flusher was quicker, or a segment was full."""

    def newest():
        return max(s for s in segments(path) if any(s.read_bytes()[:HEADER]))

    while True:
        active = newest()
        synced, before = used_size(active), everything(db)
        db["one"].put("promised by no sync", {"data": "end"})
        image(path, directory)
        header = storage.read_header((directory / active.name).read_bytes())
        manifest = storage.manifest_load(directory)
        unsynced = max(header["durable_seq"], manifest["durable_seq"]) < db.stats().sequence
        if unsynced and newest() == active:
            return {active.name: synced}, [before, everything(db)]


def build(mode, path, killed):
    """Two turns of a life that are compacted, and a third that ended with a close or a kill."""
    store, directory = Store(mode, path), path.parent / "damaged"
    for turn in (0, 1):
        with store.open() as db:
            live(db, turn)
            if turn:
                db.compact()
    older = {p.name: p.read_bytes() for p in path.glob("CHECKPOINT")}
    db = store.open(flush_interval=3600)
    live(db, 2)
    db.flush()
    synced, acceptable = {}, [everything(db)]
    if killed:
        synced, acceptable = kill(db, path, directory)
        for name, data in older.items():  # the kill may come before the flusher has removed it
            (directory / name).write_bytes(data)
    store.close()
    if not killed:
        image(path, directory)
    return Sound(mode, directory, acceptable, synced)


@pytest.fixture(params=["closed", "killed"])
def sound(request, small_segments, tmp_path, unbounded_or_bounded):
    engine.segment_size_set(65536)  # room for the puts of `kill`
    return build(unbounded_or_bounded, tmp_path / "data", request.param == "killed")


@pytest.fixture(params=["memory-first", "persistent"])
def unbounded_or_bounded(request):
    return request.param


def is_structure(name, place):
    return name in ("MANIFEST", "CHECKPOINT", "LOCK") or (name.endswith(".seg") and place < HEADER)


def step_of(sound, name, place, options):
    """Every how many-th place of a file is damaged there."""
    if options.all_damage or is_structure(name, place):
        return 1
    return 400 if sound.what_is_at(name, place) == UNREAD["zeros"] else 16


def places(sound, options, chance):
    """Of every file, what is sampled of it."""
    for name, data in sound.files.items():
        for place in range(len(data)):
            if chance.randrange(step_of(sound, name, place, options)) == 0:
                yield name, data, place


def test_the_directory_has_every_kind_of_file(sound):
    names = set(sound.files)
    assert sum(name.endswith(".seg") for name in names) >= 2
    assert "MANIFEST" in names
    if sound.mode == "persistent":
        assert "CHECKPOINT" in names
        assert any(name.endswith(".hint") for name in names)
    sound.check("MANIFEST", 0, sound.files["MANIFEST"], "nothing was done to it", True)


@pytest.mark.timeout(0)  # with all of it: minutes
def test_every_bit(sound, crash_options):
    chance = random.Random(f"bits {crash_options.seed}")
    for name, data, place in places(sound, crash_options, chance):
        some = chance.randrange(8)
        for bit in range(8) if crash_options.all_damage or is_structure(name, place) else [some]:
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            kind = sound.what_is_at(name, place)
            opens = crash_options.all_damage or bit == some
            sound.check(name, place, damaged, kind, opens)


@pytest.mark.timeout(0)
def test_every_length(sound, crash_options):
    chance = random.Random(f"lengths {crash_options.seed}")
    for name, data, size in places(sound, crash_options, chance):
        sound.check(name, size, data[:size], sound.what_is_at(name, size, cut=True), True)


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_bits_of_a_large_database(killed, unbounded_or_bounded, crash_options, tmp_path):
    """Anywhere in 20,000 documents."""
    store, directory = Store(unbounded_or_bounded, tmp_path / "data"), tmp_path / "damaged"
    db = store.open(flush_interval=3600)
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n, "text": "x" * (n % 50)}) for n in range(20_000))
    users.delete_many([f"u{n}" for n in range(0, 20_000, 5)])
    db.flush()
    expected = everything(db)
    if not killed:
        db.close()
    image(store.path, directory)
    store.close()
    synced = {s.name: used_size(s) for s in segments(directory) if killed and used_size(s)}
    sound = Sound(store.mode, directory, [expected], synced)
    chance = random.Random(f"large {crash_options.seed}")
    names = [name for name, data in sound.files.items() if any(data)]
    for _ in range(300 if crash_options.all_damage else 20):
        name = chance.choice(names)
        data = bytearray(sound.files[name])
        place, bit = chance.randrange(sound.used.get(name, len(data))), chance.randrange(8)
        data[place] ^= 1 << bit
        sound.check(name, place, data, sound.what_is_at(name, place), True)

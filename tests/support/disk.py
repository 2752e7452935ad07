"""A disk under one data directory: what its files hold now, and what of that is sure to survive power loss.

The engine shows each call on files before and after it (engine.file_watch). From that a Disk keeps for each file
its contents since its last successful sync, and for the directory the entries as of its last sync and the changes
since. Mapped files change without a call, so they are read again whenever something happens.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from velocity._core import engine

UNCHANGING = ("read", "map")  # calls that change nothing


@dataclass
class File:
    """One file, whatever its name. versions: contents since the last sync; [0] is durable, [-1] is now."""

    versions: list[bytes] = field(default_factory=lambda: [b""])
    dropped: int = 0  # versions before those
    mapped: bool = False  # may change without a call, as far as is known


@dataclass(frozen=True)
class Image:
    """A disk at one moment.

    contents: number of a file -> its contents since the last sync. live, durable: name -> number. pending: changes
    of the directory since its sync, in order; each is {name: number, or None for gone}, done whole or not at all.
    """

    contents: dict[int, tuple[bytes, ...]]
    live: dict[str, int]
    durable: dict[str, int]
    pending: tuple[dict[str, int | None], ...]

    def files(self) -> dict[str, bytes]:
        """What the operating system holds: what kill -9 leaves."""
        return {name: self.contents[number][-1] for name, number in self.live.items()}


def synced(files: dict[str, bytes]) -> Image:
    """An image where all that is there is on disk."""
    names = {name: number for number, name in enumerate(sorted(files))}
    return Image({number: (files[name],) for name, number in names.items()}, names, names, ())


def write_files(directory: Path, files: dict[str, bytes]) -> None:
    directory.mkdir()
    for name, data in files.items():
        (directory / name).write_bytes(data)


class Disk:
    """Watches one directory; several may be watched at once. on_call(point, name, done) is called after it looked."""

    def __init__(self, directory: Path, image: Image | None = None) -> None:
        self.directory = directory
        self.on_call: Callable[[str, str, bool], object] = lambda point, name, done: None
        self.errors: list[tuple[str, str, int]] = []  # calls that failed: point, name, errno
        image = image or synced({})
        self._files = {n: File(list(versions)) for n, versions in image.contents.items()}
        self._live = dict(image.live)
        self._durable = dict(image.durable)
        self._pending = list(image.pending)
        self._pending_dropped = 0  # changes before those
        # Syncs under way: how many versions or changes, of all that ever were, each covers.
        self._begun: dict[tuple[int, str, str], int] = {}
        self._last: Image | None = None  # once it is no longer watched
        self._lock = threading.RLock()

    def image(self) -> Image:
        with self._lock:
            if self._last is not None:
                return self._last
            self._look()
            contents = {number: tuple(file.versions) for number, file in self._files.items()}
            live, durable = dict(self._live), dict(self._durable)
            return Image(contents, live, durable, tuple(self._pending))

    def end(self) -> None:
        """The image stays as it is: syncs are no longer shown, so nothing written after them may be seen."""
        with self._lock:
            self._last = self.image()

    # --- what a call does -----------------------------------------------------------------------

    def called(self, point: str, path: str, to: str | None, done: bool, error: int) -> None:
        name = os.path.basename(path)
        if error:
            self.errors.append((point, name, error))
        if name == "LOCK":
            return
        with self._lock:
            if self._last is not None:
                return  # the call began while it was watched
            if point not in UNCHANGING:
                self._look(name)
            if not done:
                self._begin(point, name)
            elif not error:
                self._end(point, name, to)
            elif point == "open":
                self._opened(name)
        self.on_call(point, name, done)

    def _begin(self, point: str, name: str) -> None:
        if point == "sync":
            file = self._files[self._live[name]]
            covered = file.dropped + len(file.versions)
        elif point == "sync_directory":
            covered = self._pending_dropped + len(self._pending)
        else:
            return
        self._begun[threading.get_ident(), point, name] = covered

    def _end(self, point: str, name: str, to: str | None) -> None:
        covered = self._begun.pop((threading.get_ident(), point, name), 0)
        if point == "open":
            self._opened(name)
        elif point == "map":
            self._files[self._live[name]].mapped = True
        elif point == "sync":
            file = self._files[self._live[name]]
            count = max(covered - 1 - file.dropped, 0)
            del file.versions[:count]
            file.dropped += count
        elif point == "sync_directory":
            count = max(covered - self._pending_dropped, 0)
            for change in self._pending[:count]:
                apply_change(self._durable, change)
            del self._pending[:count]
            self._pending_dropped += count
            self._forget()
        elif point == "rename":
            assert to is not None
            self._change({os.path.basename(to): self._live[name], name: None})
        elif point == "remove" and name in self._live:
            self._change({name: None})

    def _opened(self, name: str) -> None:
        if name not in self._live and (self.directory / name).exists():
            number = max(self._files, default=0) + 1
            self._files[number] = File()
            self._change({name: number})
            self._look(name)

    def _change(self, change: dict[str, int | None]) -> None:
        self._pending.append(change)
        apply_change(self._live, change)

    def _forget(self) -> None:
        """Drop files that no name, now or after a crash, can bring back."""
        kept = {*self._live.values(), *self._durable.values()}
        kept.update(n for change in self._pending for n in change.values() if n is not None)
        for number in set(self._files) - kept:
            del self._files[number]

    def _look(self, called: str = "") -> None:
        """Read what may have changed. A file that is being removed is read before it goes."""
        for name, number in self._live.items():
            file = self._files[number]
            if file.mapped or name == called:
                try:
                    data = (self.directory / name).read_bytes()
                except FileNotFoundError:
                    continue  # removed a moment ago: the end of that call is still to come
                if data != file.versions[-1]:
                    file.versions.append(data)


def apply_change(names: dict[str, int], change: dict[str, int | None]) -> None:
    for name, number in change.items():
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number


@contextmanager
def watched(disk: Disk) -> Iterator[Disk]:
    """Show the disk the engine's calls on files below its directory, until its end."""
    root = str(disk.directory)
    before = engine_watcher[0]

    def watcher(point: str, path: str, to: str | None, done: bool, error: int) -> None:
        if path == root or os.path.dirname(path) == root:
            disk.called(point, path, to, done, error)
        elif before is not None:
            before(point, path, to, done, error)

    engine_watcher[0] = watcher
    engine.file_watch(watcher)
    try:
        yield disk
    finally:
        disk.end()
        engine_watcher[0] = before
        engine.file_watch(before)


engine_watcher: list[Callable[[str, str, str | None, bool, int], None] | None] = [None]

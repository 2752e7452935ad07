"""A database in whose log stand documents that no encoder wrote, under checksums that are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import velocity
from support.files import image, segments
from velocity import Collection
from velocity._core import storage

UNKNOWN = 0xFFFFFFFF  # lag of a frame that claims nothing


class HostileLog:
    """The files of a database with these names of fields, to which bodies are added behind its back."""

    def __init__(self, directory: Path, names: Iterable[str]) -> None:
        self._directory = directory
        with velocity.open(directory / "first", storage_mode="persistent") as db:
            data = db.create_collection("data")
            data.put("names", dict.fromkeys(names, None))
            data.delete("names")
            db.flush()
            self._files = image(directory / "first", directory / "image")
        [path] = segments(self._files)
        self._header, frames, _, _ = storage.walk_segment(path.read_bytes())
        self._frames = [
            (f["seq"], UNKNOWN, [(op["kind"], op["collection"], op["payload"]) for op in f["ops"]]) for f in frames
        ]
        self._put = self._frames[-1]

    @contextmanager
    def open(self, bodies: Iterable[bytes], mode: str = "persistent") -> Iterator[Collection]:
        """The collection, with a document of each body: d0, d1, ..."""
        seq, _, [(_, collection, _)] = self._put
        puts = [
            (storage.OP_PUT, collection, storage.record_encode(f"d{n}".encode(), body, modified=2**62 + n))
            for n, body in enumerate(bodies)
        ]
        path = image(self._files, self._directory / "opened")
        [log] = segments(path)
        log.write_bytes(storage.build_segment(self._header, [*self._frames, (seq + 1, UNKNOWN, puts)]))
        with velocity.open(path, storage_mode=mode) as db:
            yield db["data"]

"""No database: dicts, and a dict whose packed documents are appended to a file."""

import os
from pathlib import Path

import msgpack

from bench.data import Fields
from bench.peers.face import PackedPeer, Variant


class DictOfDicts:
    def __init__(self) -> None:
        self.documents: dict[str, Fields] = {}

    def get(self, id: str) -> Fields | None:
        return self.documents.get(id)

    def read(self, id: str) -> Fields:
        return self.documents[id].copy()

    def put(self, id: str, fields: Fields) -> None:
        self.documents[id] = fields.copy()

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        self.documents.update((id, fields.copy()) for id, fields in pairs)

    def update(self, id: str, changes: Fields) -> None:
        self.documents[id].update(changes)

    def delete(self, id: str) -> None:
        del self.documents[id]

    def count(self) -> int:
        return len(self.documents)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class DictOfPacked(PackedPeer):
    """msgpack bytes in a dict; with a path, each write also goes to the end of that file.

    The file has no checksums, a torn end is not noticed, and its garbage is never given back: this
    is what a dozen lines of one's own reach, not what is safe.
    """

    def __init__(self, path: Path | None = None, sync: bool = False) -> None:
        self.documents: dict[str, bytes] = {}
        self.file = None
        self.sync = sync
        if path is not None:
            if path.exists():
                self._replay(path)
            self.file = path.open("ab", buffering=0)

    def _replay(self, path: Path) -> None:
        with path.open("rb") as file:
            for id, packed in msgpack.Unpacker(file):
                if packed is None:
                    del self.documents[id]
                else:
                    self.documents[id] = packed

    def get(self, id: str) -> Fields | None:
        packed = self.documents.get(id)
        return None if packed is None else msgpack.unpackb(packed)

    def put(self, id: str, fields: Fields) -> None:
        packed = msgpack.packb(fields)
        if self.file is not None:
            self._append(msgpack.packb((id, packed)))
        self.documents[id] = packed

    def put_batch(self, pairs: list[tuple[str, Fields]]) -> None:
        packed_pairs = [(id, msgpack.packb(fields)) for id, fields in pairs]
        if self.file is not None:
            self._append(b"".join(map(msgpack.packb, packed_pairs)))
        self.documents.update(packed_pairs)

    def delete(self, id: str) -> None:
        if self.file is not None:
            self._append(msgpack.packb((id, None)))
        del self.documents[id]

    def _append(self, frames: bytes) -> None:
        self.file.write(frames)
        if self.sync:
            os.fdatasync(self.file.fileno())

    def count(self) -> int:
        return len(self.documents)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


VARIANTS = [
    Variant("dict of dicts", "none", "copies on put", lambda _: DictOfDicts(), persistent=False),
    Variant("dict + msgpack", "none", "", lambda _: DictOfPacked(), persistent=False),
    Variant(
        "dict + msgpack + file",
        "os",
        "one write() per put or batch",
        lambda directory: DictOfPacked(directory / "log"),
    ),
    Variant(
        "dict + msgpack + file",
        "fsync",
        "write() and fdatasync() per put or batch",
        lambda directory: DictOfPacked(directory / "log", sync=True),
    ),
]

"""What the files of an image say is on disk, held against what is: power loss may leave the one without the other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from support.disk import Image
from velocity import CorruptionError
from velocity._core import storage

COMPACTED = 2  # kind of a segment whose frames are copies: log segments had them before
Walked = tuple[int, int, tuple[tuple[int, int, int, int], ...]]


def check_claims(image: Image) -> None:
    """Nothing that is or was in a file counts a frame as synced that is not whole in what is sure to survive."""
    claimed, where = max(_claims(image), default=(0, ""))
    for name, number in image.live.items():
        if not name.endswith(".seg"):
            continue
        versions = image.contents[number]
        kind, _, frames = _walk(versions[-1])
        for at, end, seq, _ in frames:
            if kind != COMPACTED and seq <= claimed:
                which = f"frame {seq} in {name} at {at}: synced, says {where} ({claimed})"
                assert image.durable.get(name) == number, f"{which}; but the name is not"
                assert versions[0][at:end] == versions[-1][at:end], f"{which}; but it is not"


def _claims(image: Image) -> Iterator[tuple[int, str]]:
    """(sequence, place) for all that says that everything up to a sequence is on disk."""
    names = [image.live, image.durable, *image.pending]
    files = {(name, n) for entries in names for name, n in entries.items() if n is not None}
    for name, number in files:
        if name.startswith("MANIFEST"):
            for data in image.contents[number]:
                yield _manifest(data), name
        elif name.endswith(".seg"):
            for data in image.contents[number]:
                _, watermark, frames = _walk(data)
                yield watermark, f"{name}'s header"
                yield from ((durable, f"{name}'s frame {seq}") for _, _, seq, durable in frames)


@lru_cache(maxsize=1000)
def _walk(data: bytes) -> Walked:
    """Kind, watermark, and of each frame its place, end, sequence and durable sequence."""
    try:
        header, frames, _, _ = storage.walk_segment(data)
    except CorruptionError:  # its header is not there yet
        return 0, 0, ()
    ends = ((f["at"], f["at"] + f["length"], f["seq"], f["durable_seq"]) for f in frames)
    return header["kind"], header["durable_seq"], tuple(ends)


@lru_cache(maxsize=1000)
def _manifest(data: bytes) -> int:
    try:
        manifest = storage.manifest_decode(data)
    except CorruptionError:  # being written
        return 0
    sealed = [s["last_seq"] for s in manifest["segments"] if s["size"]]
    return max(manifest["durable_seq"], *sealed, 0)

"""The files of a full-text index: where they are, and whether they are what was stored.

A directory `search/<number of the collection>` in the data directory holds tantivy's files and
STATE: what the index was made of, up to which sequence it goes, and checksums of the files at that
time. STATE is written after the files it tells of, so it is never ahead of them; applying changes
again does no harm. Whatever does not hold, the index is made anew: nothing is lost with it.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
STATE = "STATE"
_MUTABLE = "meta.json"  # the list of segments; the index's other files never change


@dataclass
class IndexFiles:
    """One collection's directory; `sums` are those of files known already."""

    path: Path
    sums: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, data_dir: str, number: int) -> IndexFiles:
        return cls(Path(data_dir) / "search" / str(number), {})

    def load(self, fields: list[str]) -> int | None:
        """The sequence up to which the index goes; None when it is missing, damaged or of other
        fields."""
        try:
            state = json.loads((self.path / STATE).read_text(encoding="utf-8"))
            if state["format"] != FORMAT or state["fields"] != fields:
                return None
            self.sums = {name: (size, sum) for name, (size, sum) in state["files"].items()}
            sequence = state["sequence"]
            if not isinstance(sequence, int) or not (self.path / _MUTABLE).exists():
                return None
            for name, wanted in self.sums.items():
                # One that is gone was merged into another; if it was needed, opening fails.
                if (self.path / name).exists() and _sum(self.path / name) != wanted:
                    if name != _MUTABLE:
                        return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return sequence

    def store(self, fields: list[str], sequence: int) -> None:
        """Note what is there now."""
        names = [
            entry.name
            for entry in os.scandir(self.path)
            if not entry.name.startswith((".", STATE)) and entry.is_file()
        ]
        sums = {}
        for name in names:
            known = self.sums.get(name) if name != _MUTABLE else None
            try:
                sums[name] = known or _sum(self.path / name)
            except FileNotFoundError:
                continue  # merged away meanwhile
        self.sums = sums
        state = {"format": FORMAT, "fields": fields, "sequence": sequence, "files": sums}
        half = self.path / f"{STATE}.tmp"
        with open(half, "w", encoding="utf-8") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, self.path / STATE)

    def forget(self) -> None:
        """What is there counts for nothing when next opened."""
        (self.path / STATE).unlink(missing_ok=True)

    def clear(self) -> None:
        """An empty directory."""
        self.remove()
        self.path.mkdir(parents=True)
        self.sums = {}

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_others(self, alive: set[int]) -> None:
        """Remove the directories of collections that are gone."""
        for entry in self.path.parent.iterdir() if self.path.parent.is_dir() else ():
            if entry.name.isdecimal() and int(entry.name) not in alive:
                shutil.rmtree(entry, ignore_errors=True)


def _sum(path: Path) -> tuple[int, int]:
    """Size and CRC-32."""
    size = sum = 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            size += len(chunk)
            sum = zlib.crc32(chunk, sum)
    return size, sum


def field_texts(value: Any) -> list[str]:
    """The texts of a field's value: a string, or the strings of a list."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

"""Write golden/format1.tar.gz: a small database of format version 1 with every kind of value and record.

Run once per format version: python tests/golden/make_golden.py. The file is never made again: what it holds must be
readable by every later version. `expected()` is what a reader must find.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARCHIVE = HERE / "format1.tar.gz"
SCHEMA = {
    "name": "described",
    "strict": True,
    "fields": {
        "mail": {"type": "STRING", "required": True, "unique": True},
        "age": {"type": "INT", "indexed": True, "default": 3},
        "since": {"type": "TIME", "default": datetime(2024, 2, 29, tzinfo=timezone.utc)},
        "raw": {"type": "BYTES"},
    },
}
YEARS_50 = 50 * 365 * 86400.0  # a ttl that outlives the test

VALUES = {
    "null": None,
    "true": True,
    "false": False,
    "ints": [
        0,
        1,
        -1,
        -16,
        -17,
        111,
        112,
        127,
        128,
        -129,
        2**15,
        2**31,
        -(2**31) - 1,
        2**63 - 1,
        -(2**63),
    ],
    "floats": [0.0, -0.0, 1.5, 1e308, 5e-324, float("inf"), float("-inf")],
    "texts": ["", "a", "x" * 63, "y" * 64, "z" * 300, "é", "混" * 90, "\U0001f600", "\0"],
    "bytes": [b"", bytes(range(256)), b"b" * 300],
    "times": [
        datetime(1970, 1, 1, tzinfo=timezone.utc),
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=timezone.utc),
        datetime(1900, 1, 1, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    ],
    "lists": [[], [1, [2, [3, {"x": None}]]], list(range(200))],
    "objects": [{}, {"a": {"b": {"c": 1}}}, {f"k{n}": n for n in range(60)}],
    "name longer than 255 bytes": {"n" * 300: 1},
}


def expected() -> dict[str, dict[str, tuple[int, dict]]]:
    """collection -> id -> (version, fields)."""
    values = {name: (1, {"value": value, name: value}) for name, value in VALUES.items()}
    return {
        "empty": {},
        "values": values,
        "history": {
            "updated": (3, {"n": 3, "kept": "yes"}),
            "many versions": (300, {"n": 299}),
            "deleted and back": (1, {"back": True}),
            "expires": (1, {"n": 1}),
            "expires, updated": (2, {"n": 2}),
            "batch a": (1, {"n": 1}),
            "batch b": (1, {"n": 2}),
            "\N{SNOWMAN} id": (1, {}),
            "i" * 1024: (1, {"long": "id"}),
            "after compaction": (2, {"n": 2}),
        },
        "large": {f"large {n}": (1, {"data": bytes([n]) * 20_000}) for n in range(20)},
        "strong": {"a": (1, {"level": "strong"})},
        "described": {"a": (1, {"mail": "a", "age": 4, "since": SCHEMA["fields"]["since"]["default"]})},
    }


def fill(db) -> None:
    from velocity import BatchOperation

    db.create_collection("empty")
    values = db.create_collection("values")
    for name, value in VALUES.items():
        values.insert(name, {"value": value, name: value})
    history = db.create_collection("history")
    history.insert("updated", {"n": 1, "kept": "yes"})
    history.update("updated", {"n": 2})
    history.update("updated", {"$inc": {"n": 1}})
    for n in range(300):
        history.put("many versions", {"n": n})
    history.insert("deleted", {"n": 1})
    history.delete("deleted")
    history.insert("deleted and back", {"n": 1})
    history.delete("deleted and back")
    history.insert("deleted and back", {"back": True})
    history.insert("expires", {"n": 1}, ttl=YEARS_50)
    history.insert("expires, updated", {"n": 1}, ttl=YEARS_50)
    history.update("expires, updated", {"n": 2})
    batch = [
        ("insert", "batch a", {"n": 1}),
        ("insert", "batch b", {"n": 2}),
        ("delete", "updated 2", None),
    ]
    db.batch([BatchOperation(kind, "history", id=id, fields=fields) for kind, id, fields in batch])
    history.insert("\N{SNOWMAN} id", {})
    history.insert("i" * 1024, {"long": "id"})
    history.insert("after compaction", {"n": 1})
    # In segments of large documents only, hints pay.
    large = db.create_collection("large")
    for n in range(20):
        large.insert(f"large {n}", {"data": bytes([n]) * 20_000})
    db.create_collection("strong", consistency="strong").insert("a", {"level": "strong"})
    db.create_collection("described", SCHEMA).insert("a", {"mail": "a", "age": 4.0})
    db.create_collection("dropped").insert("a", {"n": 1})
    db.drop_collection("dropped")
    db.compact()
    history.update("after compaction", {"n": 2})


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def main() -> None:
    sys.path[:0] = [str(HERE.parent.parent)]
    import velocity

    if ARCHIVE.exists():
        sys.exit(f"{ARCHIVE} exists: a golden file is made once")
    directory = Path(tempfile.mkdtemp()) / "format1"
    with velocity.open(directory, storage_mode="persistent") as db:
        fill(db)
    with tarfile.open(ARCHIVE, "w:gz") as archive:
        for path in sorted(directory.iterdir()):
            if path.name != "LOCK":
                archive.add(path, f"format1/{path.name}", filter=anonymous)
    shutil.rmtree(directory.parent)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size} bytes")


if __name__ == "__main__":
    main()

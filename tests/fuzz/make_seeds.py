"""Write the first seeds of each fuzz target, cut from the files of a small database.

    python tests/fuzz/make_seeds.py

They are made once: what the fuzzer found on the way from them is kept beside them. A new kind of file or value needs
new seeds: then run it again, and keep what is new.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
DOCUMENTS = [
    {},
    {"name": "Ada", "age": 36, "tags": ["a", "é", "\U0001f600"], "on": True, "none": None},
    {"ints": [0, -17, 127, -129, 2**15, 2**31, -(2**63)], "floats": [1.5, float("nan")]},
    {"bytes": b"\0\1" * 150, "text": "x" * 70, "wide": "é" * 140, "n" * 300: {"a": {"b": []}}},
    {
        "at": datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=timezone.utc),
        "there": datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    },
    {f"k{n}": n for n in range(20)},
    {"a": [{"b": 1}, {"b": [2.5, {"a": "x"}]}, 7], "b": {"a": {"b": [None, True]}}, "age": 36.0},
]
TIMES = ["2024-02-29T23:59:59Z", "1900-01-01t00:00:00.25+05:45", "9999-12-31 23:59:59.999999-00:00"]
IDS = ["a", "é", "混", "\U0001f600", "i" * 64, "a\0b", "\u07ff\u0800\uffff\U00010000\U0010ffff"]


def write(target, name, data):
    directory = CORPUS / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)


def fill(db):
    users = db.create_collection("users")
    for id, fields in zip(IDS, DOCUMENTS):
        users.put(id, fields)
    users.put("expires", {"n": 1}, ttl=50 * 365 * 86400.0)
    users.delete("a")
    users.put_many((f"b{n}", {"n": n}) for n in range(3))
    db.create_collection("empty", consistency="strong")


def cut_files(directory, when):
    """The files as they are, and of the segments the names and one record of each combination of flags."""
    from velocity._core import storage

    write("manifest", when, (directory / "MANIFEST").read_bytes())
    write("checkpoint", when, (directory / "CHECKPOINT").read_bytes())
    for path in directory.glob("*.hint"):
        write("hint", when, path.read_bytes())
    for path in directory.glob("*.seg"):
        data = path.read_bytes()
        _, frames, end, _ = storage.walk_segment(data)
        write("segment", when, data[:end])
        for op in (op for frame in frames for op in frame["ops"]):
            payload = op["payload"]
            if op["kind"] == storage.OP_DEFINE:
                name, size = f"from{payload[0]}", len(payload).to_bytes(2, "little")
                write("names", name, size + payload)
            else:
                write("record", f"flags{payload[6]}", payload)


def encode_bodies():
    from velocity._core.codec import Codec

    codec = Codec()
    bodies = [codec.encode(fields) for fields in DOCUMENTS]
    count = len(codec.names()).to_bytes(1, "little")
    for number, body in enumerate(bodies):
        other = bodies[number - 1]
        write("body", f"pair{number}", count + len(body).to_bytes(2, "little") + body + other)
        write("decode", f"document{number}", count + body)
    for number, id in enumerate(IDS):
        write("id", f"id{number}", id.encode())


def seed_readers():
    """Two documents each; tests/fuzz/documents.h says how paths are written, the targets what comes before them."""
    from velocity._core.codec import Codec

    codec = Codec()
    bodies = [codec.encode(fields) for fields in DOCUMENTS]
    count = bytes([len(codec.names())])
    for at, (fields, body) in enumerate(zip(DOCUMENTS, bodies)):
        pair = b"".join(len(b).to_bytes(2, "little") + b for b in (body, bodies[at - 1]))
        number = {name: bytes([codec.number(name) - 1]) for name in codec.names()}
        paths = [b"\0" + number[name] for name in fields if name in number][:3] or [b"\0\x3f"]
        paths += [b"\1" + number["a"] + number["b"], b"\2" + number["a"] + b"\x81" + number["b"]]
        conditions = [bytes([op]) + paths[op % len(paths)] + bytes([op, 1]) for op in range(2, 16)]
        joined = b"\0" + bytes([2]) + conditions[3] + b"\x81" + bytes([2]) + conditions[4]
        one, two, three = paths[0], b"".join(paths[:2]), b"".join(paths[-3:])
        write("path", f"document{at}", count + paths[at % len(paths)] + pair + b"a.0.b")
        write("order", f"pair{at}", count + pair)
        for n, condition in enumerate([*conditions, joined, b"".join(conditions[3:9])]):
            if n % len(DOCUMENTS) == at or n > 13:
                write("filter", f"pair{at}with{n}", count + pair + condition)
        for name in ("keys", "columns", "sort"):
            write(name, f"one{at}", count + b"\x00" + one + pair)
            write(name, f"three{at}", count + b"\xaa" + three + pair)
        write("group", f"one{at}", count + b"\x09" + one + b"\3" + one + pair)
        write("group", f"two{at}", count + b"\x16" + two + b"\1" + one + b"\4" + one + pair)
        types = b"".join(number[name] + bytes([n | 16]) for n, name in enumerate(number))
        write("schema", f"pair{at}", count + b"\x04" + types[:8] + pair)
        write("schema", f"filled{at}", count + b"\x8c" + types[:8] + pair)
    for at, text in enumerate(TIMES):
        write("rfc3339", f"time{at}", text.encode())


def main():
    sys.path[:0] = [str(HERE.parent.parent)]
    import velocity

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "data"
        with velocity.open(path, storage_mode="persistent") as db:
            fill(db)
        cut_files(path, "filled")
        with velocity.open(path, storage_mode="persistent") as db:
            for n in range(300):
                db["users"].put("versions", {"n": n})
            db["users"].delete_many([f"b{n}" for n in range(3)])
            db.compact()
        cut_files(path, "compacted")
    encode_bodies()
    seed_readers()


if __name__ == "__main__":
    main()

"""The commands: what they print, what they store, and the exit codes and single lines of errors."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import velocity
from velocity.py.cli import main, transfer
from velocity.py.cli.program import make_parser

ROOT = Path(velocity.__file__).parents[1]
COMMANDS = sorted(make_parser()._subparsers._group_actions[0].choices)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run a command on a directory of the test; (exit code, standard output, standard error)."""
    monkeypatch.setenv("VELOCITY_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def filled(run):
    for number in range(3):
        assert run("put", "users", f"u{number}", json.dumps({"n": number}))[0] == 0
    return run


def test_put_get_delete(run):
    assert run("put", "users", "a", '{"name": "Jo", "raw": {"$bytes": "AAE="}}') == (0, "1\n", "")
    assert run("put", "users", "a", '{"name": "Jo"}')[1] == "2\n"
    code, out, _ = run("get", "users", "a")
    assert (code, json.loads(out)) == (0, {"name": "Jo"})
    meta = json.loads(run("get", "users", "a", "--meta")[1])
    assert (meta["id"], meta["version"], meta["fields"]) == ("a", 2, {"name": "Jo"})
    assert run("delete", "users", "a") == (0, "", "")
    code, out, err = run("get", "users", "a")
    assert (code, out) == (1, "")
    assert err == "velocity: collection 'users' has no 'a'\n"
    assert run("delete", "users", "a")[0] == 1
    assert run("get", "nobody", "a")[0] == 1


def test_put_from_standard_input_and_with_ttl(run, monkeypatch, tmp_path):
    source = tmp_path / "in.json"
    source.write_text('{"a": 1}', encoding="utf-8")
    with source.open(encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert run("put", "users", "a", "-", "--ttl", "1000")[0] == 0
    assert "expires" in json.loads(run("get", "users", "a", "--meta")[1])


def test_scan(filled):
    def ids(*options):
        lines = filled("scan", "users", *options)[1].splitlines()
        return [json.loads(line)["id"] for line in lines]

    assert ids() == ["u0", "u1", "u2"]
    assert ids("--reverse", "--limit", "2") == ["u2", "u1"]
    assert ids("--start", "u1", "--end", "u2") == ["u1"]
    assert ids("--prefix", "x") == []


def test_export_and_import(filled, tmp_path):
    assert filled("put", "jobs", "j", '{"at": {"$time": "2024-01-01T00:00:00+00:00"}}')[0] == 0
    assert filled("put", "jobs", "k", "{}", "--ttl", "5000")[0] == 0
    assert filled("export", "-o", tmp_path / "all")[0] == 0
    copy = tmp_path / "copy"
    code, out, _ = filled("import", tmp_path / "all", "-d", copy)
    assert (code, out) == (0, "5 documents imported\n")
    with velocity.open(copy) as db, velocity.open(tmp_path / "data") as original:
        assert db.list_collections() == ["jobs", "users"]
        for name in ("jobs", "users"):
            assert [d.to_dict() for d in db[name].scan()] == [
                d.to_dict() for d in original[name].scan()
            ]
        assert abs((db["jobs"]["k"].expires - original["jobs"]["k"].expires).total_seconds()) < 1
    filled("export", "jobs", "-o", tmp_path / "jobs")
    lines = (tmp_path / "jobs").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["j", "k"]


@pytest.mark.parametrize("before", [None, "precious"])
def test_an_export_that_fails_leaves_what_was_there(before, filled, tmp_path, monkeypatch):
    out = tmp_path / "out" / "all"
    out.parent.mkdir()
    if before:
        out.write_text(before)
    line, lines = transfer._line, iter(range(2))

    def failing(document):
        if next(lines):
            raise velocity.StorageError(errno.EIO, "a read failed")
        return line(document)

    monkeypatch.setattr(transfer, "_line", failing)
    code, _, err = filled("export", "-o", out)
    assert (code, err) == (1, f"velocity: [Errno {errno.EIO}] a read failed\n")
    assert [(path.name, path.read_text()) for path in out.parent.iterdir()] == (
        [("all", before)] if before else []
    )


def test_an_export_keeps_the_link_and_the_mode_of_its_file(filled, tmp_path):
    (tmp_path / "file").touch(mode=0o600)
    (tmp_path / "link").symlink_to("file")
    assert filled("export", "-o", tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "file").read_text().count("\n") == 3
    says = f"velocity: {tmp_path}/absent/all: No such file or directory\n"
    assert filled("export", "-o", tmp_path / "absent" / "all")[::2] == (2, says)


def test_export_and_import_as_msgpack(filled, tmp_path):
    filled("put", "users", "b", '{"raw": {"$bytes": "AAE="}, "f": {"$float": "inf"}}')
    assert filled("export", "-o", tmp_path / "all", "--format", "msgpack")[0] == 0
    arguments = ("import", tmp_path / "all", "-d", tmp_path / "copy", "--format", "msgpack")
    assert filled(*arguments)[:2] == (0, "4 documents imported\n")
    with velocity.open(tmp_path / "copy") as db:
        assert db["users"]["b"].fields == {"raw": b"\x00\x01", "f": float("inf")}
    (tmp_path / "bad").write_bytes(b"\xc1")
    code, _, err = filled("import", tmp_path / "bad", "--format", "msgpack")
    assert code == 2
    assert "line 1: not msgpack" in err


def test_import_of_plain_lines(run, tmp_path):
    source = tmp_path / "lines"
    source.write_text('{"name": "a", "n": 1}\n\n{"name": "b", "n": 2}\n', encoding="utf-8")
    assert run("import", source, "-c", "users", "--id-field", "name")[0] == 0
    assert json.loads(run("get", "users", "b")[1]) == {"name": "b", "n": 2}
    assert run("import", source, "-c", "logs", "--auto-id")[1] == "2 documents imported\n"
    assert len(run("scan", "logs")[1].splitlines()) == 2


BAD_LINES = {
    "not JSON": ("{", "line 2: not JSON"),
    "not an object": ("5", "line 2: an object is wanted, not int"),
    "no collection": ('{"id": "a", "fields": {}}', "line 2: names no collection"),
    "no id": ('{"collection": "c", "fields": {}}', 'line 2: "id" and "fields" are wanted'),
    "no fields": ('{"collection": "c", "id": "a"}', "line 2"),
    "bad value": ('{"collection": "c", "id": "a", "fields": {"x": {"$time": 5}}}', r"line 2: \$t"),
    "bad expiry": ('{"collection": "c", "id": "a", "fields": {}, "expires": "soon"}', "expires"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_import_stops_at_a_bad_line(name, run, tmp_path):
    line, says = BAD_LINES[name]
    source = tmp_path / "lines"
    source.write_text(f'{{"collection": "c", "id": "g", "fields": {{}}}}\n{line}\n')
    code, out, err = run("import", source)
    assert (code, out) == (2, "")
    assert re.search(says, err)
    assert len(err.splitlines()) == 1


def test_import_leaves_out_what_has_expired(run, tmp_path):
    source = tmp_path / "lines"
    line = {"collection": "c", "id": "a", "fields": {}, "expires": "2001-01-01T00:00:00Z"}
    source.write_text(json.dumps(line))
    assert run("import", source)[:2] == (0, "0 documents imported\n")


def test_state_of_the_database(filled):
    code, out, _ = filled("status")
    assert code == 0
    assert out.startswith("ok\n")
    assert "documents: 3" in out
    assert json.loads(filled("stats", "--json")[1])["documents"] == 3
    assert re.search(r"^documents +3$", filled("stats")[1], re.MULTILINE)
    assert filled("compact")[1].endswith("given back\n")
    code, out, _ = filled("verify")
    assert code == 0
    assert re.match(r"ok: \d+ records read", out)


def test_a_damaged_database(filled, tmp_path):
    segments = {path: path.read_bytes() for path in (tmp_path / "data").glob("*.seg")}
    [segment] = [path for path, data in segments.items() if b"u1" in data]
    data = bytearray(segments[segment])
    data[data.index(b"u1") + 3] ^= 0xFF
    segment.write_bytes(data)
    for hint in (tmp_path / "data").glob("*.hint"):
        hint.unlink()
    code, out, err = filled("verify")
    assert code == 1
    assert segment.name in out
    assert "problems found" in out


def test_a_database_that_is_open_elsewhere(filled, tmp_path):
    with velocity.open(tmp_path / "data"):
        code, out, _ = filled("status")
        assert code == 0
        assert str(os.getpid()) in out
        code, _, err = filled("get", "users", "u1")
        assert code == 2
        assert str(os.getpid()) in err


BAD_INPUT = {
    "no command": ([], "required"),
    "unknown command": (["serve"], "serve"),
    "no such directory": (["get", "-d", "nowhere", "c", "x"], "nowhere: there is no database"),
    "verify of nothing": (["verify", "-d", "nowhere"], "there is no database"),
    "not JSON": (["put", "c", "x", "{"], "not JSON"),
    "not an object": (["put", "c", "x", "[]"], "JSON object"),
    "not an id": (["put", "c", "", "{}"], "id"),
    "bad ttl": (["put", "c", "x", "{}", "--ttl", "-1"], "ttl"),
    "bad mode": (["stats", "--storage-mode", "memory-only"], "memory-only"),
    "no such file": (["import", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
    "two kinds of ids": (["import", "--auto-id", "--id-field", "x"], "together"),
    "no collection": (["import", "--auto-id"], "--collection"),
    "too few": (["bench", "--documents", "0"], "below 1"),
    "no workers": (["demo", "--workers", "0"], "below 1"),
    "no trace": (["demo", "--trace", "nowhere.swf"], "nowhere.swf"),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input(name, run, tmp_path, monkeypatch):
    arguments, says = BAD_INPUT[name]
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert says in err
    assert not (tmp_path / "nowhere").exists()


def test_without_a_directory(run, monkeypatch):
    monkeypatch.delenv("VELOCITY_DATA_DIR")
    code, _, err = run("stats")
    assert code == 2
    assert "--data-dir" in err


def test_bench(run):
    code, out, _ = run("bench", "--documents", "200")
    assert code == 0
    assert "compare-and-swap" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_in_the_docs(command, run):
    code, out, _ = run(command, "--help")
    assert code == 0
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"| `{command}" in page
    row = next(line for line in page.splitlines() if line.startswith(f"| `{command}"))
    for option in re.findall(r"^  (?:-\w[\w ]*, )?(--[\w-]+)", out, re.MULTILINE):
        if option not in ("--help", "--data-dir", "--storage-mode", "--ttl"):
            known = option in row or option in page or option.replace("--output", "-o") in page
            assert known, option


def test_as_a_program(tmp_path):
    def call(*arguments):
        command = [sys.executable, "-m", "velocity", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    directory = str(tmp_path / "data")
    assert call("put", "-d", directory, "c", "x", '{"a": 1}').stdout == "1\n"
    assert call("get", "-d", directory, "c", "y").returncode == 1
    done = call("nonsense")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert call("--version").stdout.strip() == f"velocity {velocity.__version__}"


def test_a_reader_that_goes_away(filled, tmp_path):
    with velocity.open(tmp_path / "data") as db:
        db["users"].put_many((f"w{n}", {"text": "x" * 1000}) for n in range(500))
    command = [sys.executable, "-m", "velocity", "scan", "-d", str(tmp_path / "data"), "users"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_streams_that_are_full_or_closed_or_ascii(filled, tmp_path):
    def call(redirection, *arguments, encoding="utf-8"):
        command = [sys.executable, "-m", "velocity", *arguments, "-d", str(tmp_path / "data")]
        shell = ["/bin/sh", "-c", 'exec "$@" ' + redirection, "sh"]
        return subprocess.run(
            shell + command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONIOENCODING": encoding},
        )

    for stdout, says in ((">&-", "standard output is closed"), (">/dev/full", "No space left")):
        if stdout == ">/dev/full" and not os.path.exists("/dev/full"):
            continue
        for command in (["scan", "users"], ["stats"], ["export"], ["get", "users", "u1"]):
            done = call(stdout, *command)
            assert done.returncode in (1, 2), command
            assert says in done.stderr
            assert len(done.stderr.splitlines()) == 1, done.stderr
    assert call("", "put", "users", "x", '{"name": "Åse"}').returncode == 0
    done = call(">/dev/null", "get", "users", "x", encoding="ascii")
    says = "velocity: the output is ascii, which has no '\\xc5': set PYTHONIOENCODING=utf-8\n"
    assert (done.returncode, done.stderr) == (2, says)
    done = call("<&-", "put", "users", "x", "-")
    assert (done.returncode, done.stderr) == (2, "velocity: standard input is closed\n")
    done = call("<&-", "import")
    assert (done.returncode, done.stderr) == (2, "velocity: standard input is closed\n")

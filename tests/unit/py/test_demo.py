"""The demonstration: traces, shares, latencies, the whole run with its kill, and a proof that fails."""

from __future__ import annotations

import gzip
import re

import pytest

import velocity
from velocity.py.cli import main
from velocity.py.demo.jobs import TraceError, made_jobs, trace_jobs
from velocity.py.demo.latency import Latencies
from velocity.py.demo.proof import prove
from velocity.py.demo.report import WorkerResult
from velocity.py.demo.worker import CONTESTED, candidates_of, shares

TRACE = """\
; Version: 2.2
; MaxJobs: 3

1 0 5 10 2 -1 -1 2 60 -1 1 7 3 4 1 1 -1 -1
2 30 -1 20 1 -1 -1 1 60 -1 1 8 3 4 0 1 -1 -1
  3   60 -1 30  4 -1 -1 1 60 -1 1 8 3 4 0 1 -1 -1
"""


def test_made_jobs_are_always_the_same():
    jobs = list(made_jobs(50))
    assert jobs == list(made_jobs(50))
    assert jobs == list(made_jobs(80))[:50]
    assert len({id for id, _ in jobs}) == 50
    assert all(fields["state"] == "waiting" for _, fields in jobs)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_trace(pack, tmp_path):
    path = tmp_path / "trace.swf"
    path.write_bytes(pack(TRACE.encode()))
    problems = []
    jobs = dict(trace_jobs(str(path), problems.append))
    assert list(jobs) == ["job-00000001", "job-00000002", "job-00000003"]
    assert jobs["job-00000001"] == {
        "number": 1, "submit_time": 0, "run_time": 10, "processors": 2, "user": 7, "group": 3,
        "queue": 1, "state": "waiting", "executor": None, "attempt": 0,
    }  # fmt: skip
    assert problems == []


def test_bad_lines_of_a_trace_are_reported_with_their_number(tmp_path):
    path = tmp_path / "trace.swf"
    text = TRACE + "4 0 5\n" + TRACE.splitlines()[3] + "\n" + "x" + TRACE.splitlines()[4] + "\n"
    path.write_bytes(text.encode() + b"\xff\x00\n" + b"-1 " + b"0 " * 17)
    problems = []
    assert len(list(trace_jobs(str(path), problems.append))) == 3
    assert [problem.split(": ", 1)[0] for problem in problems] == [
        f"{path}:{line}" for line in (7, 8, 9, 10, 11)
    ]
    assert "18 columns are wanted, not 3" in problems[0]
    assert "job 1 is there already" in problems[1]
    assert "'x2' is not a whole number" in problems[2]


@pytest.mark.parametrize("content", [None, gzip.compress(TRACE.encode())[:-10], b"\x1f\x8b\x08"])
def test_a_trace_that_cannot_be_read(content, tmp_path):
    path = tmp_path / "trace.swf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TraceError, match=r"trace\.swf"):
        list(trace_jobs(str(path), lambda text: None))


def test_shares_are_disjoint_but_for_the_contested():
    waiting = [(f"j{n}", 0) for n in range(1000)]
    lists = shares(waiting, 4)
    contested = set(waiting[::CONTESTED])
    assert all(contested <= set(own) for own in lists)
    rest = [candidate for own in lists for candidate in own if candidate not in contested]
    assert sorted(rest) == sorted(set(waiting) - contested)
    assert max(map(len, lists)) - min(map(len, lists)) < 30


def test_percentiles_are_right_to_three_percent():
    latencies = Latencies()
    for nanoseconds in range(1, 100_001):
        latencies.add(nanoseconds)
    assert latencies.count == 100_000
    for part in (0.01, 0.5, 0.99, 1.0):
        assert latencies.percentile(part) == pytest.approx(part * 100, rel=0.033)
    again = Latencies.from_plain(latencies.to_plain())
    again.merge(latencies)
    assert again.count == 200_000
    assert again.percentile(0.5) == latencies.percentile(0.5)
    assert Latencies().percentile(0.5) == 0
    one = Latencies()
    one.add(0)
    assert one.percentile(1) == 0


@pytest.mark.parametrize("mode", ["persistent", "memory-first", "hybrid"])
def test_the_whole_run(mode, tmp_path, capfd):
    keep = tmp_path / "kept"
    code = main(["demo", "--jobs", "3000", "--workers", "3", "--mode", mode, "--keep", str(keep)])
    out, err = capfd.readouterr()
    assert (code, err) == (0, ""), out
    assert "killed the worker process (SIGKILL)" in out
    assert "proved: each of the 3,000 jobs ran exactly once" in out
    assert "NOT TRUE" not in out
    assert re.search(r"claim latency +p50 [\d.,]+ µs, p99 [\d.,]+ µs", out)
    with velocity.open(keep) as db:
        assert db["jobs"].count({"state": "done"}) == 3000
        assert len(db["runs"]) == 3000


@pytest.mark.parametrize("jobs", [2, 3, 10, 1000])
def test_few_jobs_are_killed_half_way_too(jobs, capfd):
    """They were all done before the first report came, and the kill after the work."""
    assert main(["demo", "--jobs", str(jobs), "--workers", "2"]) == 0
    out = capfd.readouterr().out
    done = int(re.search(r"\(SIGKILL\) after ([\d,]+) jobs", out)[1].replace(",", ""))
    assert jobs // 2 <= done <= max(jobs // 2, 3 * jobs // 4) < jobs


def test_a_trace_is_run(tmp_path, capfd):
    path = tmp_path / "trace.swf"
    path.write_text(TRACE + "bad\n", encoding="utf-8")
    assert main(["demo", "--trace", str(path), "--workers", "2"]) == 0
    out, err = capfd.readouterr()
    assert "each of the 3 jobs ran exactly once" in out
    assert err == f"skipped: {path}:7: 18 columns are wanted, not 1\n"


def test_a_directory_that_is_in_use_is_refused(tmp_path, capfd):
    (tmp_path / "file").touch()
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    assert "--keep" in capfd.readouterr().err


@pytest.fixture
def proved(tmp_path):
    """A finished run of four jobs; call it with a change to make, for the proof's lines."""

    def prove_after(change):
        with velocity.open(tmp_path / "d", storage_mode="persistent") as db:
            for name in ("jobs", "runs"):
                db.create_collection(name)
            run = {"executor": "w", "attempt": 1}
            for number in range(4):
                fields = {"number": number, "state": "waiting", "executor": None, "attempt": 0}
                db["jobs"].insert(f"j{number}", fields)
                db["jobs"].update(f"j{number}", {**run, "state": "running"})
                db["jobs"].update(f"j{number}", {"state": "done"})
                db["runs"].insert(f"j{number}", run)
            change(db)
        numbers = {f"j{number}": number for number in range(4)}
        result = WorkerResult(done=2), WorkerResult(done_before=2)
        return prove(str(tmp_path / "d"), "persistent", numbers, *result)

    return prove_after


def test_the_proof_holds(proved):
    proof = proved(lambda db: None)
    assert proof.holds
    assert len(proof.lines) == 6


FAULTS = {
    "lost": (lambda db: db.delete("jobs", "j1"), "j1 is missing"),
    "altered": (lambda db: db.put("jobs", "j1", {**db["jobs"]["j1"].fields, "number": 9}), "9"),
    "more": (lambda db: db.put("jobs", "x", db["jobs"]["j1"].fields), "x was never loaded"),
    "not done": (lambda db: db.update("jobs", "j1", {"state": "running"}), "j1 is running"),
    "no run": (lambda db: db.delete("runs", "j1"), "j1 is done but has no run"),
    "ran twice": (lambda db: db.update("runs", "j1", {"attempt": 1}), "j1 ran 2 times"),
    "another ran it": (lambda db: db.update("jobs", "j1", {"executor": "v"}), "by v but run by w"),
    "ran for no job": (lambda db: db.put("runs", "x", {}), "x ran but is no job"),
    "version": (lambda db: db.update("jobs", "j1", {}), "j1 has version 4 after 1 attempts"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_proof_fails(name, proved):
    change, says = FAULTS[name]
    proof = proved(change)
    assert not proof.holds
    assert any(says in line for line in proof.lines)
    assert any(line.startswith("NOT TRUE") for line in proof.lines)


def test_claims_that_were_left_are_taken_back():
    with velocity.open() as db:
        jobs = db.create_collection("jobs")
        jobs.insert("a", {"state": "running", "executor": "dead", "attempt": 1})
        jobs.insert("b", {"state": "waiting", "executor": None, "attempt": 0})
        jobs.insert("c", {"state": "done", "executor": "dead", "attempt": 1})
        assert candidates_of(db) == ([("a", 1), ("b", 0)], 1, 1)
        assert jobs["a"].fields == {"state": "waiting", "executor": None, "attempt": 1}

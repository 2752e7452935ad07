"""What having VelocityDB costs before any document is there: import, wheel, empty files.

    python -m bench.footprint [--rounds N] [--dir DIRECTORY]

The wheel is the newest in dist/, where `make bench` puts one.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import velocity
from bench.command import data_folder, parser_for, say
from bench.peers.compare import ROOT
from bench.sizes import disk_bytes
from bench.tables import table

ROUNDS = 21


def start_ms(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return (time.perf_counter() - start) * 1e3


def import_ms(rounds: int) -> dict[str, float]:
    """Medians of taking turns; the first start of each fills the page cache and does not count."""
    code = {"bare": "pass", "velocity": "import velocity"}
    taken: dict[str, list[float]] = {name: [] for name in code}
    for number in range(rounds + 1):
        for name, each in code.items():
            ms = start_ms(each)
            if number:
                taken[name].append(ms)
    medians = {name: statistics.median(ms) for name, ms in taken.items()}
    both = zip(taken["velocity"], taken["bare"], strict=True)
    return medians | {"added": statistics.median(ours - bare for ours, bare in both)}


def wheel_bytes() -> int | None:
    wheels = sorted((ROOT / "dist").glob("velocitydb-*.whl"), key=lambda path: path.stat().st_mtime)
    return wheels[-1].stat().st_size if wheels else None


def empty_bytes(mode: str, parent: Path | None) -> dict[str, int]:
    """Files of a database with one collection and no document: while open, and after closing."""
    with data_folder(parent) as folder:
        place = folder / "data"
        with velocity.open(str(place), storage_mode=mode) as database:
            database.create_collection("users")
            database.flush()
            opened = disk_bytes(place)
        return {"open": opened, "closed": disk_bytes(place)}


def measure(rounds: int, parent: Path | None) -> dict[str, Any]:
    modes = ("memory-first", "hybrid", "persistent")
    return {
        "import": import_ms(rounds),
        "wheel": wheel_bytes(),
        "empty": {mode: empty_bytes(mode, parent) for mode in modes},
    }


def kib(size: int) -> str:
    return f"{size / 1024:,.0f} KiB"


def footprint_table(results: dict[str, Any]) -> str:
    taken, wheel = results["import"], results["wheel"]
    rows = [
        ["`import velocity`, added to a bare interpreter's start", "", f"{taken['added']:.1f} ms"],
        ["a bare interpreter's start", "", f"{taken['bare']:.1f} ms"],
        ["wheel", "", kib(wheel) if wheel else "none in dist/"],
    ]
    for mode, sizes in results["empty"].items():
        rows.append(["files of an empty database, open", mode, kib(sizes["open"])])
        rows.append(["files of an empty database, closed", mode, kib(sizes["closed"])])
    return f"**Before the first document**\n\n{table(['what', 'mode', 'takes'], rows)}"


def main(arguments: list[str] | None = None) -> None:
    parser = parser_for("footprint", __doc__, count=None)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(arguments)
    say("footprint")
    print(footprint_table(measure(options.rounds, options.dir)))


if __name__ == "__main__":
    sys.exit(main())

"""What is measured between two rounds, and the bounds it must keep."""

from __future__ import annotations

from dataclasses import dataclass

from support.soak.pauses import Pause

MIB = 1 << 20
PAUSE_MAX = 0.050  # seconds
# Growth from the first to the second half of the samples after the warm-up: a share and a constant.
GROWTH = {"memory_usage": (0.05, MIB), "private": (0.10, 8 * MIB)}
SAMPLES_MIN = 6  # fewer say nothing about growth
# Files: twice what the documents need, and the segment that is being filled or made ready.
DISK_FACTOR, DISK_ROOM = 2, 16 * MIB


@dataclass
class Sample:
    """Bytes between two rounds."""

    memory_usage: int  # as the database counts
    private: int  # as the kernel does: of the whole process, with the model
    disk: int
    documents: int  # their fields and ids, as the model has them


def growth(values: list[int]) -> tuple[int, int]:
    """Least of the two halves, when the first third, the warm-up, is left out.

    Compaction in the making adds to a sample and goes again; what is lost raises all that follow.
    """
    settled = values[len(values) // 3 :]
    middle = len(settled) // 2
    return min(settled[:middle]), min(settled[middle:])


def faults_in_sizes(samples: list[Sample], names: tuple[str, ...]) -> list[str]:
    """What is not flat of `names`, and where files were too big."""
    faults = []
    for name in names if len(samples) >= SAMPLES_MIN else ():
        first, second = growth([getattr(sample, name) for sample in samples])
        share, constant = GROWTH[name]
        if second > first * (1 + share) + constant:
            faults.append(f"{name} grew from {first / MIB:.1f} to {second / MIB:.1f} MiB")
    for number, sample in enumerate(samples):
        bound = DISK_FACTOR * sample.documents + DISK_ROOM
        if sample.disk > bound:
            faults.append(f"round {number}: {sample.disk} bytes of files, at most {bound} expected")
    return faults


def faults_in_pauses(slowest: dict[str, Pause]) -> list[str]:
    return [f"pause of {pause}" for pause in slowest.values() if pause.engine > PAUSE_MAX]

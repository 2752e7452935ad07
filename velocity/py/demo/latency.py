"""Latencies of one kind of operation, as a histogram that is small to send and quick to add to.

Buckets grow by 1/32: a percentile is right to 3 %. One thread adds; others may read meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping

_STEPS = 5  # bits of precision: 32 buckets per power of two


def _bucket(nanoseconds: int) -> int:
    shift = max(0, nanoseconds.bit_length() - _STEPS - 1)
    return (shift << _STEPS) + (nanoseconds >> shift)


def _middle(bucket: int) -> float:
    """The time in the middle of a bucket; the inverse of _bucket."""
    shift = max(0, (bucket >> _STEPS) - 1)
    low = (bucket - (shift << _STEPS)) << shift
    return low + ((1 << shift) - 1) / 2


class Latencies:
    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        self.buckets: dict[int, int] = dict(buckets or {})

    @property
    def count(self) -> int:
        return sum(self.buckets.values())

    def add(self, nanoseconds: int) -> None:
        bucket = _bucket(nanoseconds)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def merge(self, other: Latencies) -> None:
        for bucket, count in other.buckets.copy().items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def percentile(self, part: float) -> float:
        """Microseconds that this part (0 to 1) of the operations took at most; 0 when none."""
        left = part * self.count
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return _middle(bucket) / 1000
        return 0.0

    def to_plain(self) -> dict[str, int]:
        return {str(bucket): count for bucket, count in self.buckets.copy().items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, int]) -> Latencies:
        return cls({int(bucket): count for bucket, count in plain.items()})

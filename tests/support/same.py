"""Equality that tells apart what `==` does not: int from float and bool, -0.0 from 0.0, and NaN equals itself."""

from __future__ import annotations

import math
import struct
from datetime import datetime


def same(a, b) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, list):  # tuples come back as lists
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, float):
        return math.isnan(a) and math.isnan(b) or struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, datetime):
        return a == b and a.utcoffset() == b.utcoffset()
    return a == b

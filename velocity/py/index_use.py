"""What an index gives for a filter and a sort: ranges that hold all that can match, and an order.

Ranges are in the index's order one after the other. When the fields in front of the sort's are
limited to several values, each range is in the order of what lies behind these fields: the ranges
are then merged by that (MongoDB's explode for sort).

A document has an entry for each element of a list, at one field at most, and no order can be by
that field. One range of equal values of the field has at most one of the entries; when the ranges
are merged, those of several are the same behind the prefix, and the core gives them once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from velocity._core.engine import MERGED_MAX, Index
from velocity.py.conditions import Conditions
from velocity.py.index_bounds import AFTER, Range, range_of, value_key

RANGES_MAX = 1_000  # of one index; a filter with more combinations is limited by fewer fields

Sort = Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Usable:
    """An index that a plan may use. where: the filter of a partial one."""

    index: Index
    fields: list[tuple[str, int]]
    unique: bool
    where: Mapping[str, Any] | None


@dataclass
class Use:
    """Ranges of one index, and what they give."""

    multikey: int  # bit i: documents have lists at field i
    ranges: list[Range]  # sorted
    used: set[str]  # the paths whose limits made the ranges
    exact: bool  # the ranges say exactly what these limits say
    values: list[int]  # of each leading field that is limited to single values, how many
    alike: bool = True  # whether these say so of null as of other values
    ordered: bool = False  # documents come in the order asked for
    reverse: bool = False  # when the index is read backwards
    merged: int = 0  # when ranges are merged by what lies behind so many fields; 0: they are not
    prefixes: list[int] | None = None  # merged: the size of these fields' keys, of each range

    @property
    def several(self) -> bool:
        """Whether a document may be met several times."""
        single = [at < self.merged or values == 1 for at, values in enumerate(self.values)]
        return self.multikey >> len(single) > 0 or any(
            self.multikey >> at & 1 and not once for at, once in enumerate(single)
        )

    @property
    def keep(self) -> bool:
        """Whether other values, as many, would be used alike."""
        if self.several or not self.alike:
            return False
        if self.merged:
            return prod(self.values) <= MERGED_MAX
        return len(self.ranges) == 1 and all(values == 1 for values in self.values)


def use_of(index: Usable, conditions: Conditions, sort: Sort, merge: bool = True) -> Use:
    """merge: ranges may be merged for the order's sake."""
    multikey = index.index.multikey_fields
    order = _order_of(index, conditions, sort, multikey)
    reverse, merged = order or (False, 0)
    use, prefixes = _ranges_of(index, conditions, multikey, merged)
    if order is None:
        return use
    if merged and use.ranges:
        if not merge or len(use.values) < merged or len(use.ranges) > MERGED_MAX:
            return use
        use.merged, use.prefixes = merged, prefixes
    use.ordered, use.reverse = True, reverse
    return use


def _ranges_of(
    index: Usable, conditions: Conditions, multikey: int, merged: int
) -> tuple[Use, list[int]]:
    """The ranges, and of each the size of the keys of so many fields."""
    heads = [(b"", 0)]  # of ranges, with the size of its prefix
    tail: Range | None = (b"", AFTER)
    use = Use(multikey, [], set(), True, [])
    for at, (path, direction) in enumerate(index.fields):
        limits = conditions.paths.get(path)
        if limits is None or not limits.usable:
            break
        if limits.equal is not None:
            keys = sorted({value_key(value, direction) for value in limits.equal})
            if "." in path and multikey >> at & 1:
                # A list with nothing at the path has the key of null, and is not equal to null.
                use.alike = False
                use.exact = use.exact and None not in limits.equal
            if len(heads) * len(keys) > RANGES_MAX:
                use.exact = False
                break
            heads = [
                (head + key, prefix + len(key) if at < merged else prefix)
                for (head, prefix), key in product(heads, keys)
            ]
            use.used.add(path)
            use.values.append(len(limits.equal))
            continue
        use.used.add(path)
        if multikey >> at & 1 and limits.low and limits.high:
            # One element may be above the low bound and another below the high one.
            limits, use.exact = replace(limits, high=None), False
        tail = range_of(limits.low, limits.high, direction)
        break
    if tail is None:
        return use, []
    heads.sort()
    use.ranges = [(head + tail[0], head + tail[1]) for head, _ in heads]
    return use, [prefix for _, prefix in heads]


def _order_of(
    index: Usable, conditions: Conditions, sort: Sort, multikey: int
) -> tuple[bool, int] | None:
    """Whether the index has to be read backwards to give the order asked for, and how many fields
    are in front of it when they have several values, else 0. None: it does not give the order."""
    fields = index.fields
    lists = {path for at, (path, _) in enumerate(fields) if multikey >> at & 1}
    if any(path in lists for path, _ in sort):
        return None
    # Only what is indexed is known to hold no list, of which one element has the value.
    constants = conditions.constants().keys() & {path for path, _ in fields}
    left = [(path, direction) for path, direction in sort if path not in constants]
    if not left:
        return False, 0
    paths = [path for path, _ in fields]
    start = paths.index(left[0][0]) if left[0][0] in paths else len(paths)
    if paths[start : start + len(left)] != [path for path, _ in left]:
        return None
    front = [conditions.paths.get(path) for path in paths[:start]]
    values = [len(limits.equal) for limits in front if limits and limits.equal is not None]
    if len(values) < start:
        return None
    directions = zip(fields[start:], left, strict=False)
    turned = {direction != wanted for (_, direction), (_, wanted) in directions}
    if len(turned) > 1:
        return None
    return turned.pop(), 0 if set(values) <= {1} else start

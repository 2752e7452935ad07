"""Documents and filters at random that have much to do with each other: few names, and per case few
values, from which both are made. A seed makes the same case again."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from random import Random

PLAIN = [
    None, True, False, 0, 1, 2, 3, -1, -2, 5, 300, -129, 0.0, 1.0, 1.5, -2.5, 2.0, 4.5,
    float("nan"), float("inf"), 2.0**63, -(2.0**63), 2**53 + 1, float(2**53), 2**63 - 1, -(2**63),
    "", "x", "y", "xy", "X\ny", "é", "x" * 70, "\U0001f600", b"", b"x", b"\x00",
    datetime(2020, 1, 1, tzinfo=timezone.utc),
    datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    datetime(1969, 1, 1, tzinfo=timezone.utc),
]  # fmt: skip
NAMES = ["a", "b", "0", "1"]
PATTERNS = ["x", "^x", "y$", "^x.*", "[xX]", "^y", "x|é", "x+y?", "", ".", "^$", "^[^x]*$"]
OPTIONS = ["", "i", "m", "s", "im", "x"]
TYPES = ["null", "bool", "int", "double", "number", "string", "object", "array", "binData", "date"]
LONG_NAME = "n" * 300  # too long for a number: it stands in each document


class Cases:
    """The documents and filters of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.names = [*NAMES, LONG_NAME] if self.random.random() < 0.1 else NAMES
        self.pool = [self.random.choice(PLAIN) for _ in range(4)] + [0, 1, "x", None]
        self.values = [self.value(0) for _ in range(8)]

    def value(self, depth: int):
        kind = self.random.random()
        if depth > 2 or kind < 0.4:
            return self.random.choice(self.pool)
        if kind < 0.7:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        return self.fields(depth + 1)

    def fields(self, depth: int):
        names = self.random.sample(self.names, self.random.randrange(4))
        return {name: self.value(depth) for name in names}

    def any_value(self):
        return self.random.choice(self.values if self.random.random() < 0.4 else self.pool)

    def document(self):
        names = self.random.sample(self.names, self.random.randrange(len(self.names) + 1))
        shared = self.random.random() < 0.5
        return {name: self.any_value() if shared else self.value(0) for name in names}

    def path(self):
        return ".".join(self.random.choice(self.names) for _ in range(self.random.choice([1, 1, 2, 3])))

    def pattern(self):
        text, options = self.random.choice(PATTERNS), self.random.choice(OPTIONS)
        if self.random.random() < 0.5:
            return {"$regex": text, "$options": options}
        return re.compile(text, sum(getattr(re, letter.upper()) for letter in options))

    def listed(self, most: int):
        return [self.pattern() if self.random.random() < 0.1 else self.any_value()
                for _ in range(self.random.randrange(most + 1))]

    def operator(self, depth: int):
        """One operator and its argument, as an object."""
        choice = self.random.choice
        op = choice(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$type",
                     "$size", "$mod", "$regex", "$all", "$elemMatch", "$not"])
        if op in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte"):
            return {op: self.any_value()}
        if op in ("$in", "$nin"):
            return {op: self.listed(4)}
        if op == "$exists":
            return {op: choice([True, False])}
        if op == "$type":
            return {op: choice([choice(TYPES), self.random.sample(TYPES, 2)])}
        if op == "$size":
            return {op: self.random.randrange(4)}
        if op == "$mod":
            return {op: [choice([1, 2, 3, -2, 2.5, -1]), choice([0, 0, 1, -1])]}
        if op == "$regex":
            return {op: choice(PATTERNS), "$options": choice(OPTIONS)}
        if op == "$not":
            pattern = self.pattern() if self.random.random() < 0.2 else None
            return {op: pattern or self.operators(depth + 1)}
        if op == "$elemMatch" or self.random.random() < 0.3:
            inner = self.operators(depth + 1) if self.random.random() < 0.5 else self.filter(depth + 1)
            return {op: inner if op == "$elemMatch" else [{"$elemMatch": inner}]}
        return {op: self.listed(3)}

    def operators(self, depth: int):
        if depth > 3:
            return {"$eq": self.any_value()}
        joined = {}
        for _ in range(self.random.choice([1, 1, 2])):
            joined.update(self.operator(depth))
        return joined

    def filter(self, depth: int = 0):
        joined = {}
        for _ in range(self.random.choice([0, 1, 1, 2, 3]) if depth else self.random.choice([1, 1, 2])):
            if depth < 3 and self.random.random() < 0.25:
                branches = [self.filter(depth + 1) for _ in range(self.random.randrange(1, 4))]
                joined[self.random.choice(["$and", "$or", "$nor"])] = branches
            elif self.random.random() < 0.3:
                joined[self.path()] = (
                    self.pattern() if self.random.random() < 0.1 else self.any_value())
            else:
                joined[self.path()] = self.operators(depth)
        return joined

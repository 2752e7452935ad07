"""The database as a plain dict: what every implementation of api.md's verbs must do to one collection."""

from __future__ import annotations

import copy


class Absent(Exception):
    """The model's NotFoundError."""


class Present(Exception):
    """The model's DuplicateKeyError."""


class Model:
    """One collection: id -> [version, fields]."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[int, dict]] = {}

    def contents(self) -> dict[str, tuple[int, dict]]:
        return self.documents

    def version(self, id: str) -> int:
        return self.documents[id][0] if id in self.documents else 0

    def fields(self, id: str) -> dict | None:
        return self.documents[id][1] if id in self.documents else None

    def put(self, id: str, fields: dict) -> int:
        version = self.version(id) + 1
        self.documents[id] = (version, copy.deepcopy(fields))
        return version

    def insert(self, id: str, fields: dict) -> int:
        if id in self.documents:
            raise Present(id)
        return self.put(id, fields)

    def replace(self, id: str, fields: dict) -> int:
        if id not in self.documents:
            raise Absent(id)
        return self.put(id, fields)

    def update(self, id: str, fields: dict) -> int:
        if id not in self.documents:
            raise Absent(id)
        return self.put(id, self.documents[id][1] | fields)

    def delete(self, id: str) -> bool:
        return self.documents.pop(id, None) is not None

    def matches(self, id: str, expected: dict | None, expected_version: int | None) -> bool:
        """Whether a compare-and-swap with these conditions succeeds."""
        current = self.fields(id)
        if expected is None and expected_version is None:
            return current is None
        if current is None:
            return False
        if expected_version is not None and expected_version != self.version(id):
            return False
        return all(current.get(name) == value for name, value in (expected or {}).items())

    def compare_and_swap(self, id, expected, value, expected_version=None, replace=False):
        """Returns (success, current fields or None, version)."""
        if not self.matches(id, expected, expected_version):
            return False, self.fields(id), self.version(id)
        if replace or id not in self.documents:
            self.put(id, value)
        else:
            self.update(id, value)
        return True, self.fields(id), self.version(id)

    def apply(self, op: tuple) -> None:
        """One (verb, id, fields) of a batch; delete of an absent id is fine."""
        verb, id, fields = op
        if verb == "delete":
            self.delete(id)
        else:
            getattr(self, verb)(id, fields)

    def batch(self, ops) -> None:
        """All or nothing."""
        before = dict(self.documents)
        try:
            for op in ops:
                self.apply(op)
        except (Absent, Present):
            self.documents = before
            raise

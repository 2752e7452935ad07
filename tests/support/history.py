"""A history of writes made from a seed: the child that is killed and the parent that checks make the same one."""

from __future__ import annotations

import random
from typing import Any

from support.crash_indexes import key_of
from support.model import Model

Op = tuple[str, str, str, dict[str, Any] | None]  # verb, collection, id, fields


class History:
    """Steps 0, 1, 2, … Each is one write: a single operation or a batch. `models` is what is there after them."""

    def __init__(
        self, seed: object, collections: tuple[str, ...] = ("one", "two"), ids: int = 40
    ) -> None:
        self._random = random.Random(f"history {seed}")
        self._ids = ids
        self.models = {name: Model() for name in collections}
        self.steps = 0

    def step(self) -> list[Op]:
        """Make the next step: its operations, one for a single write."""
        chance = self._random.random()
        count = 1 if chance < 0.8 else self._random.randrange(2, 9)
        ops = [self._operation() for _ in range(count)]
        self.steps += 1
        return ops

    def _operation(self) -> Op:
        name = self._random.choice(sorted(self.models))
        model = self.models[name]
        id = f"id{self._random.randrange(self._ids)}"
        fields = {
            "step": self.steps,
            "key": key_of(id),
            "kind": self.steps % 3,
            "data": self._random.randbytes(self._random.choice((0, 9, 90, 900, 4000))),
        }
        present = id in model.documents
        # Deletes and overwrites are as common as anything: garbage and tombstones are what recovery meets.
        verb = self._random.choice(
            ("put", "update", "replace", "delete", "delete") if present else ("put", "insert")
        )
        op = (verb, name, id, None if verb == "delete" else fields)
        model.apply((verb, id, fields))
        return op

    def contents(self) -> dict[str, dict[str, tuple[int, dict]]]:
        return {name: model.contents() for name, model in self.models.items()}

    def find(self, contents: dict, least: int, most: int) -> int:
        """The highest number of steps, least to most, after which exactly these are the contents."""
        found = None
        assert self.steps == 0, "only a new history can be searched"
        while True:
            if self.steps >= least and self.contents() == contents:
                found = self.steps
            if self.steps == most:
                break
            self.step()
        assert found is not None, f"what is there is no state between step {least} and step {most}"
        return found


def perform(db, ops: list[Op]) -> None:
    """Make one step in a database."""
    from velocity import BatchOperation

    if len(ops) > 1:
        db.batch(
            [BatchOperation(verb, name, id=id, fields=fields) for verb, name, id, fields in ops]
        )
        return
    verb, name, id, fields = ops[0]
    if verb == "delete":
        assert db.delete(name, id)
    else:
        getattr(db, verb)(name, id, fields)

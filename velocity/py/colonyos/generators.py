"""Generators of workflows: what starts a workflow for every so many arguments packed.

The arguments wait in queues of their own: generator_args.py. What the server does once a second,
submitting what is due, is in generator_runs.py.
"""

from __future__ import annotations

from typing import Any

from velocity._core.document import Document
from velocity._core.errors import DuplicateKeyError, UniqueError
from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.documents import all_where, by_id, count_where, first_where, update_by_id
from velocity.py.colonyos.store import (
    Data,
    Step,
    Store,
    check_texts,
    checked,
    checked_count,
    id_or_new,
    insert_once,
    now,
)
from velocity.py.colonyos.types.automation import Generator

_STORED = (
    "initiatorid", "initiatorname", "colonyname", "name", "workflowspec", "trigger", "timeout",
    "firstpack", "lastrun",
)


class Generators(Store):
    """Generators, unique by id and by name in their colony."""

    def add_generator(self, generator: Generator) -> None:
        """Add a generator that has neither packed nor run: firstpack and lastrun are ZERO_TIME.

        An empty id becomes a new one. queuesize and checkerperiod are not stored. Raises
        SchemaError, and DuplicateKeyError for an id or a name in the colony that is taken.
        """
        data = self._data
        checked(generator, Generator, "generator")
        id = id_or_new(generator.generatorid, "generator.generatorid")
        fields = _fields(generator)
        fields.update(firstpack=ZERO_TIME, lastrun=ZERO_TIME, sequence=data.sequence.next())
        insert_once(data.generators, id, fields, f"{_named(generator)} or of id {id!r}")
        generator.generatorid = id

    def update_generator(self, generator: Generator) -> None:
        """Replace the generator of this id, firstpack and lastrun included.

        Raises SchemaError, NotFoundError, and DuplicateKeyError for a name that is taken.
        """
        data = self._data
        checked(generator, Generator, "generator")
        try:
            update_by_id(data.generators, generator.generatorid, _fields(generator), "generator")
        except UniqueError:
            raise DuplicateKeyError(f"{_named(generator)} already exists") from None

    def set_generator_last_run(self, generator_id: str) -> None:
        """Say that it ran now. Raises NotFoundError."""
        update_by_id(self._data.generators, generator_id, {"lastrun": now()}, "generator")

    def set_generator_first_pack(self, generator_id: str) -> None:
        """Say that the first argument was packed now. Raises NotFoundError."""
        update_by_id(self._data.generators, generator_id, {"firstpack": now()}, "generator")

    def get_generator_by_id(self, generator_id: str) -> Generator | None:
        """The generator, None when absent."""
        found = by_id(self._data.generators, generator_id)
        return None if found is None else generator_of(found)

    def get_generator_by_name(self, colony_name: str, name: str) -> Generator | None:
        """The generator of that name in the colony, None when absent."""
        found = first_where(self._data.generators, {"colonyname": colony_name, "name": name})
        return None if found is None else generator_of(found)

    def find_generators_by_colony_name(self, colony_name: str, count: int) -> list[Generator]:
        """The colony's first `count` generators, in the order of adding. Raises QueryError."""
        return _generators(self._data, colony_name, checked_count(count))

    def get_generators(self, colony_name: str) -> list[Generator]:
        """The colony's generators, in the order of adding."""
        return _generators(self._data, colony_name, None)

    def find_all_generators(self) -> list[Generator]:
        """The generators of all colonies, in the order of adding."""
        return [generator_of(each) for each in self._data.generators.find({}, sort="sequence")]

    def count_generators_by_colony_name(self, colony_name: str) -> int:
        """How many generators the colony has."""
        return count_where(self._data.generators, {"colonyname": colony_name})

    def remove_generator_by_id(self, generator_id: str) -> None:
        """Remove the generator and all arguments in its queue."""
        _ = self._data
        check_texts(generator_id=generator_id)
        self._atomically(lambda step: _remove(step, _id=generator_id))

    def remove_generator_by_name(self, colony_name: str, generator_name: str) -> None:
        """Remove the generator of that name in the colony, and all arguments in its queue."""
        _ = self._data
        check_texts(colony_name=colony_name, generator_name=generator_name)
        self._atomically(lambda step: _remove(step, colonyname=colony_name, name=generator_name))

    def remove_all_generators_by_colony_name(self, colony_name: str) -> None:
        """Remove the colony's generators and all arguments in their queues."""
        _ = self._data
        check_texts(colony_name=colony_name)
        self._atomically(lambda step: remove_generators_of(step, colony_name))


def remove_generators_of(step: Step, colony_name: str) -> None:
    """Remove the colony's generators and all arguments in their queues."""
    _remove(step, colonyname=colony_name)


def _remove(step: Step, **wanted: str) -> None:
    for id in step.remove("generators", wanted):
        step.remove("generatorargs", {"generatorid": id})


def generator_of(document: Document) -> Generator:
    """The generator that a document holds."""
    return Generator(generatorid=document.id, **{name: document[name] for name in _STORED})


def _generators(data: Data, colony_name: str, count: int | None) -> list[Generator]:
    found = all_where(data.generators, {"colonyname": colony_name}, "sequence", count)
    return [generator_of(each) for each in found]


def _fields(generator: Generator) -> dict[str, Any]:
    return {name: getattr(generator, name) for name in _STORED}


def _named(generator: Generator) -> str:
    return f"a generator {generator.name!r} of colony {generator.colonyname!r}"

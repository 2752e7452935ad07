"""Arguments that wait for a generator: one queue for each generator id, oldest first."""

from __future__ import annotations

from velocity._core.document import Document
from velocity.py.colonyos.documents import all_where, count_where, remove_where
from velocity.py.colonyos.store import Data, Store, checked, checked_count, id_or_new, insert_once
from velocity.py.colonyos.types.automation import GeneratorArg


class GeneratorArgs(Store):
    """Queues of arguments. A queue's generator need not exist."""

    def add_generator_arg(self, generator_arg: GeneratorArg) -> None:
        """Put an argument at the end of its generator's queue.

        An empty id becomes a new one. Raises SchemaError, and DuplicateKeyError for an id that is
        taken.
        """
        data = self._data
        checked(generator_arg, GeneratorArg, "generator_arg")
        id = id_or_new(generator_arg.id, "generator_arg.id")
        fields = arg_fields(data, generator_arg)
        insert_once(data.generatorargs, id, fields, f"a generator arg of id {id!r}")
        generator_arg.id = id

    def get_generator_args(self, generator_id: str, count: int) -> list[GeneratorArg]:
        """The first `count` arguments of the queue, oldest first. Raises QueryError."""
        args, most = self._data.generatorargs, checked_count(count)
        found = all_where(args, {"generatorid": generator_id}, "sequence", most)
        return [_arg(each) for each in found]

    def count_generator_args(self, generator_id: str) -> int:
        """How many arguments the queue holds."""
        return count_where(self._data.generatorargs, {"generatorid": generator_id})

    def remove_generator_arg_by_id(self, generator_args_id: str) -> None:
        """Take one argument out of its queue."""
        remove_where(self._data.generatorargs, {"_id": generator_args_id})

    def remove_all_generator_args_by_generator_id(self, generator_id: str) -> None:
        """Empty the queue."""
        remove_where(self._data.generatorargs, {"generatorid": generator_id})

    def remove_all_generator_args_by_colony_name(self, colony_name: str) -> None:
        """Remove all arguments that bear the colony's name."""
        remove_where(self._data.generatorargs, {"colonyname": colony_name})


def arg_fields(data: Data, arg: GeneratorArg) -> dict[str, str | int]:
    """The fields of a new document for the argument, at the end of its queue."""
    return {
        "generatorid": arg.generatorid,
        "colonyname": arg.colonyname,
        "arg": arg.arg,
        "sequence": data.sequence.next(),
    }


def _arg(document: Document) -> GeneratorArg:
    return GeneratorArg(
        id=document.id,
        generatorid=document["generatorid"],
        colonyname=document["colonyname"],
        arg=document["arg"],
    )

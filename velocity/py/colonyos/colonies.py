"""Colonies, unique by name, and the removal of one with all that belongs to it.

Their ids are not unique: what is read by an id is the oldest.
"""

from __future__ import annotations

from velocity._core.document import Document
from velocity._core.errors import DuplicateKeyError, NotFoundError, UniqueError
from velocity.py.colonyos.generators import remove_generators_of
from velocity.py.colonyos.process_removal import remove_processes
from velocity.py.colonyos.store import Step, Store, check_texts, checked, id_or_new, insert_once
from velocity.py.colonyos.types.identity import Colony
from velocity.py.ids import new_id

# What belongs to a colony besides generators, processes and attributes, which take others with
# them; blueprints belong to a namespace.
_BELONGINGS = (
    "users", "executors", "functions", "locations", "processgraphs", "generatorargs", "crons",
    "logs", "files", "snapshots",
)  # fmt: skip


class Colonies(Store):
    """Colonies."""

    def add_colony(self, colony: Colony) -> None:
        """Add a colony; an empty colonyid gets a new one, on the object, too.

        Raises SchemaError, and DuplicateKeyError when there is a colony of that name.
        """
        data = self._data
        checked(colony, Colony, "colony")
        id = id_or_new(colony.colonyid, "colony.colonyid")
        fields = {"colonyid": id, "name": colony.name, "sequence": data.sequence.next()}
        insert_once(data.colonies, new_id(), fields, f"colony {colony.name!r}")
        colony.colonyid = id

    def get_colonies(self) -> list[Colony]:
        """All colonies, in the order of adding."""
        return [_colony(each) for each in self._data.colonies.find(sort="sequence")]

    def get_colony_by_id(self, id: str) -> Colony | None:
        """The oldest colony with this id."""
        data = self._data
        check_texts(id=id)
        found = data.colonies.find_one({"colonyid": id}, "sequence")
        return None if found is None else _colony(found)

    def get_colony_by_name(self, name: str) -> Colony | None:
        """The colony with this name."""
        data = self._data
        check_texts(name=name)
        found = data.colonies.find_one({"name": name})
        return None if found is None else _colony(found)

    def count_colonies(self) -> int:
        """The number of colonies."""
        return len(self._data.colonies)

    def rename_colony(self, colony_name: str, new_colony_name: str) -> None:
        """Give a colony another name; nothing when there is no such colony.

        Only its own record: what is under the old name stays there. Raises DuplicateKeyError when
        the new name is another colony's.
        """
        data = self._data
        check_texts(colony_name=colony_name, new_colony_name=new_colony_name)
        try:
            data.colonies.find_one_and_update({"name": colony_name}, {"name": new_colony_name})
        except UniqueError:
            raise DuplicateKeyError(f"colony {new_colony_name!r} already exists") from None

    def change_colony_id(self, colony_name: str, old_colony_id: str, new_colony_id: str) -> None:
        """Give a colony another id; nothing when name and old id are not both its own."""
        data = self._data
        check_texts(
            colony_name=colony_name, old_colony_id=old_colony_id, new_colony_id=new_colony_id
        )
        data.colonies.find_one_and_update(
            {"name": colony_name, "colonyid": old_colony_id}, {"colonyid": new_colony_id}
        )

    def remove_colony_by_name(self, colony_name: str) -> None:
        """Remove a colony with all that belongs to it, as one step. Raises NotFoundError.

        Users, executors, functions, locations, processes in and out of graphs with their
        attributes, process graphs, generators and their args, crons, logs, files and snapshots go;
        blueprints, their definitions and their history stay. What is added under the colony's name
        meanwhile comes after this.
        """
        _ = self._data
        check_texts(colony_name=colony_name)

        def step(run: Step) -> None:
            found = run.find("colonies", {"name": colony_name})
            if not found:
                raise NotFoundError(f"there is no colony {colony_name!r}")
            run.delete("colonies", found[0].id)
            for name in _BELONGINGS:
                run.remove(name, {"colonyname": colony_name})
            remove_generators_of(run, colony_name)
            remove_processes(run, {"colonyname": colony_name})
            run.remove("attributes", {"targetcolonyname": colony_name})

        self._atomically(step)


def _colony(document: Document) -> Colony:
    return Colony(colonyid=document["colonyid"], name=document["name"])

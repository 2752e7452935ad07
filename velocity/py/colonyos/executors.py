"""Executors: who runs processes, unique by name in their colony.

One that was removed keeps its record as UNREGISTERED, until one of its name comes back. Their ids
are not unique: what is read by an id is the oldest, what is changed by one is all that have it.
"""

from __future__ import annotations

from typing import Any

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.colonyos.constants import APPROVED, PENDING, REJECTED, UNREGISTERED
from velocity.py.colonyos.requeueing import requeue
from velocity.py.colonyos.store import (
    Step,
    Store,
    check_texts,
    checked,
    checked_int,
    id_or_new,
    insert_once,
    now,
)
from velocity.py.colonyos.types.identity import Allocations, Capabilities, Executor
from velocity.py.ids import new_id

_REGISTERED = {"state": {"$ne": UNREGISTERED}}


class Executors(Store):
    """Executors of colonies, which need not exist."""

    def add_executor(self, executor: Executor) -> None:
        """Add an executor, or register one again whose name's holder is UNREGISTERED.

        It is stored as PENDING, commissioned now, whatever the object says, which gets a new
        executorid if its own is empty. Registered again it takes the place of the old one and keeps
        that one's requirefuncreg. Of many at once one succeeds.
        Raises SchemaError, and DuplicateKeyError when the colony has an executor of that name.
        """
        data = self._data
        checked(executor, Executor, "executor")
        id = id_or_new(executor.executorid, "executor.executorid")
        check_texts(colonyname=executor.colonyname, executorname=executor.executorname)
        named = {"colonyname": executor.colonyname, "executorname": executor.executorname}
        renewed = {
            "executorid": id,
            "executortype": executor.executortype,
            "state": PENDING,
            "commissiontime": now(),
            "lastheardfromtime": executor.lastheardfromtime,
            "locationname": executor.locationname,
            "capabilities": _capabilities_text(executor.capabilities),
            "allocations": _allocations_text(executor.allocations),
            "blueprintid": executor.blueprintid,
            "blueprintgen": executor.blueprintgen,
        }
        only_new = {
            **named,
            "requirefuncreg": executor.requirefuncreg,
            "sequence": data.sequence.next(),
        }
        removed = {**named, "state": UNREGISTERED}
        if data.executors.find_one_and_update(removed, renewed) is None:
            what = f"executor {executor.executorname!r} of colony {executor.colonyname!r}"
            insert_once(data.executors, new_id(), {**renewed, **only_new}, what)
        executor.executorid = id

    def set_allocations(
        self, colony_name: str, executor_name: str, allocations: Allocations
    ) -> None:
        """Replace an executor's allocations. Raises SchemaError, NotFoundError."""
        _ = self._data
        self._set(colony_name, executor_name, {"allocations": _allocations_text(allocations)})

    def update_executor_capabilities(
        self, colony_name: str, executor_name: str, capabilities: Capabilities
    ) -> None:
        """Replace an executor's hardware and software. Raises SchemaError, NotFoundError."""
        _ = self._data
        self._set(colony_name, executor_name, {"capabilities": _capabilities_text(capabilities)})

    def get_executors(self) -> list[Executor]:
        """The executors of all colonies but those UNREGISTERED, in the order of adding."""
        return [_executor(each) for each in self._data.executors.find(_REGISTERED, "sequence")]

    def get_executor_by_id(self, executor_id: str) -> Executor | None:
        """The oldest executor with this id, of any colony and in any state."""
        data = self._data
        check_texts(executor_id=executor_id)
        found = data.executors.find_one({"executorid": executor_id}, "sequence")
        return None if found is None else _executor(found)

    def get_executors_by_colony_name(self, colony_name: str) -> list[Executor]:
        """The executors of a colony in any state, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        found = data.executors.find({"colonyname": colony_name}, "sequence")
        return [_executor(each) for each in found]

    def get_executor_by_name(self, colony_name: str, executor_name: str) -> Executor | None:
        """The executor of the colony with this name, in any state."""
        data = self._data
        check_texts(colony_name=colony_name, executor_name=executor_name)
        found = data.executors.find_one(_named(colony_name, executor_name))
        return None if found is None else _executor(found)

    def get_executors_by_blueprint_id(self, blueprint_id: str) -> list[Executor]:
        """The executors of a blueprint in any state, in the order of adding."""
        data = self._data
        check_texts(blueprint_id=blueprint_id)
        found = data.executors.find({"blueprintid": blueprint_id}, "sequence")
        return [_executor(each) for each in found]

    def approve_executor(self, executor: Executor) -> None:
        """Make the executor of this object's id APPROVED, stored and on the object."""
        self._decide(executor, APPROVED)

    def reject_executor(self, executor: Executor) -> None:
        """Make the executor of this object's id REJECTED, stored and on the object."""
        self._decide(executor, REJECTED)

    def mark_alive(self, executor: Executor) -> None:
        """Set, in the database only, when the executor of this object's id was last heard from."""
        data = self._data
        wanted = {"executorid": _id(executor)}
        data.executors.update_where(wanted, {"lastheardfromtime": now()})

    def change_executor_id(
        self, colony_name: str, old_executor_id: str, new_executor_id: str
    ) -> None:
        """Give an executor of the colony another id; nothing when none has the old one.

        Processes that are or were assigned to it keep the old one.
        """
        data = self._data
        check_texts(
            colony_name=colony_name,
            old_executor_id=old_executor_id,
            new_executor_id=new_executor_id,
        )
        data.executors.update_where(
            {"executorid": old_executor_id, "colonyname": colony_name},
            {"executorid": new_executor_id},
        )

    def remove_executor_by_name(self, colony_name: str, executor_name: str) -> None:
        """Make an executor UNREGISTERED and keep its record. Raises NotFoundError.

        In the same step its functions go, and the processes that it runs go back to the queue;
        those that it has finished keep its id.
        """
        data = self._data
        check_texts(colony_name=colony_name, executor_name=executor_name)
        named = _named(colony_name, executor_name)

        def step(run: Step) -> None:
            found = run.find("executors", named)
            if not found:
                raise _missing(colony_name, executor_name)
            run.update("executors", found[0].id, {"state": UNREGISTERED})
            requeue(run, data, {"assignedexecutorid": found[0]["executorid"]})
            run.remove("functions", named)

        self._atomically(step)

    def remove_executors_by_colony_name(self, colony_name: str) -> None:
        """Remove the records of a colony's executors.

        In the same step the colony's functions go, and its running processes go back to the queue.
        """
        data = self._data
        check_texts(colony_name=colony_name)
        wanted = {"colonyname": colony_name}

        def step(run: Step) -> None:
            run.remove("executors", wanted)
            requeue(run, data, wanted)
            run.remove("functions", wanted)

        self._atomically(step)

    def count_executors(self) -> int:
        """The number of executors of all colonies but those UNREGISTERED."""
        return self._data.executors.count(_REGISTERED)

    def count_executors_by_colony_name(self, colony_name: str) -> int:
        """The number of executors of a colony in any state."""
        data = self._data
        check_texts(colony_name=colony_name)
        return data.executors.count({"colonyname": colony_name})

    def count_executors_by_colony_name_and_state(self, colony_name: str, state: int) -> int:
        """The number of executors of a colony in a state."""
        data = self._data
        check_texts(colony_name=colony_name)
        wanted = {"colonyname": colony_name, "state": checked_int(state, "state")}
        return data.executors.count(wanted)

    def _set(self, colony_name: str, executor_name: str, fields: dict[str, Any]) -> None:
        check_texts(colony_name=colony_name, executor_name=executor_name)
        named = _named(colony_name, executor_name)
        if self._data.executors.find_one_and_update(named, fields) is None:
            raise _missing(colony_name, executor_name)

    def _decide(self, executor: Executor, state: int) -> None:
        data = self._data
        if data.executors.update_where({"executorid": _id(executor)}, {"state": state}):
            executor.state = state


def _named(colony_name: str, executor_name: str) -> dict[str, str]:
    return {"colonyname": colony_name, "executorname": executor_name}


def _missing(colony_name: str, executor_name: str) -> NotFoundError:
    return NotFoundError(f"there is no executor {executor_name!r} in colony {colony_name!r}")


def _id(executor: Executor) -> str:
    id = checked(executor, Executor, "executor").executorid
    check_texts(executorid=id)
    return id


def _capabilities_text(capabilities: Capabilities) -> str:
    return checked(capabilities, Capabilities, "capabilities").to_json()


def _allocations_text(allocations: Allocations) -> str:
    return checked(allocations, Allocations, "allocations").to_json()


def _executor(document: Document) -> Executor:
    return Executor(
        executorid=document["executorid"],
        executortype=document["executortype"],
        executorname=document["executorname"],
        colonyname=document["colonyname"],
        state=document["state"],
        requirefuncreg=document["requirefuncreg"],
        commissiontime=document["commissiontime"],
        lastheardfromtime=document["lastheardfromtime"],
        locationname=document["locationname"],
        capabilities=Capabilities.from_json(document["capabilities"]),
        allocations=Allocations.from_json(document["allocations"]),
        blueprintid=document["blueprintid"],
        blueprintgen=document["blueprintgen"],
    )

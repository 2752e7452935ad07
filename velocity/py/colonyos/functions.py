"""Functions that executors offer, and their statistics."""

from __future__ import annotations

from typing import Any

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.colonyos.json_values import read_json, write_json
from velocity.py.colonyos.store import (
    Store,
    check_texts,
    checked,
    checked_int,
    delete_by_id,
    document_by_id,
    id_or_new,
    insert_once,
)
from velocity.py.colonyos.types.identity import Function, FunctionArg


class Functions(Store):
    """Functions by id; an executor may offer the same name several times."""

    def add_function(self, function: Function) -> None:
        """Add a function; an empty functionid gets a new one, on the object, too.

        Raises SchemaError, and DuplicateKeyError when the id is taken.
        """
        data = self._data
        fields = _fields(function)
        id = id_or_new(function.functionid, "function.functionid")
        fields["sequence"] = data.sequence.next()
        insert_once(data.functions, id, fields, f"function {id!r}")
        function.functionid = id

    def update_function(self, function: Function) -> None:
        """Replace the whole function of this id. Raises SchemaError, NotFoundError."""
        data = self._data
        fields = _fields(function)
        check_texts(functionid=function.functionid)
        if data.functions.find_one_and_update({"_id": function.functionid}, fields) is None:
            raise NotFoundError(f"there is no function {function.functionid!r}")

    def get_function_by_id(self, function_id: str) -> Function | None:
        """The function with this id."""
        data = self._data
        check_texts(function_id=function_id)
        found = document_by_id(data.functions, function_id)
        return None if found is None else _function(found)

    def get_functions(self, colony_name: str) -> list[Function]:
        """The functions of a colony, in the order of adding."""
        return self.get_functions_by_colony_name(colony_name)

    def get_functions_by_colony_name(self, colony_name: str) -> list[Function]:
        """The functions of a colony, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        found = data.functions.find({"colonyname": colony_name}, "sequence")
        return [_function(each) for each in found]

    def get_functions_by_executor_name(
        self, colony_name: str, executor_name: str
    ) -> list[Function]:
        """The functions of an executor, in the order of adding."""
        return self.get_functions_by_executor_names(colony_name, [executor_name])

    def get_functions_by_executor_names(
        self, colony_name: str, executor_names: list[str]
    ) -> list[Function]:
        """The functions of any of these executors, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        for name in checked(executor_names, list, "executor_names"):
            check_texts(executor_name=name)
        wanted = {"colonyname": colony_name, "executorname": {"$in": executor_names}}
        return [_function(each) for each in data.functions.find(wanted, "sequence")]

    def get_functions_by_executor_and_name(
        self, colony_name: str, executor_name: str, name: str
    ) -> Function | None:
        """The oldest function of this name that the executor offers: one, not several."""
        wanted = self._named(colony_name, executor_name, name)
        found = self._data.functions.find_one(wanted, "sequence")
        return None if found is None else _function(found)

    def count_functions_by_colony_name(self, colony_name: str) -> int:
        """The number of functions of a colony."""
        data = self._data
        check_texts(colony_name=colony_name)
        return data.functions.count({"colonyname": colony_name})

    def update_function_stats(
        self,
        colony_name: str,
        executor_name: str,
        name: str,
        counter: int,
        min_wait_time: float,
        max_wait_time: float,
        min_exec_time: float,
        max_exec_time: float,
        avg_wait_time: float,
        avg_exec_time: float,
    ) -> None:
        """Set the statistics of every function of this name that the executor offers.

        counter: calls. Times: seconds. Raises SchemaError.
        """
        self._data.functions.update_where(
            self._named(colony_name, executor_name, name),
            {
                "counter": checked_int(counter, "counter"),
                "minwaittime": _seconds(min_wait_time, "min_wait_time"),
                "maxwaittime": _seconds(max_wait_time, "max_wait_time"),
                "minexectime": _seconds(min_exec_time, "min_exec_time"),
                "maxexectime": _seconds(max_exec_time, "max_exec_time"),
                "avgwaittime": _seconds(avg_wait_time, "avg_wait_time"),
                "avgexectime": _seconds(avg_exec_time, "avg_exec_time"),
            },
        )

    def remove_function_by_id(self, function_id: str) -> None:
        """Remove the function with this id, if there is one."""
        data = self._data
        check_texts(function_id=function_id)
        delete_by_id(data.functions, function_id)

    def remove_function_by_name(self, colony_name: str, executor_name: str, name: str) -> None:
        """Remove every function of this name that the executor offers."""
        self._data.functions.delete_where(self._named(colony_name, executor_name, name))

    def remove_functions_by_executor_name(self, colony_name: str, executor_name: str) -> None:
        """Remove all functions of an executor."""
        data = self._data
        check_texts(colony_name=colony_name, executor_name=executor_name)
        data.functions.delete_where({"colonyname": colony_name, "executorname": executor_name})

    def remove_functions_by_colony_name(self, colony_name: str) -> None:
        """Remove all functions of a colony."""
        data = self._data
        check_texts(colony_name=colony_name)
        data.functions.delete_where({"colonyname": colony_name})

    def remove_functions(self) -> None:
        """Remove every function of every colony."""
        self._atomically(lambda step: step.remove("functions"))

    def _named(self, colony_name: str, executor_name: str, name: str) -> dict[str, str]:
        _ = self._data
        check_texts(colony_name=colony_name, executor_name=executor_name, name=name)
        return {"colonyname": colony_name, "executorname": executor_name, "funcname": name}


def _seconds(value: float, what: str) -> float:
    return value if isinstance(value, float) else float(checked_int(value, what))


def _fields(function: Function) -> dict[str, Any]:
    """All but the id and the order of adding."""
    checked(function, Function, "function")
    for arg in checked(function.args, list, "function.args"):
        checked(arg, FunctionArg, "function.args")
    return {
        "executorname": function.executorname,
        "executortype": function.executortype,
        "colonyname": function.colonyname,
        "funcname": function.funcname,
        "description": function.description,
        "args": write_json([arg.to_dict() for arg in function.args], "function.args"),
        "counter": function.counter,
        "minwaittime": function.minwaittime,
        "maxwaittime": function.maxwaittime,
        "minexectime": function.minexectime,
        "maxexectime": function.maxexectime,
        "avgwaittime": function.avgwaittime,
        "avgexectime": function.avgexectime,
        "locationname": function.locationname,
    }


def _function(document: Document) -> Function:
    return Function(
        functionid=document.id,
        executorname=document["executorname"],
        executortype=document["executortype"],
        colonyname=document["colonyname"],
        funcname=document["funcname"],
        description=document["description"],
        args=[FunctionArg.read(arg, True) for arg in read_json(document["args"], "args")],
        counter=document["counter"],
        minwaittime=document["minwaittime"],
        maxwaittime=document["maxwaittime"],
        minexectime=document["minexectime"],
        maxexectime=document["maxexectime"],
        avgwaittime=document["avgwaittime"],
        avgexectime=document["avgexectime"],
        locationname=document["locationname"],
    )

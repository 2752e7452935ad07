"""Which processes an executor may have, as a filter that the index `queue` answers in order."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from velocity.py.colonyos.collections import CLAIMABLE
from velocity.py.colonyos.store import check_texts, checked

RESOURCE_MAX = 2**63 - 1  # of one that is not stated: as much as any process wants
COUNT_MAX = 127  # of nodes and processes, likewise
QUEUE_ORDER = ["prioritytime", "sequence"]


def candidates(
    colony_name: str, executor_type: str, names: tuple[str | None, ...], location: str,
    cpu: int, memory: int, storage: int, nodes: int, processes: int, processes_per_node: int,
) -> Mapping[str, Any]:  # fmt: skip
    """The filter of the processes of some pools: None, the general one, and those of names.

    Executors ask again and again, so filters are kept: none may be changed. Raises SchemaError.
    """
    given = (colony_name, executor_type, names, location, cpu, memory, storage, nodes, processes,
             processes_per_node)  # fmt: skip
    try:
        return _kept(*given)
    except TypeError:  # an argument that has no hash: it is of a wrong type
        return _made(*given)


def _made(
    colony_name: str, executor_type: str, names: tuple[str | None, ...], location: str,
    cpu: int, memory: int, storage: int, nodes: int, processes: int, processes_per_node: int,
) -> Mapping[str, Any]:  # fmt: skip
    check_texts(
        colony_name=colony_name, executor_type=executor_type, executor_location=location
    )
    for name in names:
        if name is not None:
            check_texts(executor_name=name)
    sizes = {"cpu": cpu, "mem": memory, "storage": storage, "nodes": nodes,
             "processes": processes, "processespernode": processes_per_node}  # fmt: skip
    for what, size in sizes.items():
        checked(size, int, what)
    if nodes == processes == processes_per_node:  # as when none is stated: one condition for three
        sizes = {"cpu": cpu, "mem": memory, "storage": storage, "countmax": nodes}
    return {
        "colonyname": colony_name,
        "executortype": executor_type,
        "executornames": {"$in": list(names)} if len(names) > 1 else names[0],
        "locationname": {"$in": ["", location.casefold()]} if location else "",
        **CLAIMABLE,
        **{what: {"$lte": size} for what, size in sizes.items() if size < RESOURCE_MAX},
    }


_kept = lru_cache(1024, typed=True)(_made)

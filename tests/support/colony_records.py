"""Documents of the ColonyOS adapter's collections, written past its methods."""

from __future__ import annotations

from typing import Any

from velocity.py.colonyos.collections import BOOL, FLOAT, INT, LAYOUTS, STRING, TIME
from velocity.py.colonyos.constants import ZERO_TIME

UNSET = {STRING: "", INT: 0, FLOAT: 0.0, BOOL: False, TIME: ZERO_TIME}
STAYS = {"blueprints", "blueprintdefinitions", "blueprinthistory"}
REMOVED = set(LAYOUTS) - STAYS - {"security"}  # with a colony
_BELONGS_BY = {
    "colonies": "name", "attributes": "targetcolonyname", "blueprints": "namespace",
    "blueprintdefinitions": "namespace", "blueprinthistory": "blueprintid",
}  # fmt: skip


def put_record(adapter: Any, collection: str, id: str, **fields: Any) -> None:
    """A document with these fields, and all others of its collection unset."""
    layout = LAYOUTS[collection]
    unset = {
        name: UNSET[type] if type in UNSET else [] for name, type in layout.fields.items()
        if name not in layout.optional
    }  # fmt: skip
    adapter._data.db[collection].put(id, {**unset, **fields})


def fill_colony(adapter: Any, colony: str, each: int = 3) -> None:
    """Put some of everything under a colony's name."""
    for name in (*REMOVED, *STAYS):
        for number in range(1 if name == "colonies" else each):
            id = f"{colony} {name} {number}"
            fields: dict[str, Any] = {_BELONGS_BY.get(name, "colonyname"): colony}
            for field, type in LAYOUTS[name].fields.items():
                if type is STRING:
                    fields.setdefault(field, id)  # unique names, too
            if name == "processes" and number % 2:
                fields["processgraphid"] = ""
            if name == "attributes":
                fields["targetid"] = f"{colony} processes {number}"
            put_record(adapter, name, id, **fields)


def belongings(adapter: Any, colony: str) -> dict[str, set[str]]:
    """The ids of all that is under a colony's name, by collection."""
    found = {}
    for name in (*REMOVED, *STAYS):
        filter = {_BELONGS_BY.get(name, "colonyname"): colony}
        found[name] = {each.id for each in adapter._data.db[name].find(filter)}
    return found

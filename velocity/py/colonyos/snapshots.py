"""Snapshots: which files a label and the labels below it had at one moment, by their ids.

A snapshot stays as it is when its files are removed.
"""

from __future__ import annotations

from typing import Any

from velocity._core.document import Document
from velocity._core.errors import ConflictError, DuplicateKeyError, NotFoundError, UniqueError
from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.documents import all_where, count_where, first_where, remove_where
from velocity.py.colonyos.file_labels import at_or_below, is_at_or_below
from velocity.py.colonyos.identifiers import random_id
from velocity.py.colonyos.sequence import FILES, counter
from velocity.py.colonyos.store import (
    Data,
    Step,
    Store,
    check_texts,
    checked,
    id_or_new,
    insert_once,
    now,
)
from velocity.py.colonyos.types.content import Snapshot

_STORED = ("colonyname", "label", "name", "fileids", "added")


class Snapshots(Store):
    """Snapshots, unique by id and by name in their colony."""

    def create_snapshot(self, colony_name: str, label: str, name: str) -> Snapshot:
        """Take a snapshot of the newest file of each name under a label and the labels below it.

        One "/" at the end of the label is dropped. The ids are ordered by label, then name; there
        are none if no file has that very label. Raises DuplicateKeyError for a name that is taken.
        """
        data = self._data
        check_texts(colony_name=colony_name, label=label, name=name)
        snapshot = Snapshot(
            snapshotid=random_id(), colonyname=colony_name, label=label.removesuffix("/"), name=name
        )

        def take(step: Step) -> None:
            snapshot.added = now()
            snapshot.fileids = _newest_files(data, step, colony_name, snapshot.label)
            step.insert("snapshots", snapshot.snapshotid, _fields(data, snapshot))

        try:
            self._atomically(take)
        except UniqueError:
            raise DuplicateKeyError(f"{_named(snapshot)} already exists") from None
        return snapshot

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Add a snapshot as it is; an empty id becomes a new one, and added ZERO_TIME now.

        Raises SchemaError, and DuplicateKeyError for an id or a name in the colony that is taken.
        """
        data = self._data
        checked(snapshot, Snapshot, "snapshot")
        id = id_or_new(snapshot.snapshotid, "snapshot.snapshotid")
        fields = _fields(data, snapshot)
        if snapshot.added == ZERO_TIME:
            fields["added"] = now()
        insert_once(data.snapshots, id, fields, f"{_named(snapshot)} or of id {id!r}")
        snapshot.snapshotid = id

    def get_snapshot_by_id(self, colony_name: str, snapshot_id: str) -> Snapshot:
        """The colony's snapshot of that id. Raises NotFoundError."""
        found = first_where(self._data.snapshots, {"_id": snapshot_id, "colonyname": colony_name})
        if found is None:
            raise NotFoundError(f"colony {colony_name!r} has no snapshot of id {snapshot_id!r}")
        return _snapshot(found)

    def get_snapshot_by_name(self, colony_name: str, name: str) -> Snapshot:
        """The colony's snapshot of that name. Raises NotFoundError."""
        found = first_where(self._data.snapshots, {"colonyname": colony_name, "name": name})
        if found is None:
            raise NotFoundError(f"colony {colony_name!r} has no snapshot {name!r}")
        return _snapshot(found)

    def get_snapshots_by_colony_name(self, colony_name: str) -> list[Snapshot]:
        """The colony's snapshots, the newest first."""
        return _snapshots(self._data, ["-added", "-sequence"], colony_name)

    def get_snapshots(self, colony_name: str) -> list[Snapshot]:
        """The colony's snapshots, in the order of adding."""
        return _snapshots(self._data, ["sequence"], colony_name)

    def count_snapshots_by_colony_name(self, colony_name: str) -> int:
        """How many snapshots the colony has."""
        return count_where(self._data.snapshots, {"colonyname": colony_name})

    def remove_snapshot_by_id(self, colony_name: str, snapshot_id: str) -> None:
        """Remove the colony's snapshot of that id; its files stay."""
        remove_where(self._data.snapshots, {"_id": snapshot_id, "colonyname": colony_name})

    def remove_snapshot_by_name(self, colony_name: str, name: str) -> None:
        """Remove the colony's snapshot of that name; its files stay."""
        remove_where(self._data.snapshots, {"colonyname": colony_name, "name": name})

    def remove_snapshots_by_colony_name(self, colony_name: str) -> None:
        """Remove the colony's snapshots; their files stay."""
        remove_where(self._data.snapshots, {"colonyname": colony_name})

    def remove_all_snapshots_by_colony_name(self, colony_name: str) -> None:
        """Remove the colony's snapshots; their files stay."""
        remove_where(self._data.snapshots, {"colonyname": colony_name})


def _newest_files(data: Data, step: Step, colony_name: str, label: str) -> list[str]:
    """The ids of a snapshot of the moment at which the number of the last file is read.

    Files added later have higher numbers and are left out. Of files removed later those met are
    found out by the transaction; others may be missed, which must not be when what came in their
    place is left out. Each removal is a change by which the collection does not grow. Raises
    ConflictError for it.
    """
    files = data.files
    changes, size = files.change_count, len(files)
    last = counter(data.security, FILES)
    wanted = {"colonyname": colony_name, "label": at_or_below(label), "sequencenr": {"$lte": last}}
    found = step.find("files", wanted, sort=["label", "name", "sequencenr"])
    grown = len(files) - size  # read before the changes are, and above after them
    if files.change_count - changes > grown:
        raise ConflictError("files were removed while a snapshot was taken")
    newest = {
        (each["label"], each["name"]): each.id
        for each in found
        if is_at_or_below(each["label"], label)
    }
    return list(newest.values()) if found and found[0]["label"] == label else []


def _snapshots(data: Data, order: list[str], colony_name: str) -> list[Snapshot]:
    found = all_where(data.snapshots, {"colonyname": colony_name}, order)
    return [_snapshot(each) for each in found]


def _fields(data: Data, snapshot: Snapshot) -> dict[str, Any]:
    fields: dict[str, Any] = {name: getattr(snapshot, name) for name in _STORED}
    fields["sequence"] = data.sequence.next()
    return fields


def _snapshot(document: Document) -> Snapshot:
    return Snapshot(snapshotid=document.id, **{name: document[name] for name in _STORED})


def _named(snapshot: Snapshot) -> str:
    return f"a snapshot {snapshot.name!r} of colony {snapshot.colonyname!r}"

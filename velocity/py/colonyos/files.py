"""Files: what the revisions of each file are and where their bytes lie.

Files of one colony, label and name are revisions of one file; the newest has the highest
`sequencenr`. That number comes from a counter of the database, which goes on over all colonies and
never back. What is asked by label alone is in file_labels.py.
"""

from __future__ import annotations

from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.documents import all_where, by_id, count_where, remove_where
from velocity.py.colonyos.sequence import FILES, add_to_counter
from velocity.py.colonyos.store import (
    Data,
    Store,
    check_texts,
    checked,
    id_or_new,
    insert_once,
    now,
)
from velocity.py.colonyos.types.content import File, FileData, Reference

_STORED = ("colonyname", "label", "name", "size", "checksum", "checksumalg")
_PROTOCOL = "s3"  # the only one


class Files(Store):
    """Revisions of files."""

    def add_file(self, file: File) -> None:
        """Add a file as the newest revision of its name under its label.

        sequencenr and added are the database's, whatever the object says. An empty id becomes a
        new one. Raises SchemaError, and DuplicateKeyError for an id that is taken.
        """
        data = self._data
        checked(file, File, "file")
        id = id_or_new(file.fileid, "file.fileid")
        fields: dict[str, Any] = {name: getattr(file, name) for name in _STORED}
        fields["ref"] = checked(file.ref, Reference, "file.ref").to_json()
        fields["sequencenr"] = add_to_counter(data.security, FILES, 1)
        fields["added"] = now()
        insert_once(data.files, id, fields, f"a file of id {id!r}")
        file.fileid = id

    def get_file_by_id(self, colony_name: str, file_id: str) -> File | None:
        """The colony's file of that id, None when absent."""
        files = self._data.files
        check_texts(colony_name=colony_name)
        found = by_id(files, file_id)
        return _file(found) if found is not None and found["colonyname"] == colony_name else None

    def get_latest_file_by_name(self, colony_name: str, label: str, name: str) -> list[File]:
        """A list of the newest revision, empty when there is none."""
        return _revisions(self._data, colony_name, label, name, 1)

    def get_file_by_name(self, colony_name: str, label: str, name: str) -> list[File]:
        """Every revision, the newest first."""
        return _revisions(self._data, colony_name, label, name, None)

    def get_files(self, colony_name: str) -> list[File]:
        """Every revision of every file of the colony, in the order of adding."""
        return _added(self._data, colonyname=colony_name)

    def get_files_by_colony_name(self, colony_name: str) -> list[File]:
        """Every revision of every file of the colony, in the order of adding."""
        return _added(self._data, colonyname=colony_name)

    def get_files_by_label(self, colony_name: str, label: str) -> list[File]:
        """Every revision under that very label, in the order of adding."""
        return _added(self._data, colonyname=colony_name, label=label)

    def get_files_by_name(self, colony_name: str, name: str) -> list[File]:
        """Every revision of that name under any label, in the order of adding."""
        return _added(self._data, colonyname=colony_name, name=name)

    def get_filenames_by_label(self, colony_name: str, label: str) -> list[str]:
        """The names under that very label, sorted, each once."""
        return list(_newest(self._data, colony_name, label))

    def get_file_data_by_label(self, colony_name: str, label: str) -> list[FileData]:
        """The newest revision of each name under that very label, sorted by name."""
        return [_file_data(each) for each in _newest(self._data, colony_name, label).values()]

    def count_files(self, colony_name: str) -> int:
        """How many revisions the colony has."""
        return count_where(self._data.files, {"colonyname": colony_name})

    def count_files_by_colony_name(self, colony_name: str) -> int:
        """How many revisions the colony has."""
        return count_where(self._data.files, {"colonyname": colony_name})

    def count_files_with_label(self, colony_name: str, label: str) -> int:
        """How many revisions there are under that very label."""
        return count_where(self._data.files, {"colonyname": colony_name, "label": label})

    def remove_file_by_id(self, colony_name: str, file_id: str) -> None:
        """Remove one revision."""
        remove_where(self._data.files, {"_id": file_id, "colonyname": colony_name})

    def remove_file_by_name(self, colony_name: str, label: str, name: str) -> None:
        """Remove every revision of one file."""
        remove_where(self._data.files, {"colonyname": colony_name, "label": label, "name": name})

    def remove_files_by_colony_name(self, colony_name: str) -> None:
        """Remove every revision of every file of the colony."""
        remove_where(self._data.files, {"colonyname": colony_name})

    def remove_files_by_label(self, colony_name: str, label: str) -> None:
        """Remove every revision under that very label."""
        remove_where(self._data.files, {"colonyname": colony_name, "label": label})

    def remove_files_by_name(self, colony_name: str, name: str) -> None:
        """Remove every revision of that name under any label."""
        remove_where(self._data.files, {"colonyname": colony_name, "name": name})


def _revisions(
    data: Data, colony_name: str, label: str, name: str, most: int | None
) -> list[File]:
    wanted = {"colonyname": colony_name, "label": label, "name": name}
    return [_file(each) for each in all_where(data.files, wanted, "-sequencenr", most)]


def _added(data: Data, **wanted: str) -> list[File]:
    return [_file(each) for each in all_where(data.files, wanted, "sequencenr")]


def _newest(data: Data, colony_name: str, label: str) -> dict[str, Document]:
    """The newest revision by name, sorted."""
    order = ["name", "sequencenr"]
    found = all_where(data.files, {"colonyname": colony_name, "label": label}, order)
    return {each["name"]: each for each in found}


def _file(document: Document) -> File:
    return File(
        fileid=document.id,
        sequencenr=document["sequencenr"],
        added=document["added"],
        ref=_reference(document),
        **{name: document[name] for name in _STORED},
    )


def _file_data(document: Document) -> FileData:
    return FileData(
        name=document["name"],
        checksum=document["checksum"],
        size=document["size"],
        s3filename=_reference(document).s3object.object,
    )


def _reference(document: Document) -> Reference:
    reference = Reference.from_json(document["ref"])
    reference.protocol = _PROTOCOL
    return reference

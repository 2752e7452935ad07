"""Labels of files: paths such as /a/b, each with how many revisions lie under that very label.

A label exists as long as a file has it. /d is not above /demo, but above /d/emo.
"""

from __future__ import annotations

import re
from typing import Any

from velocity.py.colonyos.documents import count_where
from velocity.py.colonyos.store import Data, Store, check_texts, checked
from velocity.py.colonyos.types.content import Label


class FileLabels(Store):
    """What labels a colony's files have."""

    def get_file_labels(self, colony_name: str) -> list[Label]:
        """All labels, sorted by name."""
        _ = self._data
        check_texts(colony_name=colony_name)
        return _labels(self._data, {"colonyname": colony_name})

    def get_file_labels_by_name(self, colony_name: str, name: str, exact: bool) -> list[Label]:
        """Labels that begin with a name, sorted.

        exact: only the label itself and those below it, and none if the label itself has no file.
        """
        _ = self._data
        check_texts(colony_name=colony_name, name=name)
        if not checked(exact, bool, "exact"):
            begins = {"$regex": "^" + re.escape(name)}
            return _labels(self._data, {"colonyname": colony_name, "label": begins})
        labels = _labels(self._data, {"colonyname": colony_name, "label": at_or_below(name)})
        labels = [each for each in labels if is_at_or_below(each.name, name)]
        return labels if labels and labels[0].name == name else []

    def get_file_label_by_name(self, colony_name: str, name: str) -> Label | None:
        """That very label, None when no file has it."""
        files = count_where(self._data.files, {"colonyname": colony_name, "label": name})
        return Label(name=name, files=files) if files else None


def at_or_below(label: str) -> dict[str, str]:
    """The range of labels that holds a label and those below it; few others lie in it."""
    return {"$gte": label, "$lt": label + chr(ord("/") + 1)}


def is_at_or_below(label: str, above: str) -> bool:
    """Whether a label is another one or lies below it."""
    return label == above or label.startswith(above + "/")


def _labels(data: Data, wanted: dict[str, Any]) -> list[Label]:
    groups = data.files.aggregate(
        [
            {"$match": wanted},
            {"$group": {"_id": "$label", "files": {"$count": {}}}},
            {"$sort": {"_id": 1}},
        ]
    )
    return [Label(name=each["_id"], files=each["files"]) for each in groups]

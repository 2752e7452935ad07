"""The server's id, and what concerns the adapter's data as a whole."""

from __future__ import annotations

from velocity._core.errors import DuplicateKeyError, NotFoundError
from velocity.py.colonyos.collections import LAYOUTS
from velocity.py.colonyos.store import Step, Store, check_texts

_SERVER = "server"  # the id of the document that holds the server's id


class Security(Store):
    """The server's id, drop, and the locks that are not needed."""

    def set_server_id(self, old_server_id: str, new_server_id: str) -> None:
        """Set the first id (old ""), or replace the old one if it is the one that is set.

        Raises DuplicateKeyError for a first id when one is set.
        """
        data = self._data
        check_texts(old_server_id=old_server_id, new_server_id=new_server_id)
        if old_server_id:
            data.security.compare_and_swap(
                _SERVER, expected={"value": old_server_id}, value={"value": new_server_id}
            )
            return
        try:
            data.security.insert(_SERVER, {"value": new_server_id})
        except DuplicateKeyError:
            raise DuplicateKeyError("a server id already exists") from None

    def get_server_id(self) -> str:
        """The server's id. Raises NotFoundError when none was set."""
        document = self._data.security.get(_SERVER)
        if document is None:
            raise NotFoundError("no server id was set")
        id: str = document["value"]
        return id

    def drop(self) -> None:
        """Remove all of the adapter's data as one step; the adapter is empty then, and usable.

        Its counters go on, so that no number is given twice.
        """

        def step(run: Step) -> None:
            for name in LAYOUTS:
                if name != "security":
                    run.remove(name)
            run.delete("security", _SERVER)

        self._atomically(step)

    def is_enabled(self) -> bool:
        """True: the adapter is in use."""
        _ = self._data
        return True

    def lock(self, timeout: int) -> None:
        """Nothing: every method is one atomic step without it."""
        _ = self._data

    def unlock(self) -> None:
        """Nothing, as lock()."""
        _ = self._data

"""ColonyOSAdapter: the groups of ColonyOS's database interface in one class."""

from __future__ import annotations

from velocity.py.colonyos.security import Security


class ColonyOSAdapter(
    Security,
):
    """ColonyOS's database interface on VelocityDB.

    Takes a Config, or an open VelocityDB, which close() leaves open; a context manager. Any thread
    may call any method; each is one atomic step. What it raises is a VelocityError: SchemaError for
    an argument of the wrong type, DatabaseClosedError after close(), and what its text names.
    """

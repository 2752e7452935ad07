"""The one error that the adapter adds to the database's."""

from __future__ import annotations

from velocity._core.errors import VelocityError


class ProcessStateError(VelocityError):
    """The process is in a state that forbids the step; nothing was changed."""

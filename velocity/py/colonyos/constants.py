"""Constants of ColonyOS, with the values that its server and its SDKs use."""

from __future__ import annotations

from datetime import datetime, timezone

# States of processes and process graphs.
WAITING, RUNNING, SUCCESS, FAILED, CANCELLED = range(5)

# States of executors; PENDING is that of an attribute whose process waits, too.
PENDING, APPROVED, REJECTED, UNREGISTERED = range(4)

# Types of attributes.
IN, OUT, ERR, ENV = range(4)

NOTSET = -1
ZERO_TIME = datetime(1, 1, 1, tzinfo=timezone.utc)  # Go's time that was not set

PRIORITY_MIN, PRIORITY_MAX = -50_000, 50_000  # the server checks them, the database does not

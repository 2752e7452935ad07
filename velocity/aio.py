"""asyncio: `await velocity.aio.open(...)` has the methods of VelocityDB as coroutines."""

from velocity.py.aio import AsyncCollection, AsyncTransaction, AsyncVelocityDB, open, verify
from velocity.py.aio_watch import AsyncWatch

__all__ = ["AsyncCollection", "AsyncTransaction", "AsyncVelocityDB", "AsyncWatch", "open", "verify"]

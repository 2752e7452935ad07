"""asyncio: `await velocity.aio.open(...)` has the methods of VelocityDB as coroutines."""

from velocity.py.aio import AsyncCollection, AsyncTransaction, AsyncVelocityDB, open, verify

__all__ = ["AsyncCollection", "AsyncTransaction", "AsyncVelocityDB", "open", "verify"]

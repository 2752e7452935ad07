"""asyncio: chunks of a scan, and on which thread a call runs."""

from __future__ import annotations

import asyncio
import threading

import pytest

import velocity
import velocity.aio
from velocity.py.collection import CHUNK


def test_a_scan_over_several_chunks_loses_nothing():
    async def main():
        async with velocity.aio.open() as db:
            users = await db.create_collection("users")
            await users.put_many((f"u{n:05}", {"n": n}) for n in range(3 * CHUNK + 1))
            return [doc["n"] async for doc in users.scan()]

    assert asyncio.run(main()) == list(range(3 * CHUNK + 1))


@pytest.mark.parametrize("reads,writes", [(False, False), (True, True), (False, True)])
def test_where_calls_run(reads, writes):
    """A call whose kind may wait runs on another thread, one that cannot runs here."""
    seen = {}

    async def main():
        async with velocity.aio.open() as db:
            db._runner.reads_may_wait, db._runner.writes_may_wait = reads, writes
            users = await db.create_collection("users")

            def here(name):
                class Watched(str):
                    __slots__ = ()

                    def __eq__(self, other):
                        seen[name] = threading.get_ident()
                        return str.__eq__(self, other)

                    __hash__ = str.__hash__

                return Watched("users")

            await db.put(here("write"), "a", {"n": 1})
            await db.get(here("read"), "a")
            await db.count(here("wait"))
            assert await users.count() == 1

    asyncio.run(main())
    own = threading.get_ident()
    assert set(seen) == {"read", "write", "wait"}
    assert (seen["read"] != own, seen["write"] != own, seen["wait"] != own) == (reads, writes, True)


def test_open_can_be_awaited_and_closed_twice():
    async def main():
        db = await velocity.aio.open()
        await db.close()
        await db.close()
        assert db.closed
        with pytest.raises(velocity.DatabaseClosedError):
            await db.list_collections()
        with pytest.raises(velocity.DatabaseClosedError):
            await db.__aenter__()
        assert "closed" in repr(db)

    asyncio.run(main())


def test_verify(tmp_path):
    async def main():
        async with velocity.aio.open(tmp_path / "d") as db:
            await db.create_collection("users")
        return await velocity.aio.verify(tmp_path / "d")

    assert asyncio.run(main()).ok

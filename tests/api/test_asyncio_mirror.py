"""velocity.aio: every method as a coroutine, and an event loop that never waits for the disk."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

import velocity
import velocity.aio
from support.store import contents
from velocity import (
    BatchOperation,
    CASRequest,
    Compare,
    ConflictError,
    DatabaseClosedError,
    DatabaseLockedError,
    DuplicateKeyError,
    NotFoundError,
)


@pytest.fixture
def settings(store):
    settings = store.settings()
    settings.setdefault("data_dir", None)
    return settings


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def test_open_by_await_and_by_async_with(settings):
    async def main():
        db = await velocity.aio.open(**settings)
        await db.create_collection("users")
        await db.insert("users", "a", {"n": 1})
        await db.close()
        await db.close()
        async with velocity.aio.open(**settings) as db:
            return await db.list_collections()

    assert run(main()) == ([] if settings["data_dir"] is None else ["users"])


def test_every_document_verb(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            users = await db.create_collection("users")
            assert await users.insert("a", {"n": 1}) == 1
            assert await users.put("a", {"n": 2}) == 2
            assert await users.update("a", {"m": 1}) == 3
            assert await users.update("a", {"$inc": {"n": 1}}) == 4
            assert await users.replace("a", {"n": 3}) == 5
            assert (await users.get("a")).fields == {"n": 3}
            assert await users.get("absent") is None
            made = await users.add({"n": 9})
            assert await users.insert_many([("b", {}), ("c", {})]) == 2
            assert await users.put_many([("b", {"n": 2})]) == 1
            assert [doc and doc.id for doc in await users.get_many(["b", "x"])] == ["b", None]
            assert {doc.id async for doc in users.scan()} == {"a", "b", "c", made}
            assert [doc.id async for doc in users.scan(prefix="b")] == ["b"]
            assert {id async for id in users} == {"a", "b", "c", made}
            assert await users.count() == 4
            assert await users.count({"n": 2}) == 1
            result = await users.compare_and_swap("a", {"n": 3}, {"n": 4})
            assert result.success
            assert await users.delete("a") is True
            assert await users.delete_many(["b", "c"]) == 2
            with pytest.raises(NotFoundError):
                await users.update("a", {})
            with pytest.raises(DuplicateKeyError):
                await users.insert(made, {})
            await users.clear()
            assert await users.count() == 0

    run(main())


def test_every_database_method(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            await db.create_collection("users")
            await db.create_collection("jobs")
            assert await db.list_collections() == ["jobs", "users"]
            await db.drop_collection("jobs")
            with pytest.raises(NotFoundError):
                await db.collection("jobs")
            users = await db.collection("users")
            assert users is db["users"] or users.name == db["users"].name == "users"
            await db.insert("users", "a", {"n": 1})
            await db.batch([BatchOperation("put", "users", id="b", fields={"n": 2})])
            assert (
                await db.compare_and_swap(
                    "users", CASRequest(key="a", expected={"n": 1}, value={"n": 5})
                )
            ).success
            result = await db.transact(
                compare=[Compare("users", "a", fields={"n": 5})],
                then=[BatchOperation("put", "users", id="c", fields={})],
                otherwise=[],
            )
            assert result.succeeded
            assert [doc.id async for doc in db.scan("users")] == ["a", "b", "c"]
            await db.flush()
            await db.compact()
            assert (await db.stats()).documents == 3
            assert (await db.health()).ok

    run(main())


def test_transactions(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            users = await db.create_collection("users")
            await users.put_many([("a", {"n": 1}), ("b", {"n": 2})])
            async with db.transaction() as tx:
                n = (await tx.get("users", "a"))["n"]
                await tx.update("users", "b", {"n": n + 10})
                await tx.insert("users", "c", {})
                assert [doc.id async for doc in tx.scan("users")] == ["a", "b", "c"]
            assert (await users.get("b"))["n"] == 11
            with pytest.raises(ConflictError):
                async with db.transaction() as tx:
                    await tx.get("users", "a")
                    await users.put("a", {"n": 5})
                    await tx.put("users", "b", {"n": 6})
            with pytest.raises(ZeroDivisionError):
                async with db.transaction() as tx:
                    await tx.put("users", "b", {"n": 7})
                    raise ZeroDivisionError
            assert (await users.get("b"))["n"] == 11

    run(main())


def test_after_close(settings):
    async def main():
        db = await velocity.aio.open(**settings)
        users = await db.create_collection("users")
        await users.insert("a", {})
        await db.close()
        for call in (users.get, users.delete):
            with pytest.raises(DatabaseClosedError):
                await call("a")
        for call in (
            lambda: users.put("a", {}),
            lambda: users.put_many([("a", {})]),
            lambda: users.get_many(["a"]),
            lambda: db.list_collections(),
            lambda: db.stats(),
            lambda: db.flush(),
            lambda: db.create_collection("more"),
        ):
            with pytest.raises(DatabaseClosedError):
                await call()

    run(main())


def test_refusals_of_open(settings, store):
    async def main():
        with pytest.raises(velocity.ConfigError, match="colour"):
            async with velocity.aio.open(**settings, colour="red"):
                pass
        if settings["data_dir"]:
            async with velocity.aio.open(**settings):
                with pytest.raises(DatabaseLockedError):
                    await velocity.aio.open(**settings)

    run(main())


def test_every_method_is_mirrored():
    """What VelocityDB and Collection have, their mirrors have with the same parameters, as coroutines."""
    pairs = [
        (velocity.VelocityDB, velocity.aio.AsyncVelocityDB),
        (velocity.Collection, velocity.aio.AsyncCollection),
    ]
    for sync, mirror in pairs:
        names = {name for name in dir(sync) if not name.startswith("_")}
        assert names <= set(dir(mirror)), names - set(dir(mirror))
        for name in names:
            if callable(getattr(sync, name)) and name not in ("transaction", "watch"):
                method = getattr(mirror, name)
                assert inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method), (
                    name
                )


def test_many_tasks_at_once(settings):
    async def main():
        async with velocity.aio.open(**settings) as db:
            users = await db.create_collection("users")
            await users.insert("counter", {"n": 0})

            async def count(task):
                for n in range(20):
                    while True:
                        current = (await users.get("counter"))["n"]
                        result = await users.compare_and_swap(
                            "counter", {"n": current}, {"n": current + 1}
                        )
                        if result.success:
                            break
                    await users.insert(f"t{task}-{n}", {"task": task})

            await asyncio.gather(*(count(task) for task in range(10)))
            assert (await users.get("counter"))["n"] == 200
            assert await users.count() == 201

    run(main())


def test_the_loop_is_not_blocked_by_what_waits_for_the_disk(durable):
    """Work that may wait runs on another thread: the threads that consume our arguments tell."""

    async def main():
        loop_thread = threading.get_ident()
        threads = []

        def pairs(tag):
            threads.append(threading.get_ident())
            yield tag, {}

        async with velocity.aio.open(**durable.settings(sync_writes=True)) as db:
            users = await db.create_collection("users")
            await users.put_many(pairs("a"))
            await users.insert_many(pairs("b"))
            await users.delete_many(id for id, _ in pairs("a"))
            await db.batch(BatchOperation("put", "users", id=id, fields=f) for id, f in pairs("c"))
            assert len(threads) == 4
            assert loop_thread not in threads
            return await users.count()

    assert run(main()) == 2
    with durable.open() as db:
        assert contents(db["users"]) == {"b": (1, {}), "c": (1, {})}


def test_the_loop_turns_while_the_disk_is_awaited(durable):
    """Each single write is waited for by a thread, so that a ticking task gets its turns between."""

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        async with velocity.aio.open(**durable.settings(sync_writes=True)) as db:
            users = await db.create_collection("users")
            ticker = asyncio.create_task(tick())
            await asyncio.sleep(0)
            for call in (
                lambda: users.put("a", {}),
                lambda: users.insert("b", {}),
                lambda: users.update("a", {"n": 1}),
                lambda: users.compare_and_swap("a", {"n": 1}, {"n": 2}),
                lambda: users.delete("b"),
                lambda: db.flush(),
                lambda: db.compact(),
                lambda: db.create_collection("more"),
                lambda: db.drop_collection("more"),
            ):
                before = ticks
                await call()
                assert ticks > before
            ticker.cancel()

    run(main())


def test_closing_with_calls_under_way(settings):
    async def main():
        db = await velocity.aio.open(**settings)
        users = await db.create_collection("users")

        async def writer(task):
            done = 0
            try:
                while True:
                    await users.put(f"u{task}", {"n": done})
                    done += 1
                    await asyncio.sleep(0)
            except DatabaseClosedError:
                return done

        tasks = [asyncio.create_task(writer(n)) for n in range(8)]
        while (await users.count()) < 8:
            await asyncio.sleep(0)
        await db.close()
        return await asyncio.gather(*tasks)

    counts = run(main())
    assert all(count > 0 for count in counts)

"""Requests while others hold the store: those that write are told so in time, those that read go on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import create_engine, text

from shared.settings import Settings
from shared.store import Database

from .conftest import RunningGateway, Upstream, create_accounts, opened

EVENT = {"contact_id": "c-1", "type": "order_placed", "occurred_at": "2026-01-01T00:00:00Z"}
LATEST = 20.0
"""Far from a measure of speed: the waits of before took 30 s."""
Locking = Callable[[], AbstractContextManager[None]]


@pytest.fixture
async def short_door(database: Database, settings: Settings, upstream: Upstream) -> AsyncIterator[RunningGateway]:
    create_accounts(database)
    async with opened(settings.home, upstream, store_url=settings.store_url, request_timeout_seconds=0.4) as made:
        yield made


@pytest.fixture
def locked(settings: Settings) -> Locking:
    @contextmanager
    def holding() -> Iterator[None]:
        engine = create_engine(settings.resolved_store_url())
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(text("SELECT 1 FROM accounts WHERE name = 'acme' FOR UPDATE"))
            yield
            connection.exec_driver_sql("ROLLBACK")
        engine.dispose()

    return holding


async def test_a_write_is_refused_in_time_and_may_be_sent_again(short_door: RunningGateway, locked: Locking) -> None:
    key = short_door.key()
    with locked():
        async with asyncio.timeout(LATEST):
            status, problem, headers = await short_door.request("POST", "/events", key, json={"events": [EVENT]})

    assert (status, problem["code"], headers["Retry-After"]) == (503, "store-unavailable", "5")
    assert (await short_door.request("GET", "/contacts/c-1", key))[0] == 404
    _, again, _ = await short_door.request("POST", "/events", key, json={"events": [EVENT]})
    assert again["counts"]["created"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/contacts/c-1", {"attributes": {}}),
        ("DELETE", "/contacts/c-1", None),
    ],
)
async def test_every_write_is(
    short_door: RunningGateway, locked: Locking, method: str, path: str, body: object
) -> None:
    key = short_door.key()
    with locked():
        async with asyncio.timeout(LATEST):
            status, problem, headers = await short_door.request(method, path, key, json=body)

    assert (status, problem["code"], "Retry-After" in headers) == (503, "store-unavailable", True)


async def test_a_claimed_idempotency_key_is_free_again(short_door: RunningGateway, locked: Locking) -> None:
    key, named = short_door.key(), {"Idempotency-Key": "once"}
    with locked():
        refused = await short_door.request("POST", "/events", key, json={"events": [EVENT]}, headers=named)
    async with asyncio.timeout(LATEST):
        taken = await short_door.request("POST", "/events", key, json={"events": [EVENT]}, headers=named)
        while taken[0] == 503:  # a busy machine may not even begin within so short a deadline
            taken = await short_door.request("POST", "/events", key, json={"events": [EVENT]}, headers=named)

    assert (refused[0], taken[0]) == (503, 200)


async def test_reads_go_on_while_more_writers_wait_than_there_are_threads(
    database: Database, settings: Settings, upstream: Upstream, locked: Locking
) -> None:
    create_accounts(database)
    for deadline in (0.4, 4.0, 40.0):  # a busy machine may not answer a read within so short a time
        async with opened(
            settings.home, upstream, store_url=settings.store_url, request_timeout_seconds=deadline
        ) as gateway:
            key = gateway.key()
            async with asyncio.timeout(60):
                while (await gateway.request("POST", "/events", key, json={"events": [EVENT]}))[0] == 503:
                    pass  # as above
            with locked():
                writing = [
                    asyncio.create_task(gateway.request("POST", "/events", key, json={"events": [EVENT]}))
                    for _ in range(60)
                ]
                await asyncio.wait(writing, timeout=0.1)
                read = await gateway.request("GET", "/contacts/c-1", key)
                waiting = sum(not task.done() for task in writing)
                written = await asyncio.gather(*writing)
        if waiting == 60:
            break

    assert (read[0], waiting) == (200, 60)
    assert {status for status, _, _ in written} == {503}

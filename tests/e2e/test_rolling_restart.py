"""Two replicas of everything behind balancers are replaced under load: no request fails, nothing due is lost."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from shared.capabilities import TABLE
from shared.contracts.message import EXAMPLES, Message
from shared.contracts.seal import Seal
from shared.settings import Settings
from shared.store import AccountStore, open_database
from shared.webhooks_out.subscription_schemas import SubscriptionFields
from shared.webhooks_out.subscriptions import new_subscription
from tests.e2e.cluster import IDENTITY_KEY, SERVICES, Cluster, running
from tests.e2e.golden_home import MODELS, golden_home

KIND = "score.band_changed"
PAUSE_SECONDS = 0.02
"""Between two requests of a client: the machine has to start processes meanwhile."""
PATHS = {line.name: line.path for line in TABLE}
CATCH_UP_SECONDS = 120.0


@dataclass
class Load:
    """Asks until told to stop; counts the answers by path, status and what a failed one said."""

    cluster: Cluster
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    counted: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {(self.cluster.home / 'keys' / 'default').read_text().strip()}"}

    async def ask(self, path: str, body: Callable[[int], dict[str, Any]]) -> int:
        """Ask one path again and again; return how often."""
        number = 0
        async with aiohttp.ClientSession(headers=self.headers()) as client:
            while not self.ended.is_set():
                began = time.monotonic()
                self.counted[f"{path} {await self._once(client, path, body(number))}"] += 1
                self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
                number += 1
                await asyncio.sleep(PAUSE_SECONDS)
        return number

    async def _once(self, client: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> str:
        try:
            async with client.post(self.cluster.url + path, json=body) as answer:
                text = await answer.text()
                return "200" if answer.status in (200, 202) else f"{answer.status} {text[:300]}"
        except aiohttp.ClientError as error:
            return type(error).__name__


def question(name: str) -> Callable[[int], dict[str, Any]]:
    """Ask a capability about one contact that nobody knows, with what is known of it beside."""
    outcome = MODELS[name][1]
    named = {"outcome": outcome} if outcome else {}
    return lambda _: {**named, "contacts": [{"id": "inline", "attributes": {"country": "FR"}}]}


def news(number: int) -> dict[str, Any]:
    """Make an event of a contact of its own."""
    return {"events": [{"contact_id": f"c-{number}", "type": "email_clicked", "occurred_at": _now()}]}


def _now() -> str:
    return datetime.now(UTC).isoformat()


@contextlib.asynccontextmanager
async def receiver(received: Counter[str]) -> AsyncIterator[str]:
    """Count messages of the kind that the test publishes by the id of the contact that they are about."""

    async def take(request: web.Request) -> web.Response:
        received[(await request.json())["data"]["contact_id"]] += 1
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/in", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/in"
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def opened(home: Path) -> Any:
    database = open_database(Settings(home=home), IDENTITY_KEY.encode())
    try:
        yield database
    finally:
        database.close()


def subscribe(store: AccountStore, url: str) -> None:
    fields = SubscriptionFields(url=url, event_types=[KIND])
    row, secret, _ = new_subscription(fields, Seal(IDENTITY_KEY.encode()), 1, allow_private=True)
    store.subscriptions.create(row, secret)


async def publishing(store: AccountStore, ended: asyncio.Event) -> set[str]:
    """Publish a message that is due at once, again and again; return about whom."""
    published: set[str] = set()
    while not ended.is_set():
        contact, at = f"told-{len(published)}", time.time_ns() // 1_000
        message = Message(f"m-{contact}", KIND, at, {**EXAMPLES[KIND], "contact_id": contact}, contact, "events")
        await asyncio.to_thread(store.deliveries.outbox.publish, [message], at=at)
        published.add(contact)
        await asyncio.sleep(0.1)
    return published


async def caught_up(reached: Callable[[], bool]) -> bool:
    until = time.monotonic() + CATCH_UP_SECONDS
    while time.monotonic() < until:
        if await asyncio.to_thread(reached):
            return True
        await asyncio.sleep(0.2)
    return False


def answered_by(store: AccountStore, contacts: Sequence[str]) -> Counter[str]:
    """Count the contacts that each capability has answered about."""
    return Counter(row.capability for contact in contacts for row in store.predictions.of_contact(contact))


async def test_replacing_a_gateway_and_a_service_fails_no_request(tmp_path: Path) -> None:
    async with running(golden_home(tmp_path / "var", registered=False), ("scoring", "gateway")) as cluster:
        load = Load(cluster)
        asking = asyncio.gather(*(load.ask("/score", question("scoring")) for _ in range(2)))
        await cluster.replace([pool[0] for pool in cluster.pools.values()])
        load.ended.set()
        await asking

    assert set(load.counted) == {"/score 200"}
    assert load.counted["/score 200"] > 20


@pytest.mark.slow
@pytest.mark.parametrize("empty_cache", [False, True], ids=["warm", "empty"])
async def test_a_rolling_restart_of_everything_fails_no_request_and_loses_nothing_due(
    tmp_path: Path, *, empty_cache: bool
) -> None:
    home, received = golden_home(tmp_path / "var", registered=True), Counter[str]()
    with opened(home) as database:
        store = database.of("default")
        async with receiver(received) as url, running(home) as cluster:
            subscribe(store, url)
            load = Load(cluster)
            telling = asyncio.create_task(load.ask("/events", news))
            asking = asyncio.gather(*(load.ask(PATHS[name], question(name)) for name in SERVICES))
            publishing_ = asyncio.create_task(publishing(store, load.ended))
            for one_of_each in zip(*cluster.pools.values(), strict=True):
                await cluster.replace(one_of_each, empty_cache=empty_cache)
            load.ended.set()
            await asking
            told, published = await telling, await publishing_
            contacts = [f"c-{number}" for number in range(told)]
            delivered = await caught_up(lambda: published <= set(received))
            rescored = await caught_up(lambda: not database.stale_accounts())
            answered = await asyncio.to_thread(answered_by, store, contacts)

    print(dict(load.counted), "longest", round(load.longest_seconds, 2), "ready after", cluster.ready_after)
    print(len(published), "published,", sum(received[one] for one in published), "deliveries,", told, "re-scored")
    assert set(load.counted) == {f"{path} 200" for path in (*PATHS.values(), "/events")}
    assert min(load.counted.values()) > 50
    assert delivered, published - set(received)
    assert rescored
    assert answered == dict.fromkeys(SERVICES, told)

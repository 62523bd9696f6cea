"""Receivers on sockets, and a courier that is driven turn by turn."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.contracts.message import EXAMPLES, Message, MessageType
from shared.contracts.rows import SECOND
from shared.contracts.seal import Seal
from shared.store import Database
from shared.webhooks_out.dispatcher import Dispatcher, DispatcherMetrics
from shared.webhooks_out.sender import Sender
from shared.webhooks_out.subscription_schemas import SubscriptionFields
from shared.webhooks_out.subscriptions import new_subscription

SEAL = Seal(b"k" * 32)
TYPE: MessageType = "score.band_changed"


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


async def welcome(request: web.Request) -> web.StreamResponse:
    """Take it."""
    return web.Response(text="thanks")


@dataclass
class Listener:
    """A program on a socket that answers as told and remembers what it was asked."""

    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] = welcome
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.seen.append(Seen(request.method, request.raw_path, dict(request.headers), await request.read()))
        return await self.answer(request)


@contextlib.asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[Listener]:
    """Open its socket."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", listener.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield listener
    finally:
        await runner.cleanup()


@dataclass
class Rounds:
    """A courier, its clock, and who receives."""

    database: Database
    dispatcher: Dispatcher
    stop: threading.Event
    at: int = field(default_factory=lambda: int(time.time()) * SECOND)

    def subscribe(self, url: str, **more: object) -> tuple[str, str]:
        """Make a subscription; tell its id and its secret."""
        said = SubscriptionFields.model_validate({"url": url, "event_types": [TYPE], **more})
        row, secret, text = new_subscription(said, SEAL, self.at, allow_private=True)
        self.database.of("default").subscriptions.create(row, secret)
        return row.subscription_id, text

    def publish(self, *names: str, kind: MessageType = TYPE) -> None:
        """Let something happen."""
        messages = [Message(name, kind, self.at, EXAMPLES[kind], contact_id="c-42", cause="events") for name in names]
        self.database.of("default").deliveries.outbox.publish(messages, at=self.at)

    def state(self, subscription_id: str) -> tuple[str, str | None]:
        """Return how a subscription stands, and why."""
        found = self.database.of("default").subscriptions.find(subscription_id)
        assert found is not None
        return found.state, found.state_reason

    async def until(self, reached: Callable[[], bool]) -> None:
        """Turn until something is so; ten seconds at most."""
        async with asyncio.timeout(60):
            while not reached():
                await asyncio.to_thread(self.dispatcher.turn)

    async def until_ended(self) -> None:
        """Turn until nothing is pending."""
        store = self.database.of("default")
        await self.until(lambda: not store.deliveries.page(1_000, state="pending"))


@pytest.fixture
def rounds(database: Database) -> Iterator[Rounds]:
    """A courier that may go to private addresses, with a clock that stands still until it is moved."""
    stop = threading.Event()
    made = Rounds(
        database,
        Dispatcher(
            database,
            SEAL,
            lambda: Sender(timeout_seconds=2.0, allow_private=True),
            lease=30 * SECOND,
            poll_seconds=0.01,
            stop=stop,
            metrics=DispatcherMetrics(CollectorRegistry()),
            now=lambda: made.at,
            draw=lambda: 0.0,
        ),
        stop,
    )
    yield made
    stop.set()
    made.dispatcher.end()


@pytest.fixture
async def listening_on() -> AsyncIterator[Callable[[], Awaitable[Listener]]]:
    """What opens as many receivers as a test needs."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened() -> Listener:
            return await stack.enter_async_context(listening(Listener()))

        yield opened


@pytest.fixture
async def receiver(listening_on: Callable[[], Awaitable[Listener]]) -> Listener:
    """One receiver that takes everything."""
    return await listening_on()

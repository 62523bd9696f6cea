"""Door: the app that clients talk to. It authenticates, records, reads and forwards; it never predicts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cache, partial

import aiohttp
from anyio import CapacityLimiter
from fastapi import FastAPI

from gateway import (
    audit,
    contacts,
    dead_letters,
    health,
    openapi,
    outcomes,
    pages,
    predictions,
    privacy,
    segments,
    sources,
)
from gateway.auth import Keyring
from gateway.context import Gateway
from gateway.crossing import allow_origins
from gateway.cursor import Cursors
from gateway.forwarding import add_forwarding
from gateway.idempotency import BodyDigest
from gateway.limits import Limits, QuotaHeaders
from gateway.metrics import GatewayMetrics
from gateway.subscriptions import deliveries
from gateway.subscriptions import routes as subscriptions
from gateway.upstream import Upstreams, new_client
from gateway.webhooks import door
from gateway.webhooks.failures import Failures
from gateway.webhooks.provider import Provider
from gateway.webhooks.providers import PROVIDERS
from gateway.webhooks.receiving import Receiving
from gateway.webhooks.reception import THREADS, Reception
from gateway.webhooks.sourcebook import SourceBook
from shared.contracts.credentials import Seal
from shared.http import problem
from shared.http.middleware import BodyLimit, EquivalentRequests, RequestContext
from shared.http.readiness import StoreLook
from shared.settings import GatewaySettings
from shared.store import Database, open_database

USED_KEYS_SECONDS = 5.0
LAST_WRITE_SECONDS = 2.0


def create_app(
    settings: GatewaySettings,
    database: Database | None = None,
    client: aiohttp.ClientSession | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
) -> FastAPI:
    """Make the gateway.

    Args:
        settings: read once.
        database: an open store; None: opened and closed with the app.
        client: for the services; None: opened and closed with the app.
        providers: of webhooks that come in.
    """
    metrics = GatewayMetrics()
    app = FastAPI(
        title=openapi.TITLE,
        version=openapi.VERSION,
        lifespan=_lifespan(settings, metrics, providers, (database, client)),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.draining = False
    app.state.metrics = metrics
    problem.install(app)
    # First, since most requests are forwarded and routes are tried in order (a fifth of their cost, measured).
    add_forwarding(app)
    # A contact's id may hold slashes: the more specific path comes before it.
    specific = (predictions, privacy)
    incoming, outgoing = (door, sources, dead_letters), (subscriptions, deliveries)
    general = (contacts, outcomes, segments, *incoming, *outgoing, audit, health, pages)
    for part in (*specific, *general):
        app.include_router(part.router)
    # The last one added comes first to a request.
    app.add_middleware(BodyDigest)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(QuotaHeaders)
    allow_origins(app, settings.cors_origins)
    app.add_middleware(pages.SecurityHeaders)
    app.add_middleware(EquivalentRequests)
    app.add_middleware(RequestContext, metrics=metrics, within_seconds=settings.request_timeout_seconds)
    # Written when it is first asked for: that takes a second, which no start needs to wait for.
    app.openapi = cache(partial(openapi.merged, app))  # type: ignore[method-assign]
    return app


def _lifespan(
    settings: GatewaySettings,
    metrics: GatewayMetrics,
    providers: Mapping[str, Provider],
    given: tuple[Database | None, aiohttp.ClientSession | None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    database, client = given

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        store = open_database(settings) if database is None else database
        session = new_client() if client is None else client
        keyring = Keyring(store, fresh_seconds=settings.key_cache_seconds, grace_seconds=settings.key_grace_seconds)
        key = settings.signing_key.get_secret_value().encode()
        limits = Limits(settings, metrics)
        upstreams = Upstreams(settings, session, metrics)
        failures = Failures(limits, settings.limits_failures)
        receiving = _receiving(settings, store, providers)
        reception = Reception(receiving, session, metrics, CapacityLimiter(THREADS), failures)
        parts = (settings, store, keyring, limits, upstreams, Cursors(key), metrics, reception, StoreLook(store))
        app.state.gateway = Gateway(*parts)
        writing = asyncio.create_task(_write_used_keys(keyring))
        try:
            yield
        finally:
            writing.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(keyring.write_used(), LAST_WRITE_SECONDS)
            keyring.close()
            await limits.close()
            if client is None:
                await session.close()
            if database is None:
                store.close()

    return living


def _receiving(settings: GatewaySettings, store: Database, providers: Mapping[str, Provider]) -> Receiving:
    identity_key = settings.identity_key.get_secret_value().encode()
    seal = Seal(identity_key)
    book = SourceBook(store, seal, fresh_seconds=settings.key_cache_seconds, providers=providers)
    return Receiving(store, book, providers, identity_key, seal)


async def _write_used_keys(keyring: Keyring) -> None:
    while True:
        await asyncio.sleep(USED_KEYS_SECONDS)
        await keyring.write_used()

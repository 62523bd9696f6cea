"""The application that clients talk to: it authenticates, records, reads and forwards. It never predicts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from functools import cache, partial

import aiohttp
from anyio import CapacityLimiter, Semaphore
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gateway import activity, audit, data_report, health, openapi, pages
from gateway.attribution import routes as attribution
from gateway.auth import KeyCache
from gateway.batches import routes as batches
from gateway.batches.uploads import carries_file as brings_batch
from gateway.browser_headers import RAW_SECURITY_HEADERS, SecurityHeaders, with_cors
from gateway.console import routes as console
from gateway.console.routes import Console, brings_file
from gateway.contacts import routes as contacts
from gateway.context import Cursors, Gateway
from gateway.dead_letters import routes as dead_letters
from gateway.deliveries import routes as deliveries
from gateway.events import routes as events
from gateway.forwarding import add_forwarding, metered, prediction
from gateway.holdouts import routes as holdouts
from gateway.idempotency import BodyDigest
from gateway.imports import routes as imports
from gateway.imports.uploads import carries_file as brings_import
from gateway.items import routes as items
from gateway.keys import routes as keys
from gateway.messages import routes as messages
from gateway.metrics import GatewayMetrics
from gateway.models import cards as model_cards
from gateway.models import commands as model_commands
from gateway.models import quality as model_quality
from gateway.models import routes as models
from gateway.models import shadow as model_shadows
from gateway.models import thresholds as model_thresholds
from gateway.outcomes import routes as outcomes
from gateway.outcomes.samples import SampleCache
from gateway.predict_all.routes import PredictAll
from gateway.predict_all.schemas import PATH as PREDICT_PATH
from gateway.predictions import routes as predictions
from gateway.privacy import routes as privacy
from gateway.rate_limits import QuotaHeaders, RateLimits
from gateway.segments import routes as segments
from gateway.sources import routes as sources
from gateway.subscriptions import routes as subscriptions
from gateway.uploads import upload_bounds
from gateway.upstream import Upstreams
from gateway.webhooks import routes as webhooks
from gateway.webhooks.failure_limits import FailureLimits
from gateway.webhooks.provider import Provider
from gateway.webhooks.providers import PROVIDERS
from gateway.webhooks.receiver import MAX_THREADS, WebhookQueue, WebhookReceiver
from gateway.webhooks.source_cache import SourceCache
from shared.capabilities import TABLE
from shared.contracts.seal import Seal
from shared.http import problem
from shared.http.exchange import FlatApp, FlatRoute, Handler
from shared.http.middleware import BodyLimit, EquivalentRequests, RequestContext
from shared.http.readiness import StoreLook
from shared.settings import GatewaySettings
from shared.store import Database, open_database

USED_KEYS_SECONDS = 5.0
LAST_WRITE_SECONDS = 2.0
CONSOLE_READERS = 4


def create_app(
    settings: GatewaySettings,
    database: Database | None = None,
    client: aiohttp.ClientSession | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
) -> FastAPI:
    """Build the gateway's application.

    Args:
        settings: read once.
        database: an open store; None: opened and closed with the app.
        client: gets the URLs that webhooks want confirmed; None: opened and closed with the app.
        providers: of webhooks that come in.
    """
    metrics = GatewayMetrics()
    app = FlatApp(
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
    together = metered(PredictAll(openapi.request_fields))
    handlers = {**{line.path: prediction(line) for line in TABLE}, PREDICT_PATH: together}
    app.flat_routes = {path: _flat_route(path, handler, settings, metrics) for path, handler in handlers.items()}
    for path, route in app.flat_routes.items():  # here for who calls the path by another method
        app.router.routes.append(Route(path, route, methods=["POST"], include_in_schema=False))
    add_forwarding(app)
    app.router.routes.extend(_routes())
    # The last one added comes first to a request.
    app.add_middleware(BodyDigest)
    files = upload_bounds(settings, brings_batch, brings_import, brings_file)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, larger=files)
    app.add_middleware(QuotaHeaders)
    app.add_middleware(with_cors, origins=settings.cors_origins)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(EquivalentRequests)
    app.add_middleware(
        RequestContext, metrics=metrics, within_seconds=settings.request_timeout_seconds, failed=console.failed
    )
    # Written at its first request: that takes a second, and the start need not wait for it.
    app.openapi = cache(partial(openapi.merged, app))  # type: ignore[method-assign]
    return app


def _flat_route(path: str, handler: Handler, settings: GatewaySettings, metrics: GatewayMetrics) -> ASGIApp:
    route = FlatRoute(
        path,
        handler,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        within_seconds=settings.request_timeout_seconds,
        headers=RAW_SECURITY_HEADERS,
    )
    return with_cors(route, origins=settings.cors_origins)


def _routes() -> Iterator[BaseRoute]:
    """Yield the routes of all subjects, in the order in which a request is compared with them.

    Not through `include_router`, which compares a request with all routes of a router twice.
    """
    often = (events, webhooks)
    # A contact's id may hold slashes: the more specific path comes before it.
    specific = (predictions, privacy)
    integrations = (sources, dead_letters, subscriptions, deliveries)
    learned = (models, model_cards, model_thresholds, model_commands, model_quality, model_shadows, segments)
    measured = (data_report, outcomes, holdouts, attribution)
    offered = (items, messages)
    long_work = (batches, imports)
    around = (keys, activity, audit, health, pages, console)
    for part in (*often, *specific, contacts, *integrations, *learned, *measured, *offered, *long_work, *around):
        yield from part.router.routes


def _lifespan(
    settings: GatewaySettings,
    metrics: GatewayMetrics,
    providers: Mapping[str, Provider],
    given: tuple[Database | None, aiohttp.ClientSession | None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Gateway]]]:
    database, client = given

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[Mapping[str, Gateway]]:
        store = open_database(settings) if database is None else database
        session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) if client is None else client
        key_cache = KeyCache(store, fresh_seconds=settings.key_cache_seconds, grace_seconds=settings.key_grace_seconds)
        key = settings.signing_key.get_secret_value().encode()
        limits = RateLimits(settings, metrics)
        upstreams = Upstreams(settings, metrics)
        failures = FailureLimits(limits, settings.limits_failures)
        receiver = _webhook_receiver(settings, store, providers)
        parts = (settings, store, key_cache, limits, upstreams, Cursors(key), metrics, StoreLook(store))
        gateway = Gateway(*parts)
        app.state.webhook_queue = WebhookQueue(receiver, session, metrics, CapacityLimiter(MAX_THREADS), failures)
        app.state.samples = SampleCache()
        # Connections of its own: what the console reads may be slow, and holds none of those that take events in.
        own_store = open_database(settings, readers=CONSOLE_READERS, cuts_off=True) if database is None else database
        app.state.console = Console(replace(gateway, database=own_store, writers=Semaphore(CONSOLE_READERS // 2)))
        writing = asyncio.create_task(_write_used_keys(key_cache))
        try:
            yield {"gateway": gateway}  # in the state of each request
        finally:
            writing.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(key_cache.write_used(), LAST_WRITE_SECONDS)
            key_cache.close()
            await limits.close()
            upstreams.close()
            if client is None:
                await session.close()
            if database is None:
                store.close()
                own_store.close()

    return living


def _webhook_receiver(settings: GatewaySettings, store: Database, providers: Mapping[str, Provider]) -> WebhookReceiver:
    identity_key = settings.identity_key.get_secret_value().encode()
    seal = Seal(identity_key)
    source_cache = SourceCache(store, seal, fresh_seconds=settings.key_cache_seconds, providers=providers)
    return WebhookReceiver(store, source_cache, providers, identity_key, seal)


async def _write_used_keys(key_cache: KeyCache) -> None:
    while True:
        await asyncio.sleep(USED_KEYS_SECONDS)
        await key_cache.write_used()

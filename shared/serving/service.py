"""The app of a capability, the same for each: only the spec differs. It answers only calls that the gateway signed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import Depends, FastAPI, Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.call import (
    CALL_HEADER,
    MAX_SKEW_SECONDS,
    SERVED_HEADER,
    Call,
    Deadline,
    SignedContent,
    target_of,
    verified,
)
from shared.errors import ClockSkew, NotAllowed, NotAuthenticated
from shared.http import problem
from shared.http.exchange import Exchange, FlatApp, FlatRoute, HttpAnswer, sane_request_id
from shared.http.middleware import (
    BodyLimit,
    EquivalentRequests,
    RequestContext,
    refuse_unknown_names,
    refuse_unknown_query,
)
from shared.http.readiness import Readiness, StoreLook, StoreState, readiness
from shared.serving import openapi
from shared.serving.answering import Answering
from shared.serving.artifacts import RegistryChild
from shared.serving.capability_spec import AnySpec, ExtraRoute
from shared.serving.champions import ChampionHolder, Fetch, ServingStore
from shared.serving.metrics import ServiceMetrics
from shared.serving.shadow import Shadowing, ShadowModels
from shared.serving.threads import LoggedTogether, PredictionLog, ThreadPools
from shared.settings import ServiceSettings
from shared.store import PredictionRow, open_database

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


class Service:
    """Everything one capability's process holds between its start and its end."""

    def __init__(
        self,
        spec: AnySpec,
        settings: ServiceSettings,
        store: ServingStore,
        *,
        now: Callable[[], datetime] = utc_now,
        fetch: Fetch | None = None,
        unix_seconds: Callable[[], float] = time.time,
    ) -> None:
        self.spec = spec
        self.settings = settings
        self.store = store
        self.now = now
        self.unix_seconds = unix_seconds
        self.metrics = ServiceMetrics()
        self._started_at = time.monotonic()
        fetch = fetch or RegistryChild(settings)
        poll_seconds, most = settings.champion_poll_seconds, settings.max_models
        self.shadows = ShadowModels(spec, store, fetch, self.metrics, poll_seconds=poll_seconds, most=most)
        self.shadowing = Shadowing(spec, self.shadows, store, self.metrics)
        self.champions = ChampionHolder(
            spec.capability,
            store,
            spec.load,
            fetch=fetch,
            cache=settings.cache_folder,
            metrics=self.metrics,
            poll_seconds=poll_seconds,
            max_models=most,
            also_kept=lambda: self.shadows.digests,
        )
        self.predictions = PredictionLog(self._store_predictions, bound=settings.prediction_queue, metrics=self.metrics)
        self.clocks = Clocks(self.metrics)
        key = settings.signing_key.get_secret_value().encode()
        self.signatures = Signatures(key, self.clocks, unix_seconds)
        self.look = StoreLook(store)
        self.pools = ThreadPools(settings.small_threads())
        self.answering = Answering(
            spec,
            store,
            self.champions,
            predictions=self.predictions,
            metrics=self.metrics,
            pools=self.pools,
            small_threads=settings.small_threads(),
            now=now,
            unix_seconds=unix_seconds,
            shadows=self.shadows,
            offer=self.shadowing.offer,
        )

    def app(self) -> FastAPI:
        """Make the ASGI app."""
        capability = self.spec.capability
        app = FlatApp(
            title=f"Foretell {capability.name}",
            summary=capability.question,
            lifespan=self._lifespan,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            dependencies=[Depends(refuse_unknown_query)],
        )
        app.state.service, app.state.metrics = self, self.metrics
        app.state.draining = False
        problem.install(app)
        self._open_routes(app)
        self._document_predictions(app)
        for route in self.spec.extra_routes:
            self._add(app, route)
        openapi.install(app, self.spec)
        # The last one added is the first one a request meets.
        limit, within_seconds = self.settings.max_body_bytes, self.settings.request_timeout_seconds
        app.add_middleware(SignedCalls, signatures=self.signatures)
        app.add_middleware(BodyLimit, max_bytes=limit)
        app.add_middleware(EquivalentRequests)
        app.add_middleware(RequestContext, metrics=self.metrics, within_seconds=within_seconds)
        predictions = FlatRoute(
            capability.path,
            self._predict,
            metrics=self.metrics,
            max_body_bytes=limit,
            within_seconds=within_seconds,
        )
        app.flat_routes = {capability.path: predictions}
        return app

    def _store_predictions(self, together: LoggedTogether, rows: Sequence[PredictionRow]) -> None:
        left_out = self.store.of(together.account).predictions.log(rows, since=together.erasures)
        self.metrics.log_dropped.inc(left_out)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        self.predictions.start()
        self._started_at = time.monotonic()
        self.shadowing.start()
        polling = [asyncio.create_task(self.champions.run()), asyncio.create_task(self.shadows.run())]
        try:
            yield
        finally:
            for task in polling:
                task.cancel()
            await asyncio.gather(*polling, return_exceptions=True)
            await self.champions.close()
            await asyncio.to_thread(self.answering.close)
            await asyncio.to_thread(self.pools.close)
            await asyncio.to_thread(self.shadowing.close)
            await asyncio.to_thread(self.predictions.close)
            self.store.close()

    def readiness(self, store: StoreState, *, draining: bool = False) -> Readiness:
        """Judge: unready only while nothing can be answered, or champions are still tried for the first time.

        Args:
            store: how it is.
            draining: whether the process is about to end.
        """
        unready, degraded = list[str](), list[str]()
        trying = not self.champions.tried
        if store == "away":
            (degraded if self.champions.warm else unready).append("store-away")
        if store == "not-writable":
            degraded.append("store-not-writable")
        if trying and store != "away":
            waited = time.monotonic() - self._started_at >= self.settings.ready_within_seconds
            (degraded if waited else unready).append("models-loading")
        degraded += self.champions.causes()
        if self.clocks.differ:
            degraded.append("clock-skew")
        if self.predictions.is_dropping:
            degraded.append("predictions-dropped")
        return readiness(draining=draining, unready=unready, degraded=degraded)

    def _open_routes(self, app: FastAPI) -> None:
        @app.get("/healthz", include_in_schema=False)
        async def healthz() -> Response:
            """Answer while the process lives."""
            return JSONResponse({"status": "ok"})

        @app.get("/readyz", include_in_schema=False)
        async def readyz() -> Response:
            """Say whether this process can serve."""
            store = await self.look.state()
            found = self.readiness(store, draining=app.state.draining)
            answer = {"status": found.status, "causes": found.causes, "store": store}
            return JSONResponse(answer, found.http_status)

    def _add(self, app: FastAPI, route: ExtraRoute) -> None:
        app.add_api_route(
            route.path,
            route.handler,
            methods=[route.method.upper()],
            operation_id=route.operation_id,
            summary=route.summary,
            response_model=None,
            responses=openapi.problem_responses(self.spec.capability, *route.problems),
        )

    def _document_predictions(self, app: FastAPI) -> None:
        """Name the prediction path to the app: for its document, and for methods other than POST."""

        @app.post(self.spec.capability.path, **openapi.operation(self.spec))
        async def predict() -> Response:  # its docstring would stand in the document
            raise NotImplementedError  # `_predict` answers every call before the app sees it

    async def _predict(self, exchange: Exchange) -> HttpAnswer:
        """Answer a call for predictions."""
        header = exchange.header(_CALL)
        if header is None:
            raise NotAuthenticated(UNSIGNED)
        body = await exchange.body()
        call = self.signatures.call_of(header, SignedContent("POST", target_of(exchange.scope), body))
        exchange.request_id = sane_request_id(call.request_id)
        if exchange.scope["query_string"]:
            refuse_unknown_names(exchange.scope["query_string"])
        require_scope(call, "predict")
        answer = await self.answering.answer(body, call)
        exchange.facts.update(
            account=call.account, outcome=answer.outcome, version=answer.version, contacts=answer.contacts
        )
        served = b"%d" % answer.statuses.get("ok", 0)
        return HttpAnswer(200, [(b"content-type", b"application/json"), (_SERVED, served)], answer.body)


def create_app(spec: AnySpec, settings: ServiceSettings, store: ServingStore | None = None, **parts: Any) -> FastAPI:
    """Make the service of a capability.

    Args:
        spec: what the capability declares.
        settings: read once.
        store: None: the one of the settings.
        parts: replacements of `Service`'s clock and fetch, for tests.
    """
    return Service(spec, settings, store or open_database(settings), **parts).app()


ANSWERED_BY = 0.95
"""Share of the time after which waiting ends: the answer that says so must reach the gateway before it gives up."""
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
UNSIGNED = "This service answers only calls signed by the gateway."
_CALL, _SERVED = CALL_HEADER.lower().encode(), SERVED_HEADER.lower().encode()


class Clocks:
    """How far the clocks of those who call differ from this one, as their last call showed."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._metrics = metrics
        self._skew_seconds = 0.0

    @property
    def differ(self) -> bool:
        """Whether by more than is tolerated."""
        return abs(self._skew_seconds) > MAX_SKEW_SECONDS

    def note(self, skew_seconds: float) -> None:
        """Keep what a call showed; one log line when it becomes too much."""
        differed, self._skew_seconds = self.differ, skew_seconds
        self._metrics.clock_skew.set(skew_seconds)
        if self.differ and not differed:
            log.error("clock.skewed", extra={"skew_seconds": round(skew_seconds, 1)})


class Signatures:
    """Reads calls that the gateway signed; what it read sets the request's deadline."""

    def __init__(self, key: bytes, clocks: Clocks, unix_seconds: Callable[[], float]) -> None:
        self._key, self._clocks, self._unix_seconds = key, clocks, unix_seconds

    def call_of(self, header: str, request: SignedContent) -> Call:
        """Verify the call header of a request against its bytes.

        Raises:
            ClockSkew: it was signed at another time than this one.
            NotAuthenticated: it was not signed by the gateway, or for another request.
        """
        now = self._unix_seconds()
        try:
            call = verified(header, request, self._key, now=now)
        except ClockSkew as error:
            self._clocks.note(error.members["skew_seconds"])
            raise
        self._clocks.note(call.signed_seconds_ago)
        if (until := Deadline.current()) is not None:
            until.fix(ANSWERED_BY * (call.deadline_at - now))
        return call


class SignedCalls:
    """Verify the call header of every request and keep the call in its state."""

    def __init__(self, app: ASGIApp, *, signatures: Signatures) -> None:
        self.app = app
        self.signatures = signatures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a vouched-for request on, refuse any other with 401, one of another time with 503."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            header = Headers(scope=scope).get(CALL_HEADER)
            if header is None:
                raise NotAuthenticated(UNSIGNED)
            body = await Request(scope, receive).body()  # all of it is covered; `BodyLimit` stands before
            call = self.signatures.call_of(header, SignedContent(scope["method"], target_of(scope), body))
        except (NotAuthenticated, ClockSkew) as error:
            await problem.response(error, state.get("request_id"))(scope, receive, send)
            return
        state["call"] = call
        state["request_id"] = sane_request_id(call.request_id)
        left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return left.pop() if left else await receive()

        await self.app(scope, receive_again, send)


def require_scope(call: Call, scope: str) -> None:
    """Refuse a call whose key lacks a scope.

    Raises:
        NotAllowed: the scope is not among those of the call.
    """
    if scope not in call.scopes:
        raise NotAllowed(f"This needs a key with the scope `{scope}`.", scope=scope)

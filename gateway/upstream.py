"""Forwarding: a capability's requests go to its service as bytes, vouched for by a signed header."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Final
from urllib.parse import quote_from_bytes

import aiohttp
import orjson
import yarl
from fastapi import Request
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OPENED, Context, HalfOpenedState, OpenedState
from starlette.responses import Response

from gateway.auth import Caller
from gateway.metrics import GatewayMetrics
from shared.capabilities import TABLE, Capability
from shared.contracts.credentials import (
    CALL_HEADER,
    MAX_SKEW_SECONDS,
    REQUEST_ID_HEADER,
    SERVED_HEADER,
    Call,
    SignedContent,
    signed,
    target_of,
)
from shared.errors import BadRequest, ClockSkew, UpstreamTimeout, UpstreamUnavailable
from shared.settings import GatewaySettings

log = logging.getLogger(__name__)


FAILURES_TO_OPEN: Final = 3
"""So many failures in a row open the circuit; a proven hang opens it at once."""
OPEN_SECONDS: Final = 2.0
"""How long the circuit stays open before the service's health is checked."""


class CircuitBreaker:
    """The circuit of one service."""

    def __init__(
        self,
        name: str,
        metrics: GatewayMetrics,
        is_alive: Callable[[], Awaitable[bool]],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._opened = metrics.upstream_circuit.labels(name)
        self._opened.set(0)
        self._is_alive = is_alive
        self._seconds = seconds
        self._context = Context(name, FAILURES_TO_OPEN, OPEN_SECONDS)
        self._rests_until = 0.0
        self._is_looking = False

    async def admit(self) -> None:
        """Check that a request may be sent.

        Raises:
            UpstreamUnavailable: the circuit is open, or the service does not answer its health check yet.
        """
        if self._context.state == OPENED:
            if self._is_looking or self._seconds() < self._rests_until or not await self._has_recovered():
                raise self.unavailable()
            self._context.set_state(HalfOpenedState())
            self._note()

    def succeeded(self) -> None:
        """Count an answer, whatever it says."""
        self._context.handle_end_request()
        self._note()

    def failed(self, error: Exception, *, proven: bool = False) -> None:
        """Count a failure.

        Args:
            error: what went wrong.
            proven: the next request would fail too, after waiting.
        """
        if proven and self._context.state != OPENED:
            self._context.set_state(OpenedState(self._name))
        else:
            self._context.handle_exception(error)
        self._note()

    def unavailable(self) -> UpstreamUnavailable:
        """Return the error for the client."""
        return UpstreamUnavailable(f"The {self._name} service does not answer. Ask again soon.")

    async def _has_recovered(self) -> bool:
        self._is_looking = True
        try:
            alive = await self._is_alive()
        finally:
            self._is_looking = False
            self._rests_until = self._seconds() + OPEN_SECONDS
        return alive

    def _note(self) -> None:
        """Log and count changes of the state."""
        changes = [message for message in self._context.messages if isinstance(message, ContextChanged)]
        self._context.messages.clear()
        for change in changes:
            self._opened.set(change.state == OPENED)
            if change.state == OPENED:
                self._rests_until = self._seconds() + OPEN_SECONDS
                log.warning("upstream.left_alone", extra={"capability": self._name})
            elif change.state == "closed":
                log.info("upstream.recovered", extra={"capability": self._name})


CONNECT_SECONDS: Final = 1.0
_NOT_CONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""No connection was made. On a busy machine this process may have missed the answer: one failure proves nothing."""
PROBE_SECONDS: Final = 1.0
"""How long a service may take to answer its health check; its event loop computes nothing."""
PASSED_BACK: Final = ("content-type", "retry-after", "allow", "cache-control")
_AS_IT_IS: Final = "".join(map(chr, range(0x21, 0x7F)))
"""Characters of a target that are passed on as they came; any other byte is escaped."""
_SAFE_TO_REPEAT: Final = ("GET", "HEAD", "PUT", "DELETE")


async def body_of(request: Request) -> bytes:
    """Read a request's body.

    Raises:
        BadRequest: it is compressed.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise BadRequest("Send the body without Content-Encoding; compressed bodies are not read here.")
    return await request.body()


class _SignatureRefused(aiohttp.ClientError):
    """The service refuses the signature of this gateway."""


def new_client() -> aiohttp.ClientSession:
    """Make the pooled client; call it inside a running loop.

    Idle connections are dropped before uvicorn (5 s) drops them, or every so often a request would meet a closed one.
    """
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=256, keepalive_timeout=4, ttl_dns_cache=10)
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept-Encoding", "User-Agent", "Accept", "Content-Type"),
    )


@dataclass(slots=True)
class Upstreams:
    """The services as the gateway sees them."""

    settings: GatewaySettings
    client: aiohttp.ClientSession
    metrics: GatewayMetrics
    _breakers: dict[str, CircuitBreaker] = field(init=False)
    _skews: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make a breaker for each service."""
        self._breakers = {
            line.name: CircuitBreaker(line.name, self.metrics, partial(self._is_alive, line)) for line in TABLE
        }

    async def answer(
        self,
        capability: Capability,
        request: Request,
        caller: Caller,
        request_id: str,
        *,
        quota_contacts: int | None = None,
        body: bytes | None = None,
    ) -> Response:
        """Forward a request and pass the answer back.

        Args:
            capability: whose service.
            request: as it came; its body is read here.
            caller: whose key; named in the signed header.
            request_id: the same from end to end.
            quota_contacts: how many contacts the caller's quota still allows; None: any number.
            body: sent instead of the one that came; None: that one.

        Raises:
            UpstreamUnavailable: the service does not answer, or hangs.
            UpstreamTimeout: it is alive, and did not answer in time.
            BadRequest: the body is compressed.
            BodyTooLarge: more bytes than allowed.
        """
        body = await body_of(request) if body is None else body
        target = quote_from_bytes(target_of(request.scope), safe=_AS_IT_IS)
        url = yarl.URL(self.settings.upstream_of(capability.name).rstrip("/") + target, encoded=True)
        covered = SignedContent(request.method, target.encode(), body)
        try:
            await self._breakers[capability.name].admit()
            # Counted from when the body is there: a slow upload must not make the service refuse the call.
            deadline_at = time.time() + self._seconds(capability, request)
            call = Call(caller.account, caller.scopes, request_id, deadline_at, quota_contacts)
            response = await self._sent(capability, request, url, (covered, self._headers(request, call, covered)))
        except (UpstreamUnavailable, UpstreamTimeout) as error:
            self.metrics.upstream_answers.labels(capability.name, error.code).inc()
            log.warning("upstream.failed", extra={"capability": capability.name, "code": error.code})
            raise
        self.metrics.upstream_answers.labels(capability.name, f"{response.status_code // 100}xx").inc()
        served = response.headers.get(SERVED_HEADER, "")
        if served.isascii() and served.isdigit():
            self.metrics.contacts_served.labels(capability.name).inc(int(served))
            request.state.facts["contacts"] = int(served)
            del response.headers[SERVED_HEADER]
        return response

    def _seconds(self, capability: Capability, request: Request) -> float:
        """Return how long a request may take: minutes on the few paths with long work, else seconds."""
        path = request.scope["path"]
        long = any(path == one or path.startswith(f"{one}/") for one in capability.long_paths)
        return self.settings.long_request_timeout_seconds if long else self.settings.request_timeout_seconds

    async def states(self) -> dict[str, str]:
        """Return the readiness of every service: `ready`, `degraded`, `not-ready` or `away`."""
        states = await asyncio.gather(*(self._state(line) for line in TABLE))
        return {line.name: state for line, state in zip(TABLE, states, strict=True)}

    async def _state(self, capability: Capability) -> str:
        url = f"{self.settings.upstream_of(capability.name)}/readyz"
        try:
            async with self.client.get(url, timeout=aiohttp.ClientTimeout(total=CONNECT_SECONDS)) as response:
                self._note_clock(capability, response.headers.get("Date"))
                if response.status != 200:
                    return "not-ready"
                answer = orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError):
            return "away"
        except orjson.JSONDecodeError:
            return "ready"
        return "degraded" if isinstance(answer, dict) and answer.get("status") == "degraded" else "ready"

    async def _is_alive(self, capability: Capability) -> bool:
        url = f"{self.settings.upstream_of(capability.name)}/healthz"
        try:
            async with self.client.get(url, timeout=aiohttp.ClientTimeout(total=PROBE_SECONDS)) as response:
                return response.status < 500
        except (aiohttp.ClientError, TimeoutError):
            return False

    @property
    def clocks_differ(self) -> bool:
        """Whether a service's clock differs by more than its check of signatures tolerates."""
        return any(abs(seconds) > MAX_SKEW_SECONDS for seconds in self._skews.values())

    def _note_clock(self, capability: Capability, date: str | None) -> None:
        """Compare a service's clock by the `Date` of its answer, which is exact to the second."""
        try:
            service_time = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        self._note_skew(capability, service_time - time.time())

    def _note_skew(self, capability: Capability, seconds: float) -> None:
        before = self._skews.get(capability.name, 0.0)
        self._skews[capability.name] = seconds
        self.metrics.upstream_skew.labels(capability.name).set(seconds)
        if abs(before) <= MAX_SKEW_SECONDS < abs(seconds):
            log.error("clock.skewed", extra={"capability": capability.name, "skew_seconds": round(seconds, 1)})

    def _headers(self, request: Request, call: Call, covered: SignedContent) -> dict[str, str]:
        key = self.settings.signing_key.get_secret_value().encode()
        headers = {
            CALL_HEADER: signed(call, covered, key, now=time.time()),
            REQUEST_ID_HEADER: call.request_id,
        }
        if "content-type" in request.headers:
            headers["Content-Type"] = request.headers["content-type"]
        return headers

    async def _sent(
        self, capability: Capability, request: Request, url: yarl.URL, sent: tuple[SignedContent, dict[str, str]]
    ) -> Response:
        """Send, and report the result to the circuit breaker; a late service's health is checked meanwhile."""
        seconds, loop = self._seconds(capability, request), asyncio.get_running_loop()
        breaker, looks = self._breakers[capability.name], list[asyncio.Task[bool]]()
        look = partial(self._is_alive, capability)
        timer = loop.call_later(max(0.0, seconds - PROBE_SECONDS), lambda: looks.append(loop.create_task(look())))
        repeatable = request.scope["path"] == capability.path or request.method in _SAFE_TO_REPEAT
        try:
            async with asyncio.timeout(seconds):
                response = await self._twice(url, sent, repeatable=repeatable)
        except aiohttp.ClientError as error:
            if isinstance(error, _SignatureRefused):
                breaker.succeeded()
            else:  # a machine that does not answer makes every request wait
                breaker.failed(error, proven=isinstance(error, aiohttp.ConnectionTimeoutError))
            raise breaker.unavailable() from error
        except TimeoutError as error:
            if not (await looks[0] if looks else await look()):
                breaker.failed(error, proven=True)
                raise UpstreamUnavailable(
                    f"The {capability.name} service did not answer within {seconds:g} s, nor does it answer its "
                    "health check: it hangs. Ask again soon."
                ) from error
            breaker.succeeded()
            raise UpstreamTimeout(
                f"The {capability.name} service is at work, and was not done within {seconds:g} s. Ask about fewer "
                "contacts at once."
            ) from error
        finally:
            timer.cancel()
            for task in looks:
                task.cancel()
        breaker.succeeded()
        self._note_refusal(capability, response)
        return response

    async def _twice(self, url: yarl.URL, sent: tuple[SignedContent, dict[str, str]], *, repeatable: bool) -> Response:
        """Send again if nothing was sent yet, or if a pooled connection was dead and the request is safe to repeat."""
        try:
            return await self._once(url, *sent)
        except (*_NOT_CONNECTED, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not (repeatable or isinstance(error, _NOT_CONNECTED)):
                raise
            return await self._once(url, *sent)

    async def _once(self, url: yarl.URL, covered: SignedContent, headers: dict[str, str]) -> Response:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with self.client.request(
            covered.method, url, data=covered.body or None, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            content = await answer.read()
            if answer.status == 401:
                # This concerns our signature, not the client's key: the signing keys differ between the processes.
                log.error("upstream.refused_signature", extra={"path": url.path})
                raise _SignatureRefused
            passed = {name: answer.headers[name] for name in (*PASSED_BACK, SERVED_HEADER) if name in answer.headers}
            return Response(content, answer.status, passed)

    def _note_refusal(self, capability: Capability, response: Response) -> None:
        """Note the clock skew that a service reports."""
        if response.status_code != ClockSkew.status:
            return
        try:
            problem = orjson.loads(response.body)
        except orjson.JSONDecodeError:
            return
        if isinstance(problem, dict) and problem.get("code") == ClockSkew.code:
            self._note_skew(capability, float(problem.get("skew_seconds", 0.0)))

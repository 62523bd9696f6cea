"""Forwarding: a capability's requests go to its service as bytes, vouched for by a signed header."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import yarl
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Caller
from gateway.bodies import body_of
from gateway.metrics import GatewayMetrics
from shared.capabilities import TABLE, Capability
from shared.contracts.call import CALL_HEADER, REQUEST_ID_HEADER, SERVED_HEADER, Call, signed
from shared.errors import UpstreamTimeout, UpstreamUnavailable
from shared.settings import GatewaySettings

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 1.0
REST_SECONDS: Final = 1.0
"""How long a service whose machine is silent is left alone, so that not everybody waits for it to connect."""
PASSED_BACK: Final = ("content-type", "retry-after", "allow", "cache-control")
_SAFE_TO_REPEAT: Final = ("GET", "HEAD", "PUT", "DELETE")


class _SignatureRefused(aiohttp.ClientError):
    """The service does not believe that the call comes from this gateway."""


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
    """The services as seen from here."""

    settings: GatewaySettings
    client: aiohttp.ClientSession
    metrics: GatewayMetrics
    _resting_until: dict[str, float] = field(default_factory=dict)

    async def answer(
        self,
        capability: Capability,
        request: Request,
        caller: Caller,
        request_id: str,
        *,
        quota_contacts: int | None = None,
    ) -> Response:
        """Forward a request and pass the answer back.

        Args:
            capability: whose service.
            request: as it came; its body is read here.
            caller: who asks, vouched for in the signed header.
            request_id: the same from end to end.
            quota_contacts: about how many contacts the caller may still ask; None: any number.

        Raises:
            UpstreamUnavailable: the service does not answer.
            UpstreamTimeout: it did not answer in time.
            BadRequest: the body is compressed.
            BodyTooLarge: more bytes than allowed.
        """
        body = await body_of(request)
        self._refuse_while_resting(capability)
        # Counted from when the body is there: a slow upload must not make the service refuse the call.
        deadline_at = time.time() + self._seconds(capability, request)
        headers = self._headers(request, Call(caller.account, caller.scopes, request_id, deadline_at, quota_contacts))
        try:
            response = await self._sent(capability, request, body, headers)
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
        """Tell how long a request may take: minutes on the few paths whose work does."""
        path = request.scope["path"]
        long = any(path == one or path.startswith(f"{one}/") for one in capability.long_paths)
        return self.settings.long_request_timeout_seconds if long else self.settings.request_timeout_seconds

    async def states(self) -> dict[str, str]:
        """Ask every service whether it is ready: `ready`, `not-ready` or `away`."""
        asked = await asyncio.gather(*(self._state(line) for line in TABLE))
        return {line.name: state for line, state in zip(TABLE, asked, strict=True)}

    async def _state(self, capability: Capability) -> str:
        url = f"{self.settings.upstream_of(capability.name)}/readyz"
        try:
            async with self.client.get(url, timeout=aiohttp.ClientTimeout(total=CONNECT_SECONDS)) as response:
                return "ready" if response.status == 200 else "not-ready"
        except (aiohttp.ClientError, TimeoutError):
            return "away"

    def _headers(self, request: Request, call: Call) -> dict[str, str]:
        key = self.settings.signing_key.get_secret_value().encode()
        headers = {
            CALL_HEADER: signed(call, request.method, request.scope["path"], key),
            REQUEST_ID_HEADER: call.request_id,
        }
        if "content-type" in request.headers:
            headers["Content-Type"] = request.headers["content-type"]
        return headers

    def _url(self, capability: Capability, request: Request) -> yarl.URL:
        raw = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
        query = request.scope["query_string"].decode("ascii", "replace")
        base = self.settings.upstream_of(capability.name).rstrip("/")
        return yarl.URL(f"{base}{raw}?{query}" if query else f"{base}{raw}", encoded=True)

    async def _sent(self, capability: Capability, request: Request, body: bytes, headers: dict[str, str]) -> Response:
        """Send, once more if a pooled connection turns out to be dead and asking twice does no harm."""
        url = self._url(capability, request)
        repeatable = request.scope["path"] == capability.path or request.method in _SAFE_TO_REPEAT
        try:
            async with asyncio.timeout(self._seconds(capability, request)):
                try:
                    return await self._once(request.method, url, body, headers)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if isinstance(error, aiohttp.ClientConnectorError) or not repeatable:
                        raise
                    return await self._once(request.method, url, body, headers)
        except aiohttp.ClientError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                self._resting_until[capability.name] = time.monotonic() + REST_SECONDS
            raise UpstreamUnavailable(f"The {capability.name} service does not answer. Ask again soon.") from error
        except TimeoutError as error:
            seconds = self._seconds(capability, request)
            raise UpstreamTimeout(
                f"The {capability.name} service did not answer within {seconds:g} s. Ask about fewer contacts at once."
            ) from error

    async def _once(self, method: str, url: yarl.URL, body: bytes, headers: dict[str, str]) -> Response:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        async with self.client.request(
            method, url, data=body or None, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            content = await answer.read()
            if answer.status == 401:
                # Not the client's key but ours: signing keys or clocks differ between the processes.
                log.error("upstream.refused_signature", extra={"path": url.path})
                raise _SignatureRefused
            passed = {name: answer.headers[name] for name in (*PASSED_BACK, SERVED_HEADER) if name in answer.headers}
            return Response(content, answer.status, passed)

    def _refuse_while_resting(self, capability: Capability) -> None:
        if time.monotonic() < self._resting_until.get(capability.name, 0.0):
            raise UpstreamUnavailable(f"The {capability.name} service does not answer. Ask again soon.")

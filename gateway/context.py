"""What all routes share: the parts that live as long as the process, the authenticated request, and cursors.

What one subject keeps for the life of the process, such as a cache, stands in the application's state instead.
A cursor says where a list goes on: opaque to clients, signed, and valid only for the list that it was made for.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

from anyio import Semaphore, fail_after
from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope as ASGIScope

from gateway.auth import Caller, KeyCache, identify, permit
from gateway.metrics import GatewayMetrics
from gateway.rate_limits import Quota, RateLimits
from gateway.upstream import Upstreams
from shared.contracts.call import Deadline, Scope
from shared.contracts.rows import now_us
from shared.errors import BadRequest, StoreUnavailable
from shared.http.exchange import refuse_encoded
from shared.http.middleware import refuse_unknown_query
from shared.http.readiness import StoreLook
from shared.settings import GatewaySettings
from shared.store import AccountStore, Database


class _WholePath(PathConvertor):
    """The rest of a path, line ends too: an id that holds one is refused by its own rule, not as an unknown path."""

    regex = "(?s:.*)"


register_url_convertor("path", _WholePath())


class AfterIdRoute(APIRoute):
    """A route whose path goes on after an id: `/contacts/a%2Fevents` is the contact `a/events`, not events of `a`."""

    def matches(self, scope: ASGIScope) -> tuple[Match, ASGIScope]:
        """Match by the path as it was sent: once decoded, a slash within the id looks like one after it."""
        match, child_scope = super().matches(scope)
        ending = self.path.rpartition("/")[2]
        if match is Match.NONE or ending.startswith("{"):
            return match, child_scope
        sent = unquote_to_bytes(scope["raw_path"].rpartition(b"/")[2])
        return (match, child_scope) if sent == ending.encode() else (Match.NONE, {})


_MAC_BYTES = 12
MAX_WRITERS = 20
_READS = ("GET", "HEAD")
_METERED_SCOPES = ("predict", "ingest")
"""Scopes of calls that are about contacts."""
LimitParam = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
CursorParam = Annotated[str | None, Query(max_length=4_000, description="`next_cursor` of the page before.")]


@dataclass(frozen=True, slots=True)
class Cursors:
    """Writes and reads cursors that are signed with one key."""

    key: bytes

    def made(self, purpose: str, place: Any) -> str:
        """Return the cursor of a place in a list.

        Args:
            purpose: account, list and filters; a cursor is refused for any other.
            place: JSON-serialisable, whatever the list needs to go on.
        """
        payload = json.dumps(place, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(purpose, payload) + payload).decode().rstrip("=")

    def read(self, purpose: str, text: str) -> Any:
        """Return the place that a cursor was made of.

        Raises:
            BadRequest: the cursor is not ours, or was made for another list.
        """
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError) as error:
            raise _invalid_cursor() from error
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            raise _invalid_cursor()
        return json.loads(payload)

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        message = b"cursor\n" + purpose.encode() + b"\n" + payload
        return hmac.new(self.key, message, hashlib.sha256).digest()[:_MAC_BYTES]


def _invalid_cursor() -> BadRequest:
    return BadRequest(
        "The cursor is not valid for this list. Send next_cursor exactly as the last page gave it, with the same "
        "filters, or leave it out to begin again.",
        errors=[{"pointer": "/query/cursor", "detail": "not valid for this list"}],
    )


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts that requests of every subject use, made at start-up."""

    settings: GatewaySettings
    database: Database
    key_cache: KeyCache
    limits: RateLimits
    upstreams: Upstreams
    cursors: Cursors
    metrics: GatewayMetrics
    store_probe: StoreLook
    writers: Semaphore = field(default_factory=lambda: Semaphore(MAX_WRITERS))
    """Slots for requests that write; fewer than there are threads."""

    @asynccontextmanager
    async def writing(self, within_seconds: float | None) -> AsyncIterator[None]:
        """Wait for a slot for a request that writes.

        Raises:
            StoreUnavailable: none became free in time.
        """
        try:
            with fail_after(within_seconds):
                await self.writers.acquire()
        except TimeoutError as error:
            raise StoreUnavailable("The store is busy: others write to it; try again soon.") from error
        try:
            yield
        finally:
            self.writers.release()


@dataclass(frozen=True, slots=True)
class AuthenticatedRequest:
    """One authenticated request and the account that it belongs to."""

    gateway: Gateway
    caller: Caller
    request_id: str
    quota: Quota
    facts: dict[str, Any] = field(default_factory=dict)
    """Fields of the request's log line; `contacts` among them counts against the quota."""
    mentioned_contacts: set[str] = field(default_factory=set)
    """Contacts that a kept answer is about: an erasure must find them."""
    transaction: AccountStore | None = None
    """The transaction of all reads and writes of the route, if there is one."""

    @property
    def store(self) -> AccountStore:
        """The caller's account; nothing of another one can be reached through it."""
        if self.transaction is not None:
            return self.transaction
        return self.gateway.database.of(self.caller.account).acting(self.caller.public_id, at=now_us())

    def read_cursor(self, purpose: str, cursor: str | None) -> object:
        """Read a cursor that was made for this account and list; None: begin."""
        return None if cursor is None else self.gateway.cursors.read(self._purpose(purpose), cursor)

    def next_cursor(self, purpose: str, place: object) -> str:
        """Make the cursor at which this account's list goes on."""
        return self.gateway.cursors.made(self._purpose(purpose), place)

    def _purpose(self, purpose: str) -> str:
        return f"{self.caller.account}\n{purpose}"


def gateway_of(request: Request) -> Gateway:
    """Return the parts that a request uses: those of the process, unless a call from this process brings its own."""
    gateway: Gateway = request.state.gateway
    return gateway


async def body_of(request: Request) -> bytes:
    """Read a request's body.

    Raises:
        BadRequest: it is compressed.
    """
    refuse_encoded(request.headers.get("content-encoding"))
    return await request.body()


async def authenticate(request: Request, scope: Scope) -> AuthenticatedRequest:
    """Authenticate a request.

    Raises:
        NotAuthenticated: no valid key.
        LimitReached: the key has used its quota up, or the address has failed too often.
        NotAllowed: the key lacks the scope.
        BadRequest: a query parameter is not known here.
    """
    gateway = gateway_of(request)
    caller = await identify(gateway.key_cache, gateway.limits, request.scope, request.headers.get("authorization"))
    facts: dict[str, Any] = {"account": caller.account, "key": caller.public_id}
    request.state.facts = facts
    quota = request.state.quota = await gateway.limits.count(caller.public_id)
    quota.check(spends=scope in _METERED_SCOPES)
    permit(caller, scope)
    await refuse_unknown_query(request)
    return AuthenticatedRequest(gateway, caller, request.state.request_id, quota, facts)


RawBody = Annotated[bytes, Depends(body_of)]


def scope_of(dependant: Dependant) -> Scope | None:
    """Return the scope that a route needs; None: it needs no key."""
    found: list[Scope] = [scope for one in dependant.dependencies if (scope := getattr(one.call, "scope", None))]
    return found[0] if found else None


def _requires(scope: Scope, *, writes: bool = True) -> Callable[[Request], AsyncIterator[AuthenticatedRequest]]:
    """Return the dependency of a route that needs a scope.

    Args:
        scope: that the key needs.
        writes: whether the route writes to the store, unless its method only reads. Then its body is read and a slot
            taken before it gets a thread, so that requests that wait for a locked store leave threads to readers.
    """

    async def allowed(request: Request) -> AsyncIterator[AuthenticatedRequest]:
        made = await authenticate(request, scope)
        if not writes or request.method in _READS:
            yield made
            return
        await request.body()
        async with made.gateway.writing(Deadline.seconds_left()):
            yield made

    allowed.scope = scope  # type: ignore[attr-defined]
    return allowed


ReadScope = Annotated[AuthenticatedRequest, Depends(_requires("read"))]
ReadScopeNoWrites = Annotated[AuthenticatedRequest, Depends(_requires("read", writes=False))]
"""For routes that send a question in a body, and write nothing to the store."""
PredictScope = Annotated[AuthenticatedRequest, Depends(_requires("predict"))]
IngestScope = Annotated[AuthenticatedRequest, Depends(_requires("ingest"))]
AdminScope = Annotated[AuthenticatedRequest, Depends(_requires("admin"))]
AdminScopeNoWrites = Annotated[AuthenticatedRequest, Depends(_requires("admin", writes=False))]
"""For routes that need the scope admin and write nothing to the store."""


def json_response(answer: BaseModel) -> Response:
    """Return an answer as JSON; called in the route's thread, so that long lists do not hold the event loop."""
    return Response(answer.model_dump_json(), media_type="application/json")


def created_response(authenticated: AuthenticatedRequest, answer: BaseModel, path: str) -> Response:
    """Return the answer to a creation: 201, with its path in `Location`.

    Args:
        authenticated: the request; its gateway knows the public URL, where one is set.
        answer: the body.
        path: of what was created, percent-encoded.
    """
    base = authenticated.gateway.settings.public_url or ""
    return Response(answer.model_dump_json(), 201, media_type="application/json", headers={"Location": f"{base}{path}"})


def count_ingested(authenticated: AuthenticatedRequest, kind: str, counts: dict[str, int]) -> None:
    """Count what a request wrote of a kind, by status, for its log line, quota and metrics."""
    authenticated.facts["contacts"] = sum(counts.values())
    for status, number in counts.items():
        authenticated.gateway.metrics.ingested.labels(kind, status).inc(number)

"""What the gateway's routes share: the parts that live as long as the process, and who is asking."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from anyio import Semaphore, fail_after
from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.responses import Response

from gateway.auth import Caller, Keyring, permit
from gateway.bodies import body_of
from gateway.cursor import Cursors
from gateway.limits import Limits, Quota
from gateway.metrics import GatewayMetrics
from gateway.upstream import Upstreams
from gateway.webhooks.receiving import Retrying
from gateway.webhooks.reception import Reception
from shared import deadline
from shared.contracts.credentials import Scope
from shared.contracts.rows import Microseconds, microseconds
from shared.errors import NotAuthenticated, StoreUnavailable
from shared.http.middleware import refuse_unknown_query
from shared.http.readiness import StoreLook
from shared.settings import GatewaySettings
from shared.store import AccountStore, Database

WRITERS = 20
_READS = ("GET", "HEAD")
_SPENDING = ("predict", "ingest")
"""Scopes of calls that are about contacts."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts, made at start-up."""

    settings: GatewaySettings
    database: Database
    keyring: Keyring
    limits: Limits
    upstreams: Upstreams
    cursors: Cursors
    metrics: GatewayMetrics
    reception: Reception
    look: StoreLook
    writers: Semaphore = field(default_factory=lambda: Semaphore(WRITERS))
    """Places of requests that write; fewer than there are threads."""

    @asynccontextmanager
    async def writing(self, within_seconds: float | None) -> AsyncIterator[None]:
        """Wait for one of the places of those who write.

        Raises:
            StoreUnavailable: there was none in time.
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

    def retrying(self, store: AccountStore) -> Retrying:
        """Make what tries the dead letters of an account again."""
        receiving = self.reception.receiving
        return Retrying(store, receiving.providers, receiving.identity_key)


@dataclass(frozen=True, slots=True)
class Visit:
    """One authenticated request and the account that it belongs to."""

    gateway: Gateway
    caller: Caller
    request_id: str
    quota: Quota
    facts: dict[str, Any] = field(default_factory=dict)
    """What the log tells of the request; `contacts` in it count against the quota."""
    concerned: set[str] = field(default_factory=set)
    """Contacts of whom a kept answer speaks: an erasure must find them."""
    within: AccountStore | None = None
    """A transaction that all reads and writes of the route are part of."""

    @property
    def store(self) -> AccountStore:
        """The caller's account; nothing of another one can be reached through it."""
        if self.within is not None:
            return self.within
        return self.gateway.database.of(self.caller.account).acting(self.caller.public_id, at=now())

    def place(self, purpose: str, cursor: str | None) -> object:
        """Read a cursor that this account was given for this list; None: begin."""
        return None if cursor is None else self.gateway.cursors.read(self._purpose(purpose), cursor)

    def cursor(self, purpose: str, place: object) -> str:
        """Write down where this list goes on for this account."""
        return self.gateway.cursors.made(self._purpose(purpose), place)

    def _purpose(self, purpose: str) -> str:
        return f"{self.caller.account}\n{purpose}"


def gateway_of(request: Request) -> Gateway:
    """Find the parts."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def visit(request: Request, scope: Scope) -> Visit:
    """Authenticate a request.

    Raises:
        NotAuthenticated: no valid key.
        LimitReached: the key has used its quota up, or the address has failed too often.
        NotAllowed: the key lacks the scope.
        BadRequest: a query parameter is not known here.
    """
    gateway = gateway_of(request)
    caller = await _caller(gateway, request)
    facts: dict[str, Any] = {"account": caller.account, "key": caller.public_id}
    request.state.facts = facts
    quota = await gateway.limits.admit(caller.public_id, spends=scope in _SPENDING, noted_in=request.state)
    permit(caller, scope)
    await refuse_unknown_query(request)
    return Visit(gateway, caller, request.state.request_id, quota, facts)


async def _caller(gateway: Gateway, request: Request) -> Caller:
    address = request.client.host if request.client is not None else ""
    authorization = request.headers.get("authorization")
    # Keys that are remembered go on working: others may come from the same address, through the same proxy.
    if gateway.limits.is_shut(address) and not gateway.keyring.trusts(authorization):
        raise gateway.limits.too_many_failures()
    try:
        return await gateway.keyring.caller(authorization)
    except NotAuthenticated:
        gateway.limits.count_failure(address)
        raise


def scope_of(dependant: Dependant) -> Scope | None:
    """Return the scope that a route needs; None: it is asked without a key."""
    found: list[Scope] = [scope for one in dependant.dependencies if (scope := getattr(one.call, "scope", None))]
    return found[0] if found else None


def _with(scope: Scope, *, writes: bool = True) -> Callable[[Request], AsyncIterator[Visit]]:
    """Make the dependency of a route.

    Args:
        scope: that the key needs.
        writes: whether the route waits for the store's writers, unless its method only reads. Then its body is read
            and a place taken before it gets a thread: those who wait for a locked store leave threads to readers.
    """

    async def allowed(request: Request) -> AsyncIterator[Visit]:
        made = await visit(request, scope)
        if not writes or request.method in _READS:
            yield made
            return
        await request.body()
        async with made.gateway.writing(deadline.seconds_left()):
            yield made

    allowed.scope = scope  # type: ignore[attr-defined]
    return allowed


Reading = Annotated[Visit, Depends(_with("read"))]
Ingesting = Annotated[Visit, Depends(_with("ingest"))]
Administering = Annotated[Visit, Depends(_with("admin"))]
Trying = Annotated[Visit, Depends(_with("admin", writes=False))]
"""Somebody who may change things, and changes nothing in the store."""
Body = Annotated[bytes, Depends(body_of)]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=4_000, description="`next_cursor` of the page before.")]


def json_of(answer: BaseModel) -> Response:
    """Write an answer; called in the route's thread, so that long lists do not hold the event loop."""
    return Response(answer.model_dump_json(), media_type="application/json")


def created(visit: Visit, answer: BaseModel, path: str) -> Response:
    """Write the answer to a creation: 201, and in `Location` where it lies.

    Args:
        visit: whose gateway is reached from outside under a public URL, where one is set.
        answer: what is shown of it.
        path: of what was made, percent-encoded.
    """
    base = visit.gateway.settings.public_url or ""
    return Response(answer.model_dump_json(), 201, media_type="application/json", headers={"Location": f"{base}{path}"})


def now() -> Microseconds:
    """Tell the time as the store keeps it."""
    return microseconds(datetime.now(UTC))

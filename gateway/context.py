"""What the gateway's routes share: the parts that live as long as the process, and who is asking."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from gateway.auth import Caller, Keyring
from gateway.bodies import body_of
from gateway.cursor import Cursors
from gateway.metrics import GatewayMetrics
from gateway.upstream import Upstreams
from gateway.webhooks.receiving import Retrying
from gateway.webhooks.reception import Reception
from shared.contracts.instants import microseconds
from shared.contracts.key import Scope
from shared.contracts.rows import Microseconds
from shared.settings import GatewaySettings
from shared.store import AccountStore, Database


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts, made at start-up."""

    settings: GatewaySettings
    database: Database
    keyring: Keyring
    upstreams: Upstreams
    cursors: Cursors
    metrics: GatewayMetrics
    reception: Reception

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

    @property
    def store(self) -> AccountStore:
        """The caller's account; nothing of another one can be reached through it."""
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
        NotAllowed: the key lacks the scope.
    """
    gateway = gateway_of(request)
    caller = await gateway.keyring.caller(request.headers.get("authorization"), scope)
    request.state.facts = {"account": caller.account, "key": caller.public_id}
    return Visit(gateway, caller, request.state.request_id)


def _with(scope: Scope) -> Callable[[Request], Awaitable[Visit]]:
    async def allowed(request: Request) -> Visit:
        return await visit(request, scope)

    return allowed


Reading = Annotated[Visit, Depends(_with("read"))]
Ingesting = Annotated[Visit, Depends(_with("ingest"))]
Administering = Annotated[Visit, Depends(_with("admin"))]
Body = Annotated[bytes, Depends(body_of)]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=4_000, description="`next_cursor` of the page before.")]


def json_of(answer: BaseModel) -> Response:
    """Write an answer; called in the route's thread, so that long lists do not hold the event loop."""
    return Response(answer.model_dump_json(), media_type="application/json")


def now() -> Microseconds:
    """Tell the time as the store keeps it."""
    return microseconds(datetime.now(UTC))

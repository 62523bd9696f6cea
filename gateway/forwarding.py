"""Routes read from the capability table: each prediction path and prefix goes to its service."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.bodies import body_of
from gateway.context import Visit, visit
from gateway.naming import may_name_by_email, with_ids
from shared.capabilities import TABLE, Capability
from shared.contracts.credentials import Scope

_READS = ("GET", "HEAD")
TOO_MANY = 429
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def add_forwarding(app: FastAPI, table: tuple[Capability, ...] = TABLE) -> None:
    """Add the routes of all capabilities."""
    for line in table:
        forward = forwarding(line)
        app.router.routes.append(Route(line.path, forward, methods=["POST"], include_in_schema=False))
        for prefix in line.prefixes:
            for path in (prefix, f"{prefix}/{{rest:path}}"):
                app.router.routes.append(Route(path, forward, methods=list(_METHODS), include_in_schema=False))


def forwarding(line: Capability) -> Callable[[Request], Awaitable[Response]]:
    """Make the route of one capability: authenticate, then pass bytes on and back."""

    async def forward(request: Request) -> Response:
        scope: Scope = "read" if request.method in _READS else "predict"
        here = await visit(request, scope)
        left = here.quota.remaining_contacts
        body = await _named(here, request) if request.scope["path"] == line.path else None
        answer = await here.gateway.upstreams.answer(
            line, request, here.caller, here.request_id, quota_contacts=left, body=body
        )
        if answer.status_code == TOO_MANY and left is not None:  # the service knows what is left, not for how long
            raise here.quota.refused(
                "contacts", f"This key may ask about {left:,} more contacts for now; ask about fewer, or wait."
            )
        return answer

    return forward


async def _named(here: Visit, request: Request) -> bytes:
    """Read the body of a prediction request; contacts named by an e-mail address get their ids."""
    body = await body_of(request)
    if not may_name_by_email(body):
        return body
    key = here.gateway.settings.identity_key.get_secret_value().encode()
    return await run_in_threadpool(with_ids, body, here.store, key)

"""Idempotency keys: a request with such a key has its effect once, and its first answer is replayed.

A route supports them with one line, `@idempotent`, below its own decorator. The answer is kept in the transaction of
the effect: if the process dies, neither is stored.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import Depends, Header, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.context import AuthenticatedRequest
from shared.contracts.call import Deadline
from shared.contracts.rows import HOUR, SECOND, now_us
from shared.contracts.seal import Seal
from shared.errors import BadRequest, ForetellError, IdempotencyInProgress, IdempotencyKeyReused, StoreUnavailable
from shared.http import problem
from shared.store import AccountStore, IdempotencyRow

HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
RELEASE_SECONDS: Final = 0.5
"""How long releasing a claim may take once the request's own time is over."""
LEASE: Final = 60 * SECOND
"""How long a request may take before its claim counts as abandoned."""
_NOT_KEPT: Final = (401, 403, 408, 425, 429)
"""Statuses that do not depend on the request itself: sent again, it may succeed."""
_KEPT_HEADERS: Final = ("content-type", "location")


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """The idempotency key of a request, and what makes another request the same."""

    key: str
    """Its SHA-256."""
    operation: str
    """Method and path of the route."""
    fingerprint: str


class BodyDigest:
    """Compute a digest of the body of a request with an idempotency key, as it streams in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or all(name != b"idempotency-key" for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        digest = hashlib.sha256()
        for part in (scope["method"].encode(), scope["raw_path"], scope["query_string"]):
            digest.update(part + b"\n")
        scope.setdefault("state", {})["digest"] = digest

        async def receive_fed() -> Message:
            message = await receive()
            digest.update(message.get("body", b""))
            return message

        await self.app(scope, receive_fed, send)


async def _read_key(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            min_length=1,
            max_length=255,
            pattern=r"^[\x20-\x7e]+$",
            description="Any text of your own: the same request with the same key has its effect once.",
        ),
    ] = None,
) -> IdempotentRequest | None:
    """Read the key, and the body to its end, so that the digest is complete.

    Raises:
        BadRequest: several keys.
    """
    if key is None:
        return None
    if len(request.headers.getlist(HEADER)) > 1:
        raise BadRequest(f"Send one {HEADER}, not several.")
    if not getattr(request.state, "body_is_read", False):  # a large one went into a file as it came
        await request.body()
    # Hashed, and the route without its ids: a client's own text may name a person, and it is not needed.
    hashed = hashlib.sha256(key.encode()).hexdigest()
    return IdempotentRequest(
        hashed, f"{request.method} {request.scope['route'].path}", request.state.digest.hexdigest()
    )


def idempotent(route: Callable[..., Response]) -> Callable[..., Response]:
    """Make a route that writes support idempotency keys.

    Everything that the route reads and writes through `authenticated.store` becomes one transaction, which also keeps
    the answer; the route must not open another store, nor do what a transaction cannot undo. It adds the contacts that
    its answer is about to `authenticated.mentioned_contacts`.

    Args:
        route: a plain function (it runs in a thread) with a parameter `authenticated`, that returns a `Response`.
    """
    return _idempotent(route, alone=False)


def idempotent_exclusive(route: Callable[..., Response]) -> Callable[..., Response]:
    """Make a route support idempotency keys whose transaction excludes other writers of the account."""
    return _idempotent(route, alone=True)


def _idempotent(route: Callable[..., Response], *, alone: bool) -> Callable[..., Response]:
    @functools.wraps(route)
    def wrapped(*, authenticated: AuthenticatedRequest, named: IdempotentRequest | None, **given: Any) -> Response:
        if named is None:
            return route(authenticated=authenticated, **given)
        return _run_or_replay(authenticated, named, lambda within: route(authenticated=within, **given), alone=alone)

    signature = inspect.signature(route)
    parameter = inspect.Parameter(
        "named", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[IdempotentRequest | None, Depends(_read_key)]
    )
    wrapped.__signature__ = signature.replace(parameters=[*signature.parameters.values(), parameter])  # type: ignore[attr-defined]
    return wrapped


def _run_or_replay(
    authenticated: AuthenticatedRequest,
    named: IdempotentRequest,
    answer: Callable[[AuthenticatedRequest], Response],
    *,
    alone: bool,
) -> Response:
    """Run the route, or replay the first answer.

    Raises:
        IdempotencyKeyReused: the key belongs to another request, or its answer is gone.
        IdempotencyInProgress: the first request is still being answered.
        ForetellError: what the route raises.
    """
    store, at, claim = authenticated.store, now_us(), uuid4().hex
    first = IdempotencyRow(named.key, named.operation, named.fingerprint, claim, at)
    expired_before = at - int(authenticated.gateway.settings.idempotency_hours * HOUR)
    row = store.idempotency.begin(first, stuck_before=at - LEASE, expired_before=expired_before)
    if row.claim != claim:
        return _replayed(authenticated, named, row)
    settled = False
    try:
        with store.transaction(alone=alone) as together:
            if not together.idempotency.hold(named.key, claim):
                raise _in_progress()
            given = answer(replace(authenticated, transaction=together))
            keeps = _keep_answer(authenticated, first, together, given)
        settled = keeps
        return given
    except ForetellError as error:
        # An error that says when to try again is not kept: the next try may succeed.
        if 400 <= error.status < 500 and error.status not in _NOT_KEPT and error.retry_after_seconds is None:
            with suppress(StoreUnavailable):
                settled = _keep_answer(authenticated, first, store, problem.response(error, authenticated.request_id))
        raise
    finally:
        if not settled:
            with suppress(StoreUnavailable), Deadline.within(RELEASE_SECONDS):
                store.idempotency.release(named.key, claim)


def _keep_answer(
    authenticated: AuthenticatedRequest, first: IdempotencyRow, store: AccountStore, answer: Response
) -> bool:
    """Keep an answer if it is one to replay; return whether it is."""
    if answer.status_code >= 500:
        return False
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    kept = json.dumps({"headers": headers, "body": bytes(answer.body).decode()})
    mentioned_contacts = (
        json.dumps(sorted(authenticated.mentioned_contacts)) if authenticated.mentioned_contacts else None
    )
    sealed = _seal(authenticated).seal(kept)
    store.idempotency.keep(
        first.key, first.claim, status=answer.status_code, answer=sealed, contact_ids=mentioned_contacts
    )
    return True


def _replayed(authenticated: AuthenticatedRequest, named: IdempotentRequest, row: IdempotencyRow) -> Response:
    repeats = authenticated.gateway.metrics.repeats
    if row.fingerprint != named.fingerprint:
        repeats.labels("reused").inc()
        raise IdempotencyKeyReused(
            f"This idempotency key was used for another request ({row.operation}): use a new one for each request."
        )
    if row.status is None:
        repeats.labels("in-progress").inc()
        raise _in_progress()
    if row.answer is None:
        repeats.labels("reused").inc()
        raise IdempotencyKeyReused("This request was answered, and its answer erased since: nothing was done again.")
    repeats.labels("replayed").inc()
    kept = json.loads(_seal(authenticated).opened(row.answer))
    return Response(kept["body"], row.status, {**kept["headers"], REPLAYED_HEADER: "true"})


def _in_progress() -> IdempotencyInProgress:
    return IdempotencyInProgress("The first request with this idempotency key is still being answered; ask again soon.")


def _seal(authenticated: AuthenticatedRequest) -> Seal:
    return Seal(authenticated.gateway.settings.identity_key.get_secret_value().encode())

"""Idempotency keys: a request that names one has its effect once, and its first answer is given again.

A route gets all of it with one line, `@once`, below its own decorator. The answer is kept in the transaction of the
effect: whoever dies in between has done neither.
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

from gateway.context import Visit, now
from shared import deadline
from shared.contracts.credentials import Seal
from shared.contracts.rows import HOUR, SECOND
from shared.errors import BadRequest, ForetellError, IdempotencyInProgress, IdempotencyKeyReused, StoreUnavailable
from shared.http import problem
from shared.store import AccountStore, IdempotencyRow

HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
RELEASE_SECONDS: Final = 0.5
"""What is left for giving a claim back where the request's own time is up."""
LEASE: Final = 60 * SECOND
"""How long a request may take before it counts as died; one that still lives is waited for."""
_NOT_KEPT: Final = (401, 403, 408, 425, 429)
"""Answers that say nothing about the request itself: sent again, it may well succeed."""
_KEPT_HEADERS: Final = ("content-type", "location")


@dataclass(frozen=True, slots=True)
class Naming:
    """The key that a request named, and what makes it the same request."""

    key: str
    """Its SHA-256."""
    operation: str
    """Method and path of the route."""
    fingerprint: str


class BodyDigest:
    """Feed a digest with the body of a request that names a key, as it streams in."""

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


async def _named(
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
) -> Naming | None:
    """Read the key, and the body to its end, so that the digest is complete.

    Raises:
        BadRequest: several keys.
    """
    if key is None:
        return None
    if len(request.headers.getlist(HEADER)) > 1:
        raise BadRequest(f"Send one {HEADER}, not several.")
    await request.body()
    # Hashed, and the route without its ids: a client's own text may speak of a person, and nothing here needs it.
    hashed = hashlib.sha256(key.encode()).hexdigest()
    return Naming(hashed, f"{request.method} {request.scope['route'].path}", request.state.digest.hexdigest())


def once(route: Callable[..., Response]) -> Callable[..., Response]:
    """Let a route that writes take idempotency keys.

    Everything that the route reads and writes through `visit.store` becomes one transaction, which also keeps the
    answer; it must neither open another store nor do what a transaction cannot undo. It notes in `visit.concerned`
    of whom its answer speaks.

    Args:
        route: a plain function (it runs in a thread) with a parameter `visit`, that answers with a `Response`.
    """
    return _once(route, alone=False)


def once_alone(route: Callable[..., Response]) -> Callable[..., Response]:
    """Do the same for a route during which nobody else may write of the account."""
    return _once(route, alone=True)


def _once(route: Callable[..., Response], *, alone: bool) -> Callable[..., Response]:
    @functools.wraps(route)
    def wrapped(*, visit: Visit, named: Naming | None, **given: Any) -> Response:
        if named is None:
            return route(visit=visit, **given)
        return _answered(visit, named, lambda within: route(visit=within, **given), alone=alone)

    signature = inspect.signature(route)
    asked = inspect.Parameter(
        "named", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[Naming | None, Depends(_named)]
    )
    wrapped.__signature__ = signature.replace(parameters=[*signature.parameters.values(), asked])  # type: ignore[attr-defined]
    return wrapped


def _answered(visit: Visit, named: Naming, answer: Callable[[Visit], Response], *, alone: bool) -> Response:
    """Answer, or give the first answer again.

    Raises:
        IdempotencyKeyReused: the key belongs to another request, or its answer is gone.
        IdempotencyInProgress: the first request is still being answered.
        ForetellError: what the route says.
    """
    store, at, claim = visit.store, now(), uuid4().hex
    first = IdempotencyRow(named.key, named.operation, named.fingerprint, claim, at)
    expired_before = at - int(visit.gateway.settings.idempotency_hours * HOUR)
    row = store.idempotency.begin(first, stuck_before=at - LEASE, expired_before=expired_before)
    if row.claim != claim:
        return _again(visit, named, row)
    settled = False
    try:
        with store.transaction(alone=alone) as together:
            if not together.idempotency.hold(named.key, claim):
                raise _in_progress()
            given = answer(replace(visit, within=together))
            keeps = _keep(visit, first, together, given)
        settled = keeps
        return given
    except ForetellError as error:
        # One that says when to ask again is no last word.
        if 400 <= error.status < 500 and error.status not in _NOT_KEPT and error.retry_after_seconds is None:
            with suppress(StoreUnavailable):
                settled = _keep(visit, first, store, problem.response(error, visit.request_id))
        raise
    finally:
        if not settled:
            with suppress(StoreUnavailable), deadline.within(RELEASE_SECONDS):
                store.idempotency.release(named.key, claim)


def _keep(visit: Visit, first: IdempotencyRow, store: AccountStore, answer: Response) -> bool:
    """Keep an answer; tell whether it is one to keep."""
    if answer.status_code >= 500:
        return False
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    kept = json.dumps({"headers": headers, "body": bytes(answer.body).decode()})
    concerned = json.dumps(sorted(visit.concerned)) if visit.concerned else None
    sealed = _seal(visit).seal(kept)
    store.idempotency.keep(first.key, first.claim, status=answer.status_code, answer=sealed, contact_ids=concerned)
    return True


def _again(visit: Visit, named: Naming, row: IdempotencyRow) -> Response:
    repeats = visit.gateway.metrics.repeats
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
    kept = json.loads(_seal(visit).opened(row.answer))
    return Response(kept["body"], row.status, {**kept["headers"], REPLAYED_HEADER: "true"})


def _in_progress() -> IdempotencyInProgress:
    return IdempotencyInProgress("The first request with this idempotency key is still being answered; ask again soon.")


def _seal(visit: Visit) -> Seal:
    return Seal(visit.gateway.settings.identity_key.get_secret_value().encode())

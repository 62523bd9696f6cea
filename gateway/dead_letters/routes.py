"""Routes of dead letters: items of webhooks that could not be taken."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.context import AdminScope, AuthenticatedRequest, CursorParam, LimitParam, json_response
from gateway.dead_letters.schemas import DeadLetterAnswer, DeadLetterList, RetryAnswer, RetryRequest
from gateway.idempotency import idempotent_exclusive
from gateway.webhooks.receiver import ProcessReceiver
from shared.contracts.rows import instant_of, now_us
from shared.errors import BadRequest, NotFound
from shared.store import DeadLetterRow

router = APIRouter(tags=["sources"])
LetterId = Annotated[str, Path(description="The letter's id.", max_length=200)]
OfSource = Annotated[str | None, Query(description="Only of this source.", max_length=200)]
WithReason = Annotated[str | None, Query(description="Only with this reason.", max_length=200)]


@router.get(
    "/dead-letters", response_model=DeadLetterList, operation_id="list_dead_letters", summary="List dead letters"
)
def list_letters(
    authenticated: AdminScope,
    limit: LimitParam = 100,
    cursor: CursorParam = None,
    source_id: OfSource = None,
    reason: WithReason = None,
) -> Response:
    """List what could not be taken, oldest first, a page at a time."""
    purpose = f"dead-letters\n{source_id}\n{reason}"
    place = authenticated.read_cursor(purpose, cursor)
    after = _after(place)
    page = authenticated.store.sources.dead_letters.page(limit, after=after, source_id=source_id, reason=reason)
    next_cursor = None
    if len(page) == limit:
        next_cursor = authenticated.next_cursor(purpose, [page[-1].received_at, page[-1].dead_letter_id])
    return json_response(DeadLetterList(dead_letters=[_answer(letter) for letter in page], next_cursor=next_cursor))


@router.get(
    "/dead-letters/{dead_letter_id}",
    response_model=DeadLetterAnswer,
    operation_id="show_dead_letter",
    summary="Show a dead letter",
)
def show_letter(authenticated: AdminScope, dead_letter_id: LetterId) -> Response:
    """Show an item that could not be taken, and why."""
    return json_response(_answer(_known(authenticated, dead_letter_id)))


@router.post(
    "/dead-letters/all/retry",
    response_model=RetryAnswer,
    operation_id="retry_dead_letters",
    summary="Retry dead letters",
)
@idempotent_exclusive
def retry_all(authenticated: AdminScope, receiver: ProcessReceiver, body: RetryRequest | None = None) -> Response:
    """Try all again, of one source or with one reason where named: after the contacts were put, for example."""
    wanted = body or RetryRequest()
    taken, dead = receiver.dead_letter_retry(authenticated.store).retry_all(
        source_id=wanted.source_id, reason=wanted.reason, at=now_us()
    )
    return json_response(RetryAnswer(taken=taken, dead=dead))


@router.post(
    "/dead-letters/{dead_letter_id}/retry",
    response_model=RetryAnswer,
    operation_id="retry_dead_letter",
    summary="Retry one",
)
@idempotent_exclusive
def retry_letter(authenticated: AdminScope, receiver: ProcessReceiver, dead_letter_id: LetterId) -> Response:
    """Try a letter again: it goes when it is taken, else it stays and says why."""
    taken = receiver.dead_letter_retry(authenticated.store).retry(_known(authenticated, dead_letter_id), at=now_us())
    return json_response(RetryAnswer(taken=int(taken), dead=int(not taken)))


def _after(place: object) -> tuple[int, str] | None:
    if place is None:
        return None
    if isinstance(place, list) and len(place) == 2:
        return int(place[0]), str(place[1])
    raise BadRequest("This cursor is not of this list; begin without one.")


def _known(authenticated: AuthenticatedRequest, letter_id: str) -> DeadLetterRow:
    letter = authenticated.store.sources.dead_letters.find(letter_id)
    if letter is None:
        raise NotFound("There is no dead letter of this id in this account; GET /dead-letters lists those there are.")
    return letter


def _answer(letter: DeadLetterRow) -> DeadLetterAnswer:
    return DeadLetterAnswer(
        id=letter.dead_letter_id,
        source_id=letter.source_id,
        provider=letter.provider,
        reason=letter.reason,
        detail=letter.detail,
        payload=json.loads(letter.payload),
        received_at=instant_of(letter.received_at),
        times=letter.times,
    )

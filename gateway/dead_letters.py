"""Routes of dead letters: what came by webhook and could not be taken."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.context import Administering, Cursor, Limit, Visit, json_of, now
from gateway.idempotency import once_alone
from gateway.webhook_schemas import DeadLetterAnswer, DeadLetterList, RetryAnswer, RetryRequest
from shared.contracts.rows import instant_of
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
    visit: Administering,
    limit: Limit = 100,
    cursor: Cursor = None,
    source_id: OfSource = None,
    reason: WithReason = None,
) -> Response:
    """List what could not be taken, oldest first, a page at a time."""
    purpose = f"dead-letters\n{source_id}\n{reason}"
    place = visit.place(purpose, cursor)
    after = _after(place)
    page = visit.store.dead_letters.page(limit, after=after, source_id=source_id, reason=reason)
    following = None
    if len(page) == limit:
        following = visit.cursor(purpose, [page[-1].received_at, page[-1].dead_letter_id])
    return json_of(DeadLetterList(dead_letters=[_answer(letter) for letter in page], next_cursor=following))


@router.get(
    "/dead-letters/{dead_letter_id}",
    response_model=DeadLetterAnswer,
    operation_id="show_dead_letter",
    summary="Show a dead letter",
)
def show_letter(visit: Administering, dead_letter_id: LetterId) -> Response:
    """Show an item that could not be taken, and why."""
    return json_of(_answer(_known(visit, dead_letter_id)))


@router.post(
    "/dead-letters/all/retry",
    response_model=RetryAnswer,
    operation_id="retry_dead_letters",
    summary="Retry dead letters",
)
@once_alone
def retry_all(visit: Administering, asked: RetryRequest) -> Response:
    """Try all again, of one source or with one reason where named: after the contacts were put, for example."""
    taken, dead = visit.gateway.retrying(visit.store).retry_all(
        source_id=asked.source_id, reason=asked.reason, at=now()
    )
    return json_of(RetryAnswer(taken=taken, dead=dead))


@router.post(
    "/dead-letters/{dead_letter_id}/retry",
    response_model=RetryAnswer,
    operation_id="retry_dead_letter",
    summary="Retry one",
)
@once_alone
def retry_letter(visit: Administering, dead_letter_id: LetterId) -> Response:
    """Try a letter again: it goes when it is taken, else it stays and says why."""
    taken = visit.gateway.retrying(visit.store).retry(_known(visit, dead_letter_id), at=now())
    return json_of(RetryAnswer(taken=int(taken), dead=int(not taken)))


def _after(place: object) -> tuple[int, str] | None:
    if place is None:
        return None
    if isinstance(place, list) and len(place) == 2:
        return int(place[0]), str(place[1])
    raise BadRequest("This cursor is not of this list; begin without one.")


def _known(visit: Visit, letter_id: str) -> DeadLetterRow:
    letter = visit.store.dead_letters.find(letter_id)
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

"""Routes of deliveries: listed, shown with every attempt, replayed."""

import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.context import AdminScope, AuthenticatedRequest, CursorParam, LimitParam, ReadScope, json_response
from gateway.deliveries.schemas import (
    AttemptAnswer,
    DeliveryAnswer,
    DeliveryDetail,
    DeliveryList,
    DeliveryStateName,
    Replayed,
    ReplayRequest,
)
from gateway.idempotency import idempotent
from gateway.subscriptions.schemas import ID
from shared.contracts.rows import instant_of, instant_or_none, microseconds, now_us
from shared.errors import NotFound
from shared.store import ENDED, AttemptRow, DeliveryRow

router = APIRouter(tags=["subscriptions"])
DeliveryId = Annotated[str, Path(pattern=ID, description="Of the delivery: the receiver's `webhook-id`.")]
OfSubscription = Annotated[str | None, Query(pattern=ID, description="Only to this subscription.")]
InState = Annotated[DeliveryStateName | None, Query(description="Only those in this state.")]


@router.get("/deliveries", response_model=DeliveryList, operation_id="list_deliveries", summary="List deliveries")
def list_deliveries(
    authenticated: ReadScope, subscription_id: OfSubscription = None, state: InState = None, limit: LimitParam = 100,
    cursor: CursorParam = None,
) -> Response:  # fmt: skip
    """List what was told to whom, newest first, a page at a time; kept for 30 days unless set otherwise."""
    purpose = f"deliveries\n{subscription_id}\n{state}"
    place = authenticated.read_cursor(purpose, cursor)
    after = (int(place[0]), str(place[1])) if isinstance(place, list) else None
    page = authenticated.store.deliveries.page(limit, subscription_id=subscription_id, state=state, after=after)
    last = page[-1] if len(page) == limit else None
    next_cursor = None if last is None else authenticated.next_cursor(purpose, [last.created_at, last.delivery_id])
    return json_response(DeliveryList(deliveries=[delivery_answer(row) for row in page], next_cursor=next_cursor))


@router.get(
    "/deliveries/{delivery_id}", response_model=DeliveryDetail, operation_id="show_delivery", summary="Show a delivery"
)
def show_delivery(authenticated: ReadScope, delivery_id: DeliveryId) -> Response:
    """Show what is told, and what came back at each attempt."""
    return json_response(_detail(authenticated, delivery_id))


@router.post(
    "/deliveries/replay", response_model=Replayed, operation_id="replay_deliveries", summary="Replay a stretch of time"
)
@idempotent
def replay_deliveries(authenticated: AdminScope, which: ReplayRequest) -> Response:
    """Deliver once more what was made in a stretch of time and has ended: same ids, from the first attempt on."""
    states = ENDED if which.state is None else (which.state,)
    replayed = authenticated.store.deliveries.replay_many(
        which.subscription_id, microseconds(which.since), microseconds(which.until), states=states, at=now_us()
    )
    return json_response(Replayed(replayed=replayed))


@router.post(
    "/deliveries/{delivery_id}/replay",
    response_model=DeliveryDetail,
    operation_id="replay_delivery",
    summary="Replay a delivery",
)
@idempotent
def replay_delivery(authenticated: AdminScope, delivery_id: DeliveryId) -> Response:
    """Deliver one message once more; under the same id, from the first attempt on."""
    authenticated.store.deliveries.replay(delivery_id, at=now_us())
    detail = _detail(authenticated, delivery_id)
    if detail.contact_id is not None:
        authenticated.mentioned_contacts.add(detail.contact_id)
    return json_response(detail)


def _detail(authenticated: AuthenticatedRequest, delivery_id: str) -> DeliveryDetail:
    row = authenticated.store.deliveries.find(delivery_id)
    if row is None:
        raise NotFound("There is no delivery of this id in this account; GET /deliveries lists them.")
    return delivery_detail(row, authenticated.store.deliveries.attempts(delivery_id))


def delivery_answer(row: DeliveryRow) -> DeliveryAnswer:
    """Return a delivery as it is listed."""
    return DeliveryAnswer(
        id=row.delivery_id,
        subscription_id=row.subscription_id,
        message_id=row.message_id,
        type=row.type,
        contact_id=row.contact_id,
        state=row.state,
        due_at=instant_of(row.due_at) if row.state == "pending" else None,
        attempts=row.attempts,
        created_at=instant_of(row.created_at),
        ended_at=instant_or_none(row.ended_at),
    )


def delivery_detail(row: DeliveryRow, attempts: Sequence[AttemptRow]) -> DeliveryDetail:
    """Return a delivery with its data and attempts."""
    tried = [
        AttemptAnswer(
            number=one.number,
            attempted_at=instant_of(one.attempted_at),
            status=one.status,
            milliseconds=one.milliseconds,
            error=one.error,
            response=one.response,
        )
        for one in attempts
    ]
    return DeliveryDetail(**delivery_answer(row).model_dump(), data=json.loads(row.data), tried=tried)

"""Routes of deliveries: listed, shown with every attempt, replayed."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.context import Administering, Cursor, Limit, Reading, Visit, json_of, now
from gateway.idempotency import once
from gateway.subscriptions.answers import delivery_answer, delivery_detail
from gateway.subscriptions.schemas import ID, DeliveryDetail, DeliveryList, DeliveryStateName, Replayed, ReplayRequest
from shared.contracts.rows import microseconds
from shared.errors import NotFound
from shared.store import ENDED

router = APIRouter(tags=["subscriptions"])
DeliveryId = Annotated[str, Path(pattern=ID, description="Of the delivery: the receiver's `webhook-id`.")]
OfSubscription = Annotated[str | None, Query(pattern=ID, description="Only to this subscription.")]
InState = Annotated[DeliveryStateName | None, Query(description="Only those in this state.")]


@router.get("/deliveries", response_model=DeliveryList, operation_id="list_deliveries", summary="List deliveries")
def list_deliveries(
    visit: Reading, subscription_id: OfSubscription = None, state: InState = None, limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:  # fmt: skip
    """List what was told to whom, newest first, a page at a time; kept for 30 days unless set otherwise."""
    purpose = f"deliveries\n{subscription_id}\n{state}"
    place = visit.place(purpose, cursor)
    after = (int(place[0]), str(place[1])) if isinstance(place, list) else None
    page = visit.store.deliveries.page(limit, subscription_id=subscription_id, state=state, after=after)
    last = page[-1] if len(page) == limit else None
    following = None if last is None else visit.cursor(purpose, [last.created_at, last.delivery_id])
    return json_of(DeliveryList(deliveries=[delivery_answer(row) for row in page], next_cursor=following))


@router.get(
    "/deliveries/{delivery_id}", response_model=DeliveryDetail, operation_id="show_delivery", summary="Show a delivery"
)
def show_delivery(visit: Reading, delivery_id: DeliveryId) -> Response:
    """Show what is told, and what came back at each attempt."""
    return json_of(_detail(visit, delivery_id))


@router.post(
    "/deliveries/replay", response_model=Replayed, operation_id="replay_deliveries", summary="Replay a stretch of time"
)
@once
def replay_deliveries(visit: Administering, which: ReplayRequest) -> Response:
    """Deliver once more what was made in a stretch of time and has ended: same ids, from the first attempt on."""
    states = ENDED if which.state is None else (which.state,)
    replayed = visit.store.deliveries.replay_many(
        which.subscription_id, microseconds(which.since), microseconds(which.until), states=states, at=now()
    )
    return json_of(Replayed(replayed=replayed))


@router.post(
    "/deliveries/{delivery_id}/replay",
    response_model=DeliveryDetail,
    operation_id="replay_delivery",
    summary="Replay a delivery",
)
@once
def replay_delivery(visit: Administering, delivery_id: DeliveryId) -> Response:
    """Deliver one message once more; under the same id, from the first attempt on."""
    visit.store.deliveries.replay(delivery_id, at=now())
    detail = _detail(visit, delivery_id)
    if detail.contact_id is not None:
        visit.concerned.add(detail.contact_id)
    return json_of(detail)


def _detail(visit: Visit, delivery_id: str) -> DeliveryDetail:
    row = visit.store.deliveries.find(delivery_id)
    if row is None:
        raise NotFound("There is no delivery of this id in this account; GET /deliveries lists them.")
    return delivery_detail(row, visit.store.deliveries.attempts(delivery_id))

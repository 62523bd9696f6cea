"""Route of what goes on: predictions by hour, deliveries that wait, the newest event."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.activity.schemas import AccountActivity, DeliveryBacklog, HourOfAnswers
from gateway.context import ReadScope, json_response, now
from shared.contracts.rows import HOUR, instant_of, instant_or_none

router = APIRouter()
Hours = Annotated[int, Query(ge=1, le=24 * 31, description="So many hours, this one included.")]


@router.get(
    "/activity",
    response_model=AccountActivity,
    tags=["predictions"],
    operation_id="show_activity",
    summary="Show what goes on",
)
def show_activity(authenticated: ReadScope, hours: Hours = 48) -> Response:
    """Count the predictions of the last hours by capability and status, and the deliveries that have not arrived.

    Predictions are counted as they are made: this is quick, however many there are.
    """
    store, at = authenticated.store, now()
    since = at - at % HOUR - (hours - 1) * HOUR
    counted = store.predictions.counts.since(since)
    backlog = store.deliveries.backlog(at)
    answer = AccountActivity(
        since=instant_of(since),
        hours=[
            HourOfAnswers(hour=instant_of(one.hour), capability=one.capability, status=one.status, answers=one.answers)
            for one in counted
        ],
        newest_event_at=instant_or_none(store.events.newest_at()),
        deliveries=DeliveryBacklog(
            due=backlog.due,
            oldest_due_at=instant_or_none(backlog.oldest_due_at),
            held=backlog.held,
            failed=backlog.failed,
        ),
    )
    return json_response(answer)

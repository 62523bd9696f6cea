"""Route of what goes on: predictions by hour, deliveries that wait, the newest event."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from gateway.context import ReadScope, json_response
from shared.contracts.prediction import Answer, Status
from shared.contracts.rows import HOUR, instant_of, instant_or_none, now_us

router = APIRouter()
Hours = Annotated[int, Query(ge=1, le=24 * 31, description="So many hours, this one included.")]
Count = Annotated[int, Field(ge=0)]


class HourOfAnswers(Answer):
    """Predictions that were made in one hour."""

    hour: Annotated[datetime, Field(description="Its beginning, UTC.")]
    capability: Annotated[str, Field(description="Which question.")]
    status: Annotated[Status, Field(description="How they were answered.")]
    answers: Annotated[Count, Field(description="How many, of calls and of rounds of scoring together.")]


class DeliveryBacklog(Answer):
    """Deliveries that have not arrived; of each subscription at most 10,000 of a kind are counted."""

    due: Annotated[Count, Field(description="Wait to be tried now.")]
    oldest_due_at: Annotated[datetime | None, Field(description="Since when the first of them waits; null: none does.")]
    held: Annotated[Count, Field(description="Wait for a subscription that is paused or disabled.")]
    failed: Annotated[Count, Field(description="Were given up; they can be replayed.")]


class AccountActivity(Answer):
    """What goes on in an account."""

    since: Annotated[datetime, Field(description="The hour with which the counts begin.")]
    hours: Annotated[
        list[HourOfAnswers], Field(description="By hour, capability and status; what is not listed is none.")
    ]
    newest_event_at: Annotated[datetime | None, Field(description="Of all contacts; null: there is no event.")]
    deliveries: Annotated[DeliveryBacklog, Field(description="Messages on their way to subscriptions.")]


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
    store, at = authenticated.store, now_us()
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

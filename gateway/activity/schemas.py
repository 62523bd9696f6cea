"""Answer of the route of what goes on."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.contracts.prediction import Answer, Status

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

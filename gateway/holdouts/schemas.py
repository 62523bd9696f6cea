"""Requests and answers of the routes of holdouts."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gateway.schemas import REQUEST
from shared.capabilities import CapabilityName
from shared.contracts.contact import Instant
from shared.contracts.holdout import MOST_SHARE, HoldoutName
from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Answer


class HoldoutFields(BaseModel):
    """A share of the contacts that gets no predictions, to find out what they are worth."""

    model_config = REQUEST

    name: Annotated[HoldoutName, Field(description="What it is called; a name is used once.", examples=["spring"])]
    share: Annotated[
        float, Field(gt=0, le=MOST_SHARE, description="Which share of the contacts is held out.", examples=[0.1])
    ]
    capability: Annotated[CapabilityName | None, Field(description="Which question; null: all of them.")] = None
    outcome: Annotated[OutcomeName | None, Field(description="Which outcome of that question; null: all of them.")] = (
        None
    )
    until: Annotated[Instant | None, Field(description="When it ends by itself; null: when it is released.")] = None


class HoldoutAnswer(Answer):
    """A holdout; what its contacts are drawn by is not shown."""

    name: Annotated[str, Field(description="What it is called.")]
    share: Annotated[float, Field(description="Which share of the contacts is held out.")]
    capability: Annotated[str | None, Field(description="Which question; null: all of them.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null: all of them.")]
    state: Annotated[Literal["active", "ended"], Field(description="`active`: its contacts are answered as `control`.")]
    created_at: Annotated[datetime, Field(description="When it was created.")]
    until: Annotated[datetime | None, Field(description="When it ends by itself.")]
    released_at: Annotated[datetime | None, Field(description="When it was released by hand.")]
    effective_within_seconds: Annotated[
        float,
        Field(description="Lists change at once; answers of services this long after a creation or release, at most."),
    ]


class HoldoutList(Answer):
    """The holdouts of this account."""

    holdouts: Annotated[list[HoldoutAnswer], Field(description="The newest first.")]


class HoldoutContact(Answer):
    """Where a contact stands with a holdout."""

    contact_id: Annotated[str, Field(description="As asked, known or not.")]
    holdout: Annotated[str, Field(description="Name of the holdout.")]
    side: Annotated[Literal["treated", "control"], Field(description="Where the id was drawn; this never changes.")]
    held_out: Annotated[bool, Field(description="Whether it is answered as `control` now.")]

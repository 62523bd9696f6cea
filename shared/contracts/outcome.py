"""What is predicted: an event within a horizon, or an attribute; and when the question is asked."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

OutcomeName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Moment(BaseModel):
    """A moment of asking: so long after each event of a type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: Annotated[EventType, Field(description="After an event of this type.")]
    after_seconds: Annotated[int, Field(description="How long after it.", ge=0, le=365 * 86_400)]


class Outcome(BaseModel):
    """A named outcome as the account defined it.

    Either `event_types` (reached by the first of them within `horizon_days`; a fallback list is tried in
    order: the first type that the account has at all) or `attribute` (flat data: the value of a column).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: OutcomeName
    capability: Literal["scoring"]
    event_types: Annotated[tuple[EventType, ...], Field(max_length=10)] = ()
    horizon_days: Annotated[int, Field(ge=1, le=365)] = 90
    repeatable: bool = False
    first_only: bool = True
    """For a type that people repeat (order_placed): only the first counts unless `repeatable`."""
    at: Annotated[tuple[Moment, ...], Field(max_length=10)] = ()
    every_days: Annotated[int | None, Field(ge=1, le=365)] = None
    active_within_days: Annotated[int, Field(ge=1, le=730)] = 180
    attribute: Annotated[str | None, Field(max_length=128)] = None
    positive: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.event_types) == bool(self.attribute):
            raise ValueError("give either event_types or attribute")
        if self.at and self.every_days:
            raise ValueError("give either at (moments) or every_days (a grid)")
        return self


BUILT_IN: tuple[Outcome, ...] = (
    Outcome(name="opportunity", capability="scoring", event_types=("opportunity_created",)),
    Outcome(name="customer", capability="scoring", event_types=("deal_won", "order_placed")),
)
"""Valid in every account until redefined."""

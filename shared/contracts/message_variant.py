"""The wire type of a message: content that may be chosen for a contact, and who is eligible for it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.capabilities import OutcomeCapabilityName
from shared.contracts.contact import Instant, Text
from shared.contracts.outcome import AttributeName, AttributeText, OutcomeName
from shared.contracts.prediction import Band
from shared.contracts.rows import scalar

MAX_MESSAGES = 1_000
"""Of one account."""
MAX_VALUES = 50
MAX_MESSAGE_ATTRIBUTES = 20
EligibleValue = Annotated[AttributeText | float | bool, BeforeValidator(scalar)]


class MessageState(StrEnum):
    """Whether a message may be chosen now."""

    running = "running"
    not_yet = "not_yet"
    """It begins later."""
    over = "over"
    switched_off = "switched_off"
    """Not active, whatever its time says."""


class BandRule(BaseModel):
    """Contacts whose latest prediction falls into one of some bands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capability: Annotated[OutcomeCapabilityName, Field(description="Whose bands: scoring, churn.")]
    outcome: Annotated[OutcomeName | None, Field(description="Of which outcome; the account's default if omitted.")] = (
        None
    )
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=4, description="Any of these.")]


class Eligibility(BaseModel):
    """Whom a message is for; all that is said must hold, and nothing said is everybody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attributes: Annotated[
        Mapping[AttributeName, Annotated[tuple[EligibleValue, ...], Field(min_length=1, max_length=MAX_VALUES)]],
        Field(max_length=20, description="By attribute, the values of which the contact must have one."),
    ] = {}
    segments: Annotated[
        tuple[Text, ...], Field(max_length=MAX_VALUES, description="The latest segment is one of these ids.")
    ] = ()
    bands: Annotated[tuple[BandRule, ...], Field(max_length=10, description="Each of these rules must hold.")] = ()


class MessageVariantFields(BaseModel):
    """What may be said of a message, without its id; what is left out stays as it is, null takes it away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[
        Text | None, Field(description="What people call it; without one its id is shown.", examples=["Free delivery"])
    ] = None
    attributes: Annotated[
        Mapping[AttributeName, AttributeText],
        Field(
            max_length=MAX_MESSAGE_ATTRIBUTES,
            description="What it is about: messages that share a topic, an offer, a channel learn from each other.",
            examples=[{"topic": "delivery", "channel": "email"}],
        ),
    ] = {}
    from_: Annotated[Instant | None, Field(alias="from", description="Chosen from this instant on; null: at once.")] = (
        None
    )
    until: Annotated[Instant | None, Field(description="Not chosen from this instant on; null: for ever.")] = None
    eligible: Annotated[Eligibility, Field(description="Whom it is for; everybody unless you say otherwise.")] = Field(
        default_factory=Eligibility
    )
    cap_per_week: Annotated[
        int | None,
        Field(ge=1, le=1_000, description="How often at most one contact gets it within 7 days; null: no limit."),
    ] = None
    cooldown_hours: Annotated[
        float | None,
        Field(gt=0, le=8_760, description="How long a contact that got it does not get it again; null: no pause."),
    ] = None
    active: Annotated[bool, Field(description="false: it is never chosen. A new message is active.")] = True

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.until is not None and self.until <= self.from_:
            raise ValueError("give an until that is later than from")
        return self

    def given(self) -> Mapping[str, Any]:
        """Return what was said, by name; null as None."""
        return {name: getattr(self, name) for name in self.model_fields_set if name != "id"}

    def state_at(self, at: datetime) -> MessageState:
        """Return whether it may be chosen at an aware instant, and if not, why."""
        if not self.active:
            return MessageState.switched_off
        if self.from_ is not None and at < self.from_:
            return MessageState.not_yet
        return MessageState.running if self.until is None or at < self.until else MessageState.over

    def runs_at(self, at: datetime) -> bool:
        """Whether it may be chosen at an aware instant."""
        return self.state_at(at) is MessageState.running


class MessageVariant(MessageVariantFields):
    """A message, or a variant of some content: a subject line, a banner, an offer."""

    id: Annotated[Text, Field(description="Your own id of the message.", examples=["subject-b"])]

"""The parts of a service's answer that decide about a contact's state; other fields are not read."""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.prediction import Band, Grade, Reason, Trend


class AnswerPart(BaseModel):
    """Base of the parts that are read of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class AnsweredSegment(AnswerPart):
    """A segment."""

    id: Annotated[str, Field(description="Its id.")]
    name: Annotated[str, Field(description="As it is called.")]


class AnsweredInstant(AnswerPart):
    """An instant, and how the contact's clock shows it."""

    utc: Annotated[AwareDatetime, Field(description="The instant.")]
    local: Annotated[AwareDatetime, Field(description="The same with the contact's offset.")]
    timezone: Annotated[str, Field(description="IANA zone.")]

    @property
    def slot(self) -> int:
        """Hour of the contact's local week."""
        return self.local.weekday() * 24 + self.local.hour


class AnsweredNextOrder(AnswerPart):
    """When the next order is expected."""

    median_on: Annotated[date | None, Field(description="By this day half have ordered.")]
    low_on: Annotated[date | None, Field(description="By this day one in ten has.")]
    high_on: Annotated[date | None, Field(description="By this day nine in ten have.")]
    within_7_days: Annotated[float, Field(description="Chance of an order within 7 days.")]
    last_order_on: Annotated[date, Field(description="The day of the last one.")]


class AnsweredChoice(AnswerPart):
    """One of several segments or instants, with its rating."""

    id: Annotated[str | None, Field(description="Of a segment.")] = None
    name: Annotated[str | None, Field(description="Of a segment.")] = None
    membership: Annotated[float | None, Field(description="Of a segment.")] = None
    send_at: Annotated[AnsweredInstant | None, Field(description="Of an instant.")] = None
    probability: Annotated[float | None, Field(description="Of an instant.")] = None
    activity_share: Annotated[float | None, Field(description="Of an instant.")] = None

    @property
    def promise(self) -> float | None:
        """The rating of an instant: a probability, or the share of activity if only that is known."""
        return self.activity_share if self.probability is None else self.probability


class ContactPrediction(AnsweredChoice):
    """The prediction of one contact."""

    contact_id: Annotated[str | None, Field(description="Of whom.")]
    status: Annotated[str, Field(description="Whether there is one.")]
    score: Annotated[int | None, Field(description="Percentile.")] = None
    band: Annotated[Band | None, Field(description="Where the probability falls.")] = None
    trend: Annotated[Trend, Field(description="Against 30 days before.")] = "unknown"
    reasons: Annotated[list[Reason], Field(description="The strongest first.")] = []
    data_quality: Annotated[list[str], Field(description="What was missing or stale.")] = []
    segment: Annotated[AnsweredSegment | None, Field(description="The surest one.")] = None
    alternatives: Annotated[list[AnsweredChoice], Field(description="The next best.")] = []
    next_order: Annotated[AnsweredNextOrder | None, Field(description="When the next order is expected.")] = None
    expected_value: Annotated[float | None, Field(description="Within the horizon.")] = None
    currency: Annotated[str | None, Field(description="Of the value.")] = None


class FeatureCounts(AnswerPart):
    """One feature of the contacts of a call, counted in the bins of its reference."""

    name: Annotated[str, Field(description="Of the feature.")]
    counts: Annotated[list[int], Field(description="Contacts in each of ten bins, then without a value.")]
    unseen: Annotated[int | None, Field(description="Contacts of a category that training did not name.")]
    reference_shares: Annotated[list[float], Field(description="The shares of the same bins in the reference.")]
    reference_unseen: Annotated[float | None, Field(description="Share of such a category in the reference.")]
    weight: Annotated[float, Field(description="Share of the model that the feature is.")]


class InputCounts(AnswerPart):
    """What the model saw of the contacts of a call."""

    contacts: Annotated[int, Field(description="How many.")]
    features: Annotated[list[FeatureCounts], Field(description="In the order of the model.")]
    reference_scores: Annotated[list[float], Field(description="Shares of the reference by tenth of the score.")] = []


class AnsweringModel(AnswerPart):
    """Which version answered."""

    version: Annotated[str, Field(description="The registered version.")]
    grade: Annotated[Grade, Field(description="A to D.")]


class ServiceAnswer(AnswerPart):
    """A service's answer about some contacts."""

    predictions: Annotated[list[ContactPrediction], Field(description="One a contact, in the order asked.")]
    model: Annotated[AnsweringModel, Field(description="One for the whole call.")]
    cutoff: Annotated[AwareDatetime, Field(description="What the predictions stand on.")]
    inputs: Annotated[InputCounts | None, Field(description="Of a larger call of a worker.")] = None

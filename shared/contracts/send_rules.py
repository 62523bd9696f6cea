"""When messages may go out, and how many an hour takes: what a caller may ask of send times and of send plans."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.contracts.contact import Instant, Text
from shared.contracts.prediction import Answer
from shared.contracts.rows import DAY, Microseconds, microseconds
from shared.errors import BadRequest

MOST_DAYS, DEFAULT_DAYS = 14, 7
Engagement = Literal["click", "open", "order"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class RequestPart(BaseModel):
    """Base of the parts of a request: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(RequestPart):
    """Between which instants to send."""

    not_before: Annotated[
        Instant | None, Field(description="Earliest instant; the cutoff when omitted or earlier than that.")
    ] = None
    not_after: Annotated[
        Instant | None, Field(description="Nothing at or after it; 7 days after the earliest when omitted.")
    ] = None

    @model_validator(mode="after")
    def _not_too_long(self) -> Self:
        if (
            self.not_before
            and self.not_after
            and (self.not_after - self.not_before).total_seconds() > MOST_DAYS * 86_400
        ):
            raise ValueError(f"a window spans at most {MOST_DAYS} days")
        return self

    def bounds(self, cutoff: Microseconds, *, pointer: str = "/window") -> tuple[Microseconds, Microseconds]:
        """Return from when to when; nothing is sent before the cutoff.

        Args:
            cutoff: of the request.
            pointer: where the window stands in it.

        Raises:
            BadRequest: that is more than 14 days.
        """
        not_before = cutoff if self.not_before is None else max(cutoff, microseconds(self.not_before))
        not_after = not_before + DEFAULT_DAYS * DAY if self.not_after is None else microseconds(self.not_after)
        if not_after - not_before > MOST_DAYS * DAY:
            sentence = f"A window spans at most {MOST_DAYS} days from the cutoff."
            raise BadRequest(sentence, errors=[{"pointer": pointer, "detail": sentence}])
        return not_before, not_after


class QuietHours(RequestPart):
    """When nobody is disturbed, on each contact's own clock."""

    from_: Annotated[Clock, Field(alias="from", description="Quiet from then on.", examples=["21:00"])] = "21:00"
    to: Annotated[Clock, Field(description="Not quiet any more; may be on the next morning.")] = "08:00"


class SendRulesRequest(RequestPart):
    """Which instants are allowed."""

    window: Annotated[Window, Field(default_factory=Window, description="Between which instants; up to 14 days.")]
    quiet_hours: Annotated[
        QuietHours | Literal["off"],
        Field(
            default_factory=QuietHours, description="Local hours without sends, 21:00 to 08:00 unless said; or `off`."
        ),
    ]
    weekdays: Annotated[
        list[Weekday], Field(description="Local weekdays to send on; all when omitted.", min_length=1, max_length=7)
    ] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class SendPlanOptions(SendRulesRequest):
    """How many sends an hour may take, and which hours are allowed: all of a plan but the contacts."""

    capacity_per_hour: Annotated[
        int, Field(description="Sends that one hour (UTC) may take.", ge=1, le=10_000_000, strict=True)
    ]
    engagement: Annotated[
        Engagement | None, Field(description="What counts as an answer; the version's default when omitted.")
    ] = None
    campaign_id: Annotated[Text | None, Field(description="The campaign to be sent.")] = None


class PlannedHour(Answer):
    """How full an hour is."""

    utc: Annotated[datetime, Field(description="Start of the hour, UTC.")]
    planned: Annotated[int, Field(description="Contacts in it.")]
    capacity: Annotated[int, Field(description="Contacts that fit.")]


class PlanSummary(Answer):
    """What a send plan is worth, and how near it is to the best one."""

    expected: Annotated[float, Field(description="Sum of the values of the plan.")]
    bound: Annotated[float, Field(description="No plan within the capacity has more: proven by prices of the hours.")]
    gap: Annotated[float, Field(description="1 - expected / bound: how far from the best the plan may be.")]
    measure: Annotated[
        Literal["engagements", "activity_shares"],
        Field(description="What is summed; shares where sends are not known."),
    ]
    hours: Annotated[list[PlannedHour], Field(description="Hours that got contacts, in time order.")]
    unplaced: Annotated[int, Field(description="Contacts that could be sent to and found no room.")]

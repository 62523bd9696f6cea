"""The attribution report: which channel gets which part of the conversions, by seven methods."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from shared.contracts.prediction import Answer

LOOKBACK_DAYS: Final = 30
LONGEST_LOOKBACK_DAYS: Final = 365
LONGEST_DAYS: Final = 1_100
"""Of a period: three years."""
COMPANY: Final = "company"
"""The attribute that says of which company a contact is, where none is named."""
MOST_PATHS: Final = 20_000
BY_PATTERN: Final = r"^(channel|campaign|message|properties\.[^\x00-\x1f]{1,100})$"
CHANNEL_TYPES: Final[Mapping[str, str]] = {
    "email_replied": "email",
    "webinar_registered": "webinar",
    "webinar_attended": "webinar",
    "content_downloaded": "content",
}
"""By event type, where neither property names a channel; `<x>_clicked` is x of CLICKED."""
CLICKED: Final = ("email", "sms", "push", "ad")
METHODS: Final[Mapping[str, str]] = {
    "shapley": "Shapley: what a channel adds to the rate of conversion, beside journeys that did not meet it.",
    "markov": "Markov: conversions whose journeys pass through the channel, by removing it from the chain.",
    "last_touch": "Last touch: all to the last channel before the conversion.",
    "first_touch": "First touch: all to the channel that came first.",
    "linear": "Linear: each touch of a journey gets the same.",
    "time_decay": "Time decay: a touch seven days earlier counts half.",
    "position": "Position: 40 of 100 to the first, 40 to the last, the rest between.",
}
"""By name, what each does, in one sentence; the first two look at journeys that did not convert, rules do not."""
Unit = Literal["contact", "company"]


def touch_channel(event_type: str) -> str | None:
    """Return the channel that an event type alone says; None: it says none.

    >>> touch_channel("sms_clicked"), touch_channel("webinar_attended"), touch_channel("order_placed")
    ('sms', 'webinar', None)
    """
    clicked = re.fullmatch(r"(.+)_clicked", event_type)
    if clicked:
        return clicked[1] if clicked[1] in CLICKED else None
    return CHANNEL_TYPES.get(event_type)


class Credit(Answer):
    """What one channel gets by one method."""

    conversions: Annotated[float, Field(description="Its part of the conversions; below 0 where it lowers their rate.")]
    low: Annotated[float, Field(description="Lower end of the 95 % interval (bootstrap by contact or company).")]
    high: Annotated[float, Field(description="Upper end.")]
    value: Annotated[
        float | None,
        Field(
            description="Its part of the value; of Shapley and Markov its conversions times the mean value. Null "
            "without values, or in several currencies."
        ),
    ]


class ChannelCredits(Answer):
    """One channel, and what it gets by each method."""

    channel: Annotated[str, Field(description="As the events name it; `all others` are the rarest beyond 40.")]
    touches: Annotated[int, Field(ge=0, description="How often journeys met it.")]
    journeys: Annotated[int, Field(ge=0, description="Journeys that met it.")]
    converted: Annotated[int, Field(ge=0, description="Of them, those that ended in a conversion.")]
    removal_effect: Annotated[
        float, Field(ge=0, le=1, description="Share of the conversions that the Markov chain loses without it.")
    ]
    credits: Annotated[dict[str, Credit], Field(description="By method.")]


class AttributionFigures(Answer):
    """Conversions shared out among channels."""

    journeys: Annotated[
        int,
        Field(
            ge=0,
            description="Journeys that met a channel, at most as long as the lookback; the last ones count in part.",
        ),
    ]
    conversions: Annotated[int, Field(ge=0, description="Conversions of the period, after a touch or not.")]
    value: Annotated[float | None, Field(description="What they brought; null without, or in several currencies.")]
    currency: Annotated[str | None, Field(description="Of the values; null where events name none.")]
    untouched_conversions: Annotated[
        int, Field(ge=0, description="Conversions before which no channel was met: no method gives them to one.")
    ]
    expected_without: Annotated[
        Credit | None,
        Field(description="Shapley: conversions that are expected without any touch; null where no such journey is."),
    ]
    sampling_error: Annotated[
        float, Field(ge=0, description="Largest standard error of a Shapley credit by sampling; 0: all orders counted.")
    ]
    channels: Annotated[list[ChannelCredits], Field(description="The most credit by Shapley first.")]
    methods: Annotated[dict[str, str], Field(description="What each method does.")]
    notes: Annotated[list[str], Field(description="What to keep in mind, in sentences.")]


class AttributionQuestion(Answer):
    """What is to be shared out, as it was understood."""

    outcome: Annotated[str, Field(description="Of the capability scoring.")]
    event_types: Annotated[list[str], Field(description="Events of these types are its conversions.")]
    repeatable: Annotated[bool, Field(description="Whether each of them counts; else a contact's first ever.")]
    since: Annotated[datetime, Field(description="Conversions from here on count: the beginning of the day `from`.")]
    until: Annotated[datetime, Field(description="Nothing from here on is looked at: the beginning of the day `to`.")]
    by: Annotated[str, Field(description="What a touch is named by.")]
    lookback_days: Annotated[int, Field(description="How long before a conversion a touch counts.")]
    unit: Annotated[Unit, Field(description="Whose journeys: a contact's, or those of all contacts of a company.")]
    company_attribute: Annotated[str | None, Field(description="By which contacts are of one company; null: by none.")]


class AttributionSource(Answer):
    """Of whom and of what a report was made."""

    units: Annotated[int, Field(ge=0, description="Contacts, or companies, that were looked at.")]
    denied_contacts: Annotated[int, Field(ge=0, description="Contacts left out: they deny profiling.")]
    touches: Annotated[int, Field(ge=0, description="Events that are a touch.")]
    conversions_by_currency: Annotated[
        dict[str, int], Field(description="Events with a value that reached the outcome; empty name: no currency.")
    ]


class Lift(Answer):
    """A relative difference with its 95 % interval."""

    value: Annotated[float, Field(description="The figure.")]
    low: Annotated[float, Field(description="Lower end.")]
    high: Annotated[float, Field(description="Upper end.")]


class IncrementalEffect(Answer):
    """What a holdout of the same outcome found out: an effect that was caused, not shared out."""

    holdout: Annotated[str, Field(description="Its name.")]
    since: Annotated[datetime, Field(description="Its beginning.")]
    until: Annotated[datetime, Field(description="Its end, or when this report was made.")]
    lift: Annotated[
        Lift | None, Field(description="How much more often treated contacts reached it, relative to those held out.")
    ]
    conclusion: Annotated[str, Field(description="What it found out, in a sentence.")]
    trust: Annotated[str, Field(description="Which figure to trust for what.")]


class AttributionReport(AttributionFigures):
    """Which channel gets which part of the conversions, by seven methods."""

    reported_at: Annotated[datetime, Field(description="When it was made, UTC.")]
    question: Annotated[AttributionQuestion | None, Field(description="Null: of paths that another tool counted.")]
    source: Annotated[AttributionSource | None, Field(description="Null: of paths that another tool counted.")]
    incremental: Annotated[
        list[IncrementalEffect], Field(description="Holdouts of this outcome whose time overlaps the period.")
    ]

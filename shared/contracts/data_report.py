"""The data report: whether an account's data suffices, what is wrong with it, and what to do. One object everywhere."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.prediction import Answer

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Severity = Literal["blocks", "warns", "informs"]
Needed = Literal[
    "contacts_with_outcome", "contacts_without_outcome", "months_of_history", "active_contacts", "sends",
    "contacts_with_events", "buyers", "contacts_who_bought_items",
]  # fmt: skip
FindingCode = Literal[
    "no_contacts", "no_events", "nobody_may_be_learned_from",
    "few_with_outcome", "few_without_outcome", "outcome_unknown", "outcome_unused",
    "short_history", "few_active", "few_sends", "few_in_segments", "few_buyers", "few_item_buyers",
    "segments_by_rule", "stale_events",
    "few_timezones",
    "profiling_denied", "few_created_at", "few_with_events", "machine_events", "days_without_events", "events_dropped",
    "repeated_events", "orders_by_line", "shared_addresses",
    "attribute_empty", "attribute_rare", "attribute_constant", "attribute_copy",
    "attribute_undated", "attribute_personal", "attribute_row_number", "attribute_distinct", "attribute_leaks",
    "attribute_may_leak",
]  # fmt: skip


def in_words(figure: float) -> str:
    """Write a figure in full.

    >>> in_words(12_345_678.0), in_words(11.8)
    ('12,345,678', '11.8')
    """
    return f"{figure:,.15g}"


def percent(share: float, decimals: int = 0) -> str:
    """Write a share so that only none is 0 % and only all are 100 %.

    Args:
        share: 0 to 1.
        decimals: behind the point.

    >>> percent(0.0), percent(0.004), percent(0.5), percent(0.997), percent(1.0)
    ('0%', 'under 1%', '50%', 'over 99%', '100%')
    >>> percent(0.0001, 1), percent(0.3, 1)
    ('under 0.1%', '30.0%')
    """
    least = 10.0 ** -(2 + decimals)
    if 0 < share < least:
        return f"under {least:.{decimals}%}"
    return f"over {1 - least:.{decimals}%}" if 1 - least < share < 1 else f"{share:.{decimals}%}"


class ContactFigures(Answer):
    """Contacts, and what is known of them."""

    total: Annotated[Count, Field(description="All contacts of the account.")]
    learnable: Annotated[Count, Field(description="Contacts who did not deny profiling: those whom a training sees.")]
    sampled: Annotated[Count, Field(description="Contacts whose events were counted.")]
    read_whole: Annotated[Count, Field(description="Of those, the contacts who were read whole.")]
    with_timezone: Annotated[Share, Field(description="Share with a time zone.")]
    with_created_at: Annotated[Share, Field(description="Share of whom is known when they became a contact.")]
    with_events: Annotated[Share, Field(description="Share of those read whole with an event by a person.")]
    consent_granted: Annotated[Share, Field(description="Share that granted profiling.")]
    consent_denied: Annotated[Share, Field(description="Share that denied profiling: not learned from, not predicted.")]
    consent_none: Annotated[Share, Field(description="Share that said neither.")]


class EventTypeFigures(Answer):
    """One event type among the sampled contacts."""

    type: Annotated[str, Field(description="As recorded.")]
    events: Annotated[Count, Field(description="Events of the sampled contacts.")]
    machine_share: Annotated[Share, Field(description="Share made by machines: not learned from.")]
    first_on: Annotated[date, Field(description="Day of the first one, UTC.")]
    last_on: Annotated[date, Field(description="Day of the last one, UTC.")]


class Requirement(Answer):
    """One minimum of a training, and what there is."""

    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]
    needed: Annotated[Needed, Field(description="What is counted.")]
    minimum: Annotated[float, Field(ge=0, description="Training needs at least so many.")]
    found: Annotated[float, Field(ge=0, description="So many there are; an estimate where contacts were sampled.")]
    low: Annotated[float, Field(ge=0, description="Lower end of the 95 % interval of an estimate, else `found`.")]
    high: Annotated[float, Field(ge=0, description="Upper end.")]
    met: Annotated[bool | None, Field(description="Whether it is met; null: the sample cannot say.")]
    otherwise: Annotated[str, Field(description="What becomes of the model where it is not met.")]


class Affected(Answer):
    """A model that a finding is about."""

    capability: Annotated[str, Field(description="Which question.")]
    outcome: Annotated[str | None, Field(description="Which outcome; null where the capability has none.")]


class Finding(Answer):
    """Something about the data that somebody should know before training."""

    code: Annotated[FindingCode, Field(description="What it is; stays the same.")]
    severity: Annotated[Severity, Field(description="It blocks a training, warns of worse answers, or informs.")]
    subject: Annotated[str | None, Field(description="The attribute or event type that it is about.")]
    affects: Annotated[list[Affected], Field(description="Models that it concerns; empty: all of them.")]
    found: Annotated[str, Field(description="What was found, in words.")]
    effect: Annotated[str, Field(description="What it does.")]
    remedy: Annotated[str, Field(description="What to do about it.")]
    command: Annotated[str | None, Field(description="A command that does it, or shows more; null: there is none.")]


class DataReport(Answer):
    """Whether the data suffices for each model, and what to do about what it lacks."""

    reported_at: Annotated[datetime, Field(description="When, UTC; later events are not counted.")]
    contacts: Annotated[ContactFigures, Field(description="How many there are, and of how many what is known.")]
    first_event_on: Annotated[date | None, Field(description="Day of the first event of the sample, UTC.")]
    last_event_on: Annotated[date | None, Field(description="Day of the last one.")]
    months_of_history: Annotated[float, Field(ge=0, description="Months from the first to the last event.")]
    event_types: Annotated[list[EventTypeFigures], Field(description="The most frequent first.")]
    requirements: Annotated[list[Requirement], Field(description="Every minimum, by capability and outcome.")]
    findings: Annotated[list[Finding], Field(description="What blocks first, then what warns, then what informs.")]


class OutcomePreview(Answer):
    """How many contacts would have reached an outcome; counted as a training does, on contacts that were read."""

    capability: Annotated[str, Field(description="Which question it belongs to.")]
    event_types: Annotated[list[str], Field(description="As a training would take it.")]
    silence: Annotated[list[str], Field(description="Churn: whose absence counts; an automatic one as it is chosen.")]
    attribute: Annotated[str | None, Field(description="Flat data: the attribute that is predicted.")]
    horizon_days: Annotated[int, Field(description="How far after the cutoff it may come.")]
    contacts: Annotated[Count, Field(description="Contacts who did not deny profiling: those whom a training sees.")]
    read: Annotated[Count, Field(description="So many of them were read; all, where the account is small.")]
    requirements: Annotated[
        list[Requirement], Field(description="Contacts with and without it, and the history, beside the minimums.")
    ]
    suffices: Annotated[
        bool | None, Field(description="Whether there are enough contacts of both kinds; null: the sample cannot say.")
    ]
    unknown: Annotated[str | None, Field(description="Names that no contact has, with near ones; null: all are known.")]
    text: Annotated[str, Field(description="The same in words, and what to do where it does not suffice.")]


class KnownEventType(Answer):
    """An event type that an outcome can name."""

    type: Annotated[str, Field(description="As an outcome names it.")]
    contacts: Annotated[Count, Field(description="Contacts that were read and have such an event, made by a person.")]
    events: Annotated[Count, Field(description="Their events of the type.")]


class KnownValue(Answer):
    """A value of an attribute."""

    value: Annotated[str, Field(description="As `positive` of an outcome names it.")]
    contacts: Annotated[Count, Field(description="Contacts that were read and have it now.")]


class KnownAttribute(Answer):
    """An attribute that an outcome can name."""

    name: Annotated[str, Field(description="As contacts have it.")]
    contacts: Annotated[Count, Field(description="Contacts that were read and have a value.")]
    values: Annotated[
        list[KnownValue], Field(max_length=20, description="The most frequent first; empty: more than 20.")
    ]


class Vocabulary(Answer):
    """What outcomes can be made of: event types and attributes of the contacts that were read."""

    contacts: Annotated[Count, Field(description="Contacts who did not deny profiling.")]
    read: Annotated[Count, Field(description="So many of them were read; all, where the account is small.")]
    event_types: Annotated[list[KnownEventType], Field(description="Those that most contacts have first.")]
    attributes: Annotated[list[KnownAttribute], Field(description="Those that most contacts have first.")]

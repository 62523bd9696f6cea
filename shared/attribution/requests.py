"""What an attribution report is about, understood and checked; named by what it says, so that it is made once."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256

from shared.contracts.attribution import (
    COMPANY,
    LONGEST_DAYS,
    LOOKBACK_DAYS,
    AttributionQuestion,
    Unit,
)
from shared.contracts.outcome import Outcome, known_outcomes
from shared.errors import BadRequest
from shared.store import AccountStore

CAPABILITY = "scoring"
"""Whose outcomes have conversions."""
PERIOD_DAYS = 90
"""Where no beginning is named."""


@dataclass(frozen=True, slots=True)
class AttributionRequest:
    """A question as somebody asks it; what is None is left to its default."""

    outcome: str | None = None
    since: date | None = None
    until: date | None = None
    """The first day that does not count."""
    by: str = "channel"
    lookback_days: int = LOOKBACK_DAYS
    unit: Unit = "contact"
    company_attribute: str = COMPANY


def question_of(store: AccountStore, requested: AttributionRequest, *, today: date) -> AttributionQuestion:
    """Understand a question.

    Args:
        store: of the account, which knows its outcomes.
        requested: the question.
        today: UTC; without an end, it is the last day that counts.

    Raises:
        UnknownOutcome: there is no such outcome.
        BadRequest: it is not reached by events, none is named, or the period is none.
    """
    outcome = _outcome(store, requested.outcome)
    until = requested.until or today + timedelta(days=1)
    since = requested.since or until - min(timedelta(days=PERIOD_DAYS), until - date.min)
    if not 1 <= (until - since).days <= LONGEST_DAYS:
        detail = f"`from` lies before `to`, by at most {LONGEST_DAYS:,} days; the day `to` itself does not count."
        raise BadRequest(detail, errors=[{"pointer": "/query/from", "detail": detail}])
    return AttributionQuestion(
        outcome=outcome.name,
        event_types=list(outcome.event_types),
        repeatable=outcome.repeatable,
        since=_beginning(since),
        until=_beginning(until),
        by=requested.by,
        lookback_days=requested.lookback_days,
        unit=requested.unit,
        company_attribute=requested.company_attribute if requested.unit == "company" else None,
    )


def _outcome(store: AccountStore, name: str | None) -> Outcome:
    name = name or store.outcomes.default(CAPABILITY)
    if name is None:
        known = [one.name for one in store.outcomes.of(CAPABILITY)]
        detail = f"Name the outcome; this account has no default. {known_outcomes(CAPABILITY, known)}"
        raise BadRequest(detail, errors=[{"pointer": "/query/outcome", "detail": detail}])
    outcome = store.outcomes.require(CAPABILITY, name)
    if not outcome.event_types:
        detail = (
            f"The outcome {name} is an attribute, which does not say when it was reached; journeys end in events. "
            f"Define one that events reach: foretell outcomes set {name}_event --event EVENT_TYPE"
        )
        raise BadRequest(detail, errors=[{"pointer": "/query/outcome", "detail": detail}])
    return outcome


def _beginning(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def report_id(kind: str, question: str) -> str:
    """Name a report by its question: the same question, the same report."""
    return sha256(f"{kind}\n{question}".encode()).hexdigest()[:32]

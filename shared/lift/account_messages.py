"""The report of messages, read from the store: what was decided in a time, and what it earned."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

import numpy as np

from shared.contracts.outcome import Outcome, known_outcomes
from shared.contracts.rows import Microseconds, instant_of, microseconds
from shared.decisions.account_rewards import EarnedPart, earned, joined
from shared.errors import BadRequest
from shared.lift.message_report import MessageQuestion, MessagesReport, message_report
from shared.lift.message_results import MessageResults
from shared.store import AccountStore

CAPABILITY: Final = "messages"
PERIOD_DAYS: Final = 90
"""Where no beginning is named."""
MESSAGE_EVENTS: Final = ("email_", "sms_", "push_", "in_app_", "whatsapp_")
"""How event types begin that only somebody who got a message can cause."""
MOST_DECISIONS: Final = 2_000_000
"""Of a report: about 800 MB while it is made."""


class MessageReportRequest(NamedTuple):
    """A question as somebody asks it; what is None is left to its default."""

    outcome: str | None = None
    since: date | None = None
    until: date | None = None
    """The first day that does not count."""
    campaign_id: str | None = None
    """None: of all campaigns."""
    slot: str | None = None
    """None: of all slots."""


def messages_report(store: AccountStore, requested: MessageReportRequest, *, now: Microseconds) -> MessagesReport:
    """Read what decisions earned, and report it.

    Raises:
        UnknownOutcome: there is no such outcome.
        BadRequest: it is not reached by events, none is named, the time is none, or there are too many decisions.
    """
    outcome = _outcome(store, requested.outcome)
    until = requested.until or instant_of(now).date() + timedelta(days=1)
    since = requested.since or until - min(timedelta(days=PERIOD_DAYS), until - date.min)
    if since >= until:
        raise _refused("from", "`from` lies before `to`; the day `to` itself does not count.")
    start, end = _beginning(since), _beginning(until)
    parts = earned(store, outcome, microseconds(start), microseconds(end), now=now)
    columns, reward, so_far = joined(_within(parts, requested))
    names = {one.id: one.name for one in store.experiments.messages.all()}
    question = MessageQuestion(
        outcome.name,
        start,
        end,
        instant_of(now),
        requested.campaign_id,
        requested.slot,
        outcome.horizon_days,
        takes_a_message=all(one.startswith(MESSAGE_EVENTS) for one in outcome.event_types),
    )
    results = MessageResults(columns, reward, sums_value=outcome.sums_value, so_far=so_far)
    return message_report(question, results, names)


def _outcome(store: AccountStore, name: str | None) -> Outcome:
    name = name or store.outcomes.default(CAPABILITY)
    if name is None:
        known = [one.name for one in store.outcomes.of(CAPABILITY)]
        raise _refused("outcome", f"Name the outcome; this account has no default. {known_outcomes(CAPABILITY, known)}")
    outcome = store.outcomes.require(CAPABILITY, name)
    if not outcome.event_types:
        raise _refused("outcome", f"The outcome {name} is not reached by events: what earned it is not known.")
    return outcome


def _within(parts: Iterator[EarnedPart], requested: MessageReportRequest) -> Iterator[EarnedPart]:
    """Keep the decisions of a campaign and a slot."""
    read = 0
    for part in parts:
        keep = [
            requested.campaign_id in (None, row.campaign_id) and requested.slot in (None, row.slot) for row in part.rows
        ]
        read += sum(keep)
        if read > MOST_DECISIONS:
            raise _refused(
                "from", f"More than {MOST_DECISIONS:,} decisions were made in this time: name a shorter one."
            )
        rows, wanted = [row for row, kept in zip(part.rows, keep, strict=True) if kept], np.array(keep)
        yield EarnedPart(rows, part.reward[wanted], part.so_far[wanted])


def _beginning(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _refused(name: str, detail: str) -> BadRequest:
    return BadRequest(detail, errors=[{"pointer": f"/query/{name}", "detail": detail}])

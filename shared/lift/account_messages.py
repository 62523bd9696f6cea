"""The report of messages, read from the store: what was decided in a time, and what it earned."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds, instant_of
from shared.decisions.reading import EarnedPart, earned, joined
from shared.errors import BadRequest
from shared.lift.message_report import MessageQuestion, MessageReport, message_report
from shared.lift.message_results import MessageResults
from shared.store import AccountStore


class MessageWindow(NamedTuple):
    """Which decisions a report is about."""

    since: Microseconds
    until: Microseconds
    campaign_id: str | None = None
    """None: of all campaigns."""
    slot: str | None = None
    """None: of all slots."""


def messages_report(
    store: AccountStore, outcome: Outcome, window: MessageWindow, *, now: Microseconds
) -> MessageReport:
    """Read what decisions earned, and report it; a million of them take about 400 MB while it is made.

    Raises:
        BadRequest: the outcome is not one that events reach, or the time ends before it begins.
    """
    if not outcome.event_types:
        raise BadRequest("Name an outcome that events reach: of others it is not known what a message earned.")
    if window.until <= window.since:
        raise BadRequest("The end must be later than the beginning.")
    parts = earned(store, outcome, window.since, window.until, now=now)
    columns, reward = joined(_within(parts, window))
    names = {one.id: one.name for one in store.experiments.messages.all()}
    question = MessageQuestion(
        outcome.name,
        instant_of(window.since),
        instant_of(window.until),
        instant_of(now),
        window.campaign_id,
        window.slot,
        outcome.horizon_days,
    )
    return message_report(question, MessageResults(columns, reward, sums_value=outcome.sums_value), names)


def _within(parts: Iterator[EarnedPart], window: MessageWindow) -> Iterator[EarnedPart]:
    for part in parts:
        keep = [window.campaign_id in (None, row.campaign_id) and window.slot in (None, row.slot) for row in part.rows]
        rows = [row for row, kept in zip(part.rows, keep, strict=True) if kept]
        yield EarnedPart(rows, part.reward[np.array(keep, dtype=bool)])

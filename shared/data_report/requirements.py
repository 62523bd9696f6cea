"""Minimums of the trainings, by the constants that trainings refuse with, and what an account has of each."""

from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np

from shared.contracts.data_report import Needed, Requirement
from shared.contracts.defaults import (
    HORIZONS_NEEDED,
    LEAST_BUYERS,
    LEAST_CONTACTS,
    LEAST_GROUPED,
    LEAST_SEGMENTED,
    LEAST_SENDS,
    LOOKBACK_DAYS,
)
from shared.contracts.engagement import ACTIVITY, EXPORTED_BY_LINE, ORDERS, PURCHASES, SENT
from shared.contracts.outcome import BUILT_IN, Outcome, chosen, mistyped, nobody_has_value
from shared.contracts.rows import DAY, Microseconds
from shared.data_report.account_data import AccountData
from shared.data_report.series import count_interval
from shared.timeline import Pasts
from shared.timeline.pasts import Frames, closed_frames, contact_counts, flat_frames, whole_orders
from shared.timeline.risk import episode, waits

MONTH_DAYS: Final = 30.4375
SENDTIME, SEGMENTATION = "sendtime", "segmentation"
VALUE, RECOMMENDATIONS = "value", "recommendations"
REFUSED, UNSURE = "not trained", "not trained, or unsure figures"
BY_RULE, BY_ACTIVITY = "a plain rule sets the segments", "learned from activity, not from sends"
"""What becomes of a model where a minimum is not met."""


class ReadContacts(Protocol):
    """Contacts that were read one by one, and how many they stand for."""

    @property
    def pasts(self) -> Pasts:
        """Return what was read."""

    @property
    def learnable(self) -> int:
        """Count the contacts who did not deny profiling."""

    @property
    def is_whole(self) -> bool:
        """Whether all of them were read."""

    @property
    def now(self) -> Microseconds:
        """Return the instant that nothing lies after."""

    @property
    def until(self) -> Microseconds:
        """Return the end of the data, as training sees it."""


def requirements(data: AccountData) -> list[Requirement]:
    """List every minimum of every model that the account could train."""
    return [
        *(
            one
            for outcome in used_outcomes(data)
            for one in of_outcome(data, outcome, outcome_frames(data, outcome), history_days=history_days(data))
        ),
        *_of_segmentation(data),
        *_of_sendtime(data),
        *_of_value(data),
        *_of_recommendations(data),
    ]


def meant(data: ReadContacts, outcome: Outcome) -> Outcome:
    """Return an outcome as training would take it: an automatic one as it is chosen from the account's events."""
    pasts = whole_orders(data.pasts, EXPORTED_BY_LINE)
    valued = pasts.type[~np.isnan(pasts.value)]
    counts = {
        name: (int(np.count_nonzero(pasts.type == code)), int(np.count_nonzero(valued == code)))
        for code, name in enumerate(pasts.types)
    }
    return chosen(outcome, {name: count for name, count in counts.items() if count[0]})


def used_outcomes(data: AccountData) -> list[Outcome]:
    """List the outcomes that are defined, or built in and met in the data; as training would take them."""
    every = [meant(data, outcome) for outcome in data.outcomes]
    return [one for one in every if not is_unused(data, one)]


def is_unused(data: AccountData, outcome: Outcome) -> bool:
    """Whether an outcome is built in and the account has nothing that it is about."""
    return outcome.unanswered in BUILT_IN and (outcome.is_automatic or bool(unknown_in(data, outcome)))


def unknown_in(data: ReadContacts, outcome: Outcome) -> str:
    """Say that no contact has what an outcome names, an attribute's value too; empty where some do."""
    name = mistyped(outcome, attributes=data.pasts.attributes, types=data.pasts.types)
    held = data.pasts.attributes.get(outcome.attribute or "")
    return name or ("" if held is None else nobody_has_value(outcome, held.value))


def outcome_frames(data: ReadContacts, outcome: Outcome) -> Frames:
    """Frame an outcome as training does."""
    if outcome.attribute:
        return flat_frames(outcome, data.pasts, data.now)
    if outcome.capability != "churn":
        return closed_frames(outcome, data.pasts, until=data.until)
    wanted = episode(outcome, data.pasts)
    every = waits(outcome, wanted, data.pasts, until=data.until, least=DAY)
    return every.frames(outcome.horizon_days * DAY, contractual=wanted.contractual)


def of_outcome(data: ReadContacts, outcome: Outcome, frames: Frames, *, history_days: int) -> Iterator[Requirement]:
    """List the minimums of the model of one outcome.

    Args:
        data: who was read.
        outcome: as training would take it.
        frames: of `outcome_frames`.
        history_days: from the first event to the last.
    """
    model = (outcome.capability, outcome.name)
    counts = contact_counts(frames)
    yield counted(data, model, "contacts_with_outcome", counts["with_outcome"], LEAST_CONTACTS)
    yield counted(data, model, "contacts_without_outcome", counts["without_outcome"], LEAST_CONTACTS)
    if not outcome.attribute:
        months = round(history_days / MONTH_DAYS, 1)
        least = round(HORIZONS_NEEDED * outcome.horizon_days / MONTH_DAYS, 1)
        yield Requirement(
            capability=outcome.capability, outcome=outcome.name, needed="months_of_history", minimum=least,
            found=months, low=months, high=months, met=months >= least, otherwise=UNSURE,
        )  # fmt: skip


def _of_segmentation(data: AccountData) -> Iterator[Requirement]:
    lately = data.pasts.at >= data.until - LOOKBACK_DAYS * DAY
    found = len(np.unique(owners(data.pasts)[lately]))
    for least, otherwise in ((LEAST_SEGMENTED, REFUSED), (LEAST_GROUPED, BY_RULE)):
        yield counted(data, (SEGMENTATION, None), "contacts_with_events", found, least, otherwise)


def _of_sendtime(data: AccountData) -> Iterator[Requirement]:
    pasts = data.pasts
    acts = np.isin(pasts.type, [code for code, name in enumerate(pasts.types) if name in ACTIVITY])
    yield counted(data, (SENDTIME, None), "active_contacts", len(np.unique(owners(pasts)[acts])), LEAST_CONTACTS)
    sends = int(np.count_nonzero((pasts.type == pasts.type_code(SENT)) & (pasts.message >= 0)))
    yield counted(data, (SENDTIME, None), "sends", sends, LEAST_SENDS, BY_ACTIVITY)


def _of_value(data: AccountData) -> Iterator[Requirement]:
    """Count buyers where there are any: who has no orders does not ask what they are worth."""
    pasts = data.pasts
    orders = np.isin(pasts.type, [code for code, name in enumerate(pasts.types) if name in ORDERS])
    buyers = len(np.unique(owners(pasts)[orders & (pasts.value > 0)]))
    if buyers:
        yield counted(data, (VALUE, None), "buyers", buyers, LEAST_BUYERS)


def _of_recommendations(data: AccountData) -> Iterator[Requirement]:
    """Count buyers where there are any: who takes no orders does not ask which items to show."""
    pasts = data.pasts
    orders = np.isin(pasts.type, [code for code, name in enumerate(pasts.types) if name in PURCHASES])
    buyers = len(np.unique(owners(pasts)[orders & (pasts.item >= 0)]))
    if orders.any():
        yield counted(data, (RECOMMENDATIONS, None), "contacts_who_bought_items", buyers, LEAST_BUYERS)


def counted(
    data: ReadContacts, model: tuple[str, str | None], needed: Needed, count: int, least: int, otherwise: str = REFUSED
) -> Requirement:
    """Compare a count with its minimum; a count of a sample is scaled, and judged by its interval.

    Args:
        data: says how many of how many contacts were read.
        model: capability and outcome.
        needed: what is counted.
        count: among the contacts that were read.
        least: the minimum.
        otherwise: what becomes of the model below it.
    """
    found, low, high = float(count), float(count), float(count)
    if not data.is_whole:
        scale = data.learnable / len(data.pasts)
        low, high = (round(scale * end) for end in count_interval(count))
        # What was seen is there, whatever is estimated.
        found, low = round(scale * count), max(low, count)
        if needed != "sends":  # contacts, of whom there are no more
            high = min(high, data.learnable)
    met = True if low >= least else False if high < least else None
    return Requirement(
        capability=model[0],
        outcome=model[1],
        needed=needed,
        minimum=least,
        found=found,
        low=low,
        high=high,
        met=met,
        otherwise=otherwise,
    )


def owners(pasts: Pasts) -> np.ndarray:
    """Return the row of the contact of each event."""
    return np.repeat(np.arange(len(pasts)), np.diff(pasts.offsets))


def history_days(data: AccountData) -> int:
    """Count the days from the first event to the last, machines' left out as in training."""
    days = [one.day for one in data.daily if one.human is not False]
    return max(days) - min(days) if days else 0

"""What each decision earned, from the events of its contact. Pure; vectorised.

An event earns for one decision, or for none:

- one whose `message_id` is the id of a decision earns for that decision only;
- any other earns for the latest decision of its contact at or before it, of the same campaign where both have one.
  Where nothing was sent though a message could have been, an earlier decision within the horizon comes first: the mail
  of yesterday is answered today, whatever was asked meanwhile.

Either way only within the horizon, `decided_at <= occurred_at < decided_at + horizon`: where the latest decision is
older, an even older one earns nothing instead. Decisions of other slots that were made in the same instant are parts of
one message, a subject and a banner: they earn with it. What a machine did earns nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, Microseconds
from shared.decisions.columns import NOTHING, Codes, DecisionColumns, Instants, Vector
from shared.timeline.past_rows import EventTuple, seen_type

NAMES_NONE = -1
_NO_CAMPAIGN = -1
_OTHER_CAMPAIGN = -2


class RewardRule(NamedTuple):
    """What is a reward."""

    horizon: Microseconds
    sums_value: bool
    """Whether the values of the events are added up; else any event is worth 1."""

    @classmethod
    def of(cls, outcome: Outcome) -> "RewardRule":
        """Take the rule of an outcome that events reach."""
        return cls(outcome.horizon_days * DAY, outcome.sums_value)


@dataclass(frozen=True, slots=True)
class RewardEvents:
    """Events that may earn, as far as they are of contacts with a decision, or name one; in any order."""

    contact: Codes
    """(n,) as in the decisions; of one who has none there, but whose event names a decision: -1."""
    at: Instants
    value: Vector
    """(n,) NaN where there is none: it adds nothing to a sum."""
    decision: NDArray[np.int64]
    """(n,) row of the decision that the event names; NAMES_NONE where it names none of these."""
    campaign: Codes
    """(n,) as in the decisions; -1 where there is none, -2 where no decision has it."""

    def __len__(self) -> int:
        """Count the events."""
        return len(self.at)


class EventReader:
    """Makes events of rows, part by part; ids are looked up once."""

    def __init__(self, decisions: DecisionColumns, event_type: str, *, others: frozenset[str] = frozenset()) -> None:
        """Prepare the look-ups.

        Args:
            decisions: that may earn.
            event_type: that reaches the outcome.
            others: ids of decisions about other outcomes: an event that names one earns nothing here.
        """
        self._type, self._others = event_type, others
        self._contacts = {name: code for code, name in enumerate(decisions.contacts)}
        self._ids = {name: row for row, name in enumerate(decisions.ids)}
        self._campaigns = {name: code for code, name in enumerate(decisions.campaigns) if name}

    def events_of(self, parts: Iterable[Sequence[EventTuple]]) -> RewardEvents:
        """Read rows of any types; those of other types, of machines and of others are left out."""
        found: list[tuple[Any, ...]] = []
        for rows in parts:
            for row in rows:
                if seen_type(row) != self._type or row[5] in self._others:
                    continue
                contact, decision = self._contacts.get(row[0], -1), self._ids.get(row[5] or "", NAMES_NONE)
                if contact >= 0 or decision >= 0:
                    campaign = self._campaigns.get(row[6], _OTHER_CAMPAIGN) if row[6] else _NO_CAMPAIGN
                    found.append((contact, row[3], row[4], decision, campaign))
        columns = list(zip(*found, strict=True)) if found else [()] * 5
        return RewardEvents(
            contact=np.array(columns[0], np.int32),
            at=np.array(columns[1], np.int64),
            value=np.array(columns[2], np.float64),
            decision=np.array(columns[3], np.int64),
            campaign=np.array(columns[4], np.int32),
        )


def rewards(decisions: DecisionColumns, events: RewardEvents, rule: RewardRule, *, until: Microseconds) -> Vector:
    """Return what each decision earned.

    Args:
        decisions: all of their contacts about one outcome, else an event earns for an older one than it should.
        events: of their contacts; more is harmless.
        rule: what is a reward.
        until: the instant up to which the events are complete.

    Returns:
        Shape (n,): 0.0 or 1.0, or a sum of values; what an imported decision brought, as it is; NaN where the window
        is not over.
    """
    return settled(decisions, rewards_so_far(decisions, events, rule), rule, until=until)


def settled(decisions: DecisionColumns, so_far: Vector, rule: RewardRule, *, until: Microseconds) -> Vector:
    """Keep of what decisions earned so far only what cannot change any more, shape (n,); NaN of the others."""
    is_open = np.isnan(decisions.given) & (decisions.at + rule.horizon > until)
    return np.where(is_open, np.nan, so_far)


def rewards_so_far(decisions: DecisionColumns, events: RewardEvents, rule: RewardRule) -> Vector:
    """Return what each decision earned by these events, whether its window is over or not, shape (n,)."""
    earned = np.zeros(len(decisions))
    if len(decisions) and len(events):
        order = np.lexsort((_ranks(decisions.ids), decisions.at, decisions.contact))
        row = np.where(events.decision >= 0, events.decision, _latest(decisions, events, order))
        idle = _chose_nothing(decisions)
        if idle.any() and not idle.all():
            earlier = _latest(decisions, events, order[~idle[order]])
            first = (row >= 0) & idle[row] & (events.decision < 0) & _within(decisions, events, earlier, rule.horizon)
            row = np.where(first, earlier, row)
        within = _within(decisions, events, row, rule.horizon)
        row, event = _with_siblings(decisions, order, row[within], np.flatnonzero(within))
        worth = np.nan_to_num(events.value[event]) if rule.sums_value else np.ones(len(event))
        earned = np.bincount(row, worth, len(decisions)).astype(np.float64)  # counts of nothing are whole
    if not rule.sums_value:
        earned = np.minimum(earned, 1.0)
    return np.where(np.isnan(decisions.given), earned, decisions.given)


def _within(
    decisions: DecisionColumns, events: RewardEvents, row: NDArray[np.int64], horizon: Microseconds
) -> NDArray[np.bool_]:
    """Return whether each event came while the decision could earn, shape (events,)."""
    at = decisions.at[row]
    found: NDArray[np.bool_] = (row >= 0) & (at <= events.at) & (events.at < at + horizon)
    return found


def _chose_nothing(decisions: DecisionColumns) -> NDArray[np.bool_]:
    """Return which decisions sent nothing though they could have sent something, or would have sent nothing, (n,)."""
    could = np.array([any(names) for names in decisions.candidate_sets], dtype=bool)
    found: NDArray[np.bool_] = (decisions.message == NOTHING) & (could[decisions.candidates] | (decisions.sending < 1))
    return found


def _ranks(ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each id among all, in the order of texts."""
    found = np.empty(len(ids), np.int64)
    found[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return found


def _latest(decisions: DecisionColumns, events: RewardEvents, order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Find the latest decision of the event's contact at or before it, of a campaign that agrees; -1: none."""
    instants = np.unique(decisions.at)
    decided, happened = np.searchsorted(instants, decisions.at), np.searchsorted(instants, events.at, side="right") - 1
    none = next((code for code, name in enumerate(decisions.campaigns) if not name), _OTHER_CAMPAIGN)
    found = np.full(len(events), -1)  # places in `order`: the later of two is the greater
    free = events.campaign == _NO_CAMPAIGN
    for ours, of_decision, of_event in (
        (free, None, None),
        (~free, decisions.campaign, events.campaign),
        (~free, decisions.campaign, np.full(len(events), none, np.int32)),
    ):
        mine = np.flatnonzero(ours & (events.contact >= 0))
        width = 1 if of_decision is None else len(decisions.campaigns) + 2
        group = decisions.contact.astype(np.int64) * width + (0 if of_decision is None else of_decision)
        wanted = events.contact[mine].astype(np.int64) * width + (0 if of_event is None else of_event[mine] % width)
        found[mine] = np.maximum(found[mine], _last(order, group, decided, wanted, happened[mine], len(instants)))
    return np.where(found >= 0, order[found], -1)


def _last(
    order: NDArray[np.intp],
    group: NDArray[np.int64],
    decided: NDArray[np.intp],
    wanted: NDArray[np.int64],
    happened: NDArray[np.intp],
    width: int,
) -> NDArray[np.int64]:
    """Find the place in the order of the last decision of a group up to an instant, all as whole numbers; -1: none."""
    key = group * width + decided
    sorted_ = np.argsort(key[order], kind="stable")
    keys = key[order][sorted_]
    at = np.searchsorted(keys, wanted * width + happened, side="right") - 1
    ours = (at >= 0) & (happened >= 0) & (keys[at] // width == wanted)
    return np.where(ours, sorted_[at], -1)


def _with_siblings(
    decisions: DecisionColumns, order: NDArray[np.intp], row: NDArray[np.int64], event: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Add, to each decision that earns from an event, those of its contact and instant in other slots."""
    if len(decisions.slots) < 2:
        return row, event
    contact, at = decisions.contact[order], decisions.at[order]
    starts = np.flatnonzero(np.r_[True, (contact[1:] != contact[:-1]) | (at[1:] != at[:-1])])
    group = np.empty(len(order), np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(order)]))
    size = np.diff(np.r_[starts, len(order)])[group[row]]
    again = np.repeat(np.arange(len(row)), size)
    within = np.arange(len(again)) - np.repeat(np.cumsum(size) - size, size)
    sibling = order[starts[group[row]][again] + within]
    earns = (sibling == row[again]) | (decisions.slot[sibling] != decisions.slot[row[again]])
    return sibling[earns], event[again[earns]]

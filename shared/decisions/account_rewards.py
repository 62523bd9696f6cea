"""Decisions of an account with what they earned, read from the store part by part."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from shared.contracts.decision import DecisionRow
from shared.contracts.outcome import Outcome
from shared.contracts.rows import Microseconds
from shared.decisions.columns import DecisionColumns, Vector, columns_of
from shared.decisions.rewards import EventReader, RewardRule, rewards_so_far, settled
from shared.store import AccountStore
from shared.timeline.pasts import UNVERIFIED_OPEN

PART: Final = 20_000
"""Decisions held at once, and the events of their contacts."""


class EarnedPart(NamedTuple):
    """Some decisions with what each earned."""

    rows: Sequence[DecisionRow]
    """All of some contacts, contact by contact, each one's by time."""
    reward: Vector
    """(n,) NaN where the window is not over."""
    so_far: Vector
    """(n,) what each earned until now, whether its window is over or not."""


class EarnedDecisions(NamedTuple):
    """Decisions as columns with what each earned; as of a part."""

    columns: DecisionColumns
    reward: Vector
    so_far: Vector


def earned(
    store: AccountStore,
    outcome: Outcome,
    start: Microseconds,
    end: Microseconds,
    *,
    now: Microseconds,
    part: int = PART,
) -> Iterator[EarnedPart]:
    """Read what decisions earned; what is held at once is one part, however many there are.

    Args:
        store: of the account.
        outcome: one that events reach; of several types the first one counts that the account has.
        start: of the decisions, the first instant.
        end: the instant that is no longer part of it.
        now: events are complete up to here.
        part: decisions held at once.
    """
    rule = RewardRule.of(outcome)
    type_ = _type_of(store, outcome)
    # Of older and newer decisions too: an event that one of them earned must not count for another.
    read = store.experiments.decisions.scan(None, start - rule.horizon, end + rule.horizon, chunk=part)
    for rows in _whole_contacts(read):
        ours = [row for row in rows if row.outcome == outcome.name]
        wanted = np.array([start <= row.decided_at < end for row in ours], dtype=bool)
        if not wanted.any():
            continue
        columns = columns_of([ours])
        others = frozenset(row.decision_id for row in rows if row.outcome != outcome.name)
        reader = EventReader(columns, type_, others=others)
        last = int(columns.at.max()) + rule.horizon
        stored = "email_opened" if type_ == UNVERIFIED_OPEN else type_
        parts = store.events.between(columns.contacts, [stored, type_], int(columns.at.min()), min(last, now))
        so_far = rewards_so_far(columns, reader.events_of(parts), rule)
        reward = settled(columns, so_far, rule, until=now)
        kept = [row for row, keep in zip(ours, wanted, strict=True) if keep]
        yield EarnedPart(kept, reward[wanted], so_far[wanted])


def joined(parts: Iterable[EarnedPart]) -> EarnedDecisions:
    """Return all parts as columns, with what each decision earned, shape (n,): about 300 bytes a decision."""
    found: list[tuple[Vector, Vector]] = []

    def rows() -> Iterator[Sequence[DecisionRow]]:
        for one in parts:
            found.append((one.reward, one.so_far))
            yield one.rows

    columns = columns_of(rows())
    reward, so_far = (np.concatenate(each) for each in zip(*found, strict=True)) if found else (np.empty(0),) * 2
    return EarnedDecisions(columns, reward, so_far)


def _type_of(store: AccountStore, outcome: Outcome) -> str:
    """Return the event type that reaches an outcome: the first listed one that the account has."""
    has = store.experiments.holdouts.has_events
    return next((one for one in outcome.event_types if has(one)), outcome.event_types[0])


def _whole_contacts(parts: Iterable[list[DecisionRow]]) -> Iterator[list[DecisionRow]]:
    """Cut what comes contact by contact so that each contact is in one part."""
    kept: list[DecisionRow] = []
    for rows in parts:
        kept += rows
        last = kept[-1].contact_id if kept else ""
        whole = next((place for place in range(len(kept), 0, -1) if kept[place - 1].contact_id != last), 0)
        if whole:
            yield kept[:whole]
            kept = kept[whole:]
    if kept:
        yield kept

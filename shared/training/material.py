"""What a run learns from: an account's pasts and the frames of one outcome, with their labels and splits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shared.contracts.outcome import Flag, Outcome
from shared.contracts.rows import DAY, Microseconds
from shared.errors import InsufficientData
from shared.features.attributes import entry_at
from shared.timeline import ContactFacts, EventTuple, Pasts, build
from shared.timeline.frames import Frames, closed_frames, outcome_type
from shared.timeline.splits import SEED, Split, forward_chain, stratified

LEAST_POSITIVE = LEAST_NEGATIVE = 40
"""Contacts of each kind without which nothing is trained."""
MOST_FRAMES = 300_000


class Scans(Protocol):
    """The part of the store that training reads."""

    def scan_contacts(self) -> tuple[list[str], dict[str, ContactFacts]]:
        """All contacts with all values of their attributes."""

    def scan_events(self) -> Iterable[list[EventTuple]]:
        """All events, in chunks."""


@dataclass(frozen=True, slots=True)
class Material:
    """Frames ready to be turned into a matrix."""

    outcome: Outcome
    pasts: Pasts
    frames: Frames
    splits: tuple[Split, ...]
    until: Microseconds | None
    """The end of the data; None for flat data."""
    reached_by: tuple[str, ...]
    """Event types after which a contact is no longer asked about."""
    thinned_from: int
    """How many frames there were before sampling."""

    @property
    def flat(self) -> bool:
        """Tell whether there are no times, only a column with the outcome."""
        return self.until is None


def material(store: Scans, outcome: Outcome, *, now: Microseconds) -> Material:
    """Read an account and frame one outcome.

    Args:
        store: the account's store.
        outcome: an event within a horizon, or an attribute.
        now: nothing after it exists.

    Raises:
        InsufficientData: fewer than 40 contacts with or without the outcome, or too short a time; in counts.
    """
    return framed(outcome, scanned(store, with_events=not outcome.attribute), now=now)


def scanned(store: Scans, *, with_events: bool = True) -> Pasts:
    """Read the pasts of everybody who may be learned from: all but those who denied profiling."""
    ids, facts = store.scan_contacts()
    ids = [contact_id for contact_id in ids if facts[contact_id].consent.get("profiling") != "denied"]
    return build(ids, facts, store.scan_events() if with_events else ())


def framed(outcome: Outcome, pasts: Pasts, *, now: Microseconds, most: int = MOST_FRAMES) -> Material:
    """Frame one outcome over given pasts; see `material`."""
    until: Microseconds | None = None
    if outcome.attribute:
        frames = _flat_frames(outcome, pasts, now)
    else:
        until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
        frames = closed_frames(outcome, pasts, until=until)
    require_enough(outcome, frames)
    all_frames = len(frames)
    if all_frames > most:
        frames = frames.take(np.sort(np.random.default_rng(SEED).permutation(all_frames)[:most]))
    splits = tuple(stratified(frames.label)) if until is None else splits_in_time(outcome, frames)
    code = outcome_type(outcome, pasts) if outcome.event_types else -1
    reached_by = () if outcome.repeatable or code < 0 else (pasts.types[code],)
    return Material(outcome, pasts, frames, splits, until, reached_by, all_frames)


def require_enough(outcome: Outcome, frames: Frames) -> None:
    """Refuse to train on too few contacts of either kind.

    Raises:
        InsufficientData: with the counts and the minimum.
    """
    counts = contact_counts(frames)
    if counts["with_outcome"] < LEAST_POSITIVE or counts["without_outcome"] < LEAST_NEGATIVE:
        raise InsufficientData(
            f"Outcome {outcome.name}: {counts['with_outcome']} contacts reached it and {counts['without_outcome']} did "
            f"not; {LEAST_POSITIVE} and {LEAST_NEGATIVE} are needed. Import more contacts and events, or define the "
            "outcome more widely.",
            **counts,
            needed_with_outcome=LEAST_POSITIVE,
            needed_without_outcome=LEAST_NEGATIVE,
        )


def contact_counts(frames: Frames) -> dict[str, int]:
    """Count the contacts that have a frame with the outcome, and those that have one without it."""
    return {
        "with_outcome": len(np.unique(frames.contact[frames.label == 1])),
        "without_outcome": len(np.unique(frames.contact[frames.label == 0])),
    }


def splits_in_time(outcome: Outcome, frames: Frames) -> tuple[Split, ...]:
    """Cut time into blocks that have something to learn from, of both kinds."""
    splits = forward_chain(frames.cutoff, horizon=outcome.horizon_days * DAY)
    usable = tuple(split for split in splits if 0 < frames.label[split.train].sum() < len(split.train))
    if not usable:
        days = int((frames.cutoff.max() - frames.cutoff.min()) // DAY)
        raise InsufficientData(
            f"Outcome {outcome.name}: closed frames span {days} days; with a horizon of {outcome.horizon_days} days "
            "that leaves nothing to be judged on. Wait for more data, or choose a shorter horizon.",
            span_days=days,
            horizon_days=outcome.horizon_days,
        )
    return usable


def _flat_frames(outcome: Outcome, pasts: Pasts, now: Microseconds) -> Frames:
    """Frame flat data: all is asked now, so that a date attribute is as old here as it is when serving asks."""
    stored = pasts.attributes.get(outcome.attribute or "")
    if stored is None:
        return Frames(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0))
    contact = np.arange(len(pasts), dtype=np.int32)
    cutoff = np.full(len(pasts), now)
    entry = entry_at(stored, contact, cutoff)
    flag = Flag(outcome.attribute or "", outcome.positive)
    labels = np.array([_label(flag, stored.value[row] if row >= 0 else None) for row in entry])
    known = ~np.isnan(labels)
    return Frames(contact[known], cutoff[known], labels[known])


def _label(flag: Flag, value: object) -> float:
    reached = flag.reached(value)
    return np.nan if reached is None else float(reached)

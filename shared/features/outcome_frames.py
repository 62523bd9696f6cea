"""Frames of an outcome that is an attribute, and how many contacts have a frame with an outcome and without it."""

import numpy as np

from shared.contracts.outcome import Flag, Outcome
from shared.contracts.rows import Microseconds
from shared.features.engine import entry_at
from shared.timeline.pasts import Frames, Pasts


def contact_counts(frames: Frames) -> dict[str, int]:
    """Count the contacts that have a frame with the outcome, and those that have one without it."""
    return {
        "with_outcome": len(np.unique(frames.contact[frames.label == 1])),
        "without_outcome": len(np.unique(frames.contact[frames.label == 0])),
    }


def flat_frames(outcome: Outcome, pasts: Pasts, now: Microseconds) -> Frames:
    """Frame flat data: all cutoffs are now, so that a date attribute is as old here as it is when serving asks."""
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

"""Counting who has reached an outcome and who has not, on the frames that training would see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.timeline import build
from shared.timeline.frames import closed_frames

if TYPE_CHECKING:
    from shared.contracts.outcome import Outcome
    from shared.contracts.rows import Microseconds
    from shared.store import AccountStore

MINIMUM = 40
"""Contacts with the outcome, and as many without it."""
_TRUE = {"1", "1.0", "true", "yes", "y"}


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is to learn from."""

    contacts_with: int
    contacts_without: int
    frames: int

    @property
    def enough(self) -> bool:
        """Tell whether training can begin."""
        return min(self.contacts_with, self.contacts_without) >= MINIMUM


def counted(store: "AccountStore", outcome: "Outcome", *, now: "Microseconds") -> Counts:
    """Count an outcome in everything that the account has.

    Args:
        store: the account's.
        outcome: an event outcome or an attribute.
        now: up to which the data are complete; horizons that reach past it are still open.
    """
    if outcome.attribute:
        return _by_attribute(store, outcome)
    ids, facts = store.scan_contacts()
    frames = closed_frames(outcome, build(ids, facts, store.scan_events()), until=now)
    reached = np.unique(frames.contact[frames.label > 0])
    return Counts(len(reached), len(np.unique(frames.contact)) - len(reached), len(frames))


def _by_attribute(store: "AccountStore", outcome: "Outcome") -> Counts:
    _, facts = store.scan_contacts()
    values = [
        entry.value
        for fact in facts.values()
        for entry in {entry.name: entry for entry in fact.attributes}.values()
        if entry.name == outcome.attribute and entry.value is not None
    ]
    reached = sum(is_positive(value, outcome.positive) for value in values)
    return Counts(reached, len(values) - reached, len(values))


def is_positive(value: Any, positive: str | None) -> bool:
    """Tell whether an attribute's value means yes: the named one, else 1, true or yes.

    >>> is_positive(1, None), is_positive("No", None), is_positive("Won", "won")
    (True, False, True)
    """
    text = str(value).strip().lower()
    return text in _TRUE if positive is None else text == positive.strip().lower()

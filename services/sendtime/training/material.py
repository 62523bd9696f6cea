"""What a run learns from: the account's sends with their answers, and its activity, on each contact's own clock."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.features import account_zone, zones_by_place
from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.history import Acts, Sends, acts_of, counted, faded, seen_before, sends_of
from services.sendtime.model.local_week import Matrix, Zones
from shared.contracts.defaults import LEAST_CONTACTS, LEAST_SENDS
from shared.contracts.engagement import ENGAGEMENTS
from shared.contracts.rows import DAY, Microseconds
from shared.timeline import Pasts
from shared.training.material import SEED

LEAST_ENGAGED = LEAST_CONTACTS
"""Contacts who engaged, without whom the answers to sends teach nothing."""
MOST_CONTACTS = 10_000
"""Contacts from whom the population's activity is learned."""
LEAST_ACTIVE = LEAST_CONTACTS
"""Contacts seen active, without whom nothing is trained."""


@dataclass(frozen=True)
class SendTimeMaterial:
    """An account's pasts as the send-time model sees them."""

    pasts: Pasts
    zones: Zones
    acts: Acts
    sends: dict[str, Sends]
    """By engagement, those with enough answers to learn from."""
    until: Microseconds
    """The end of the data."""

    @property
    def active(self) -> int:
        """How many contacts were ever seen active."""
        return int((np.diff(self.acts.offsets) > 0).sum())

    def sampled(self, most: int) -> NDArray[np.int32]:
        """Draw contacts, the same ones each time, ascending; all where there are no more."""
        everybody = np.arange(len(self.pasts), dtype=np.int32)
        if len(everybody) <= most:
            return everybody
        return np.sort(np.random.default_rng(SEED).permutation(everybody)[:most])

    def counts(self, until: Microseconds, half_life_days: float, contact: NDArray[np.int32]) -> Matrix:
        """Count contacts' acts before an instant by slot, faded by age, shape (len(contact), 168)."""
        seen = seen_before(self.acts, contact, np.full(len(contact), until))
        weight = self.acts.weight[seen.row] * faded(until - self.acts.at[seen.row], half_life_days)
        return counted(seen.frame, self.acts.slot[seen.row], weight, len(contact))

    def activity(self, until: Microseconds, pooling: Pooling) -> Activity:
        """Learn from the acts before an instant; a sample where there are many contacts."""
        contact = self.sampled(MOST_CONTACTS)
        return Activity.fit(self.counts(until, pooling.half_life_days, contact), pooling)


def material_of(pasts: Pasts, *, now: Microseconds) -> SendTimeMaterial:
    """See given pasts as the model does; events from now on are not looked at."""
    until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
    zones = Zones(account_zone(pasts), zones_by_place(pasts))
    names, _ = zones.of(pasts, np.full(len(pasts), until))
    sends = {}
    for engagement in ENGAGEMENTS:
        found = sends_of(pasts, names, engagement).before(until)
        answered = found.owner[found.engaged > 0]
        if len(found) >= LEAST_SENDS and len(np.unique(answered)) >= LEAST_ENGAGED:
            sends[engagement] = found
    return SendTimeMaterial(pasts, zones, acts_of(pasts, names).before(until), sends, until)


def closed(sends: Sends, until: Microseconds) -> np.ndarray:
    """List the sends whose day was over at an instant."""
    rows: np.ndarray = np.flatnonzero(sends.at + DAY <= until)
    return rows

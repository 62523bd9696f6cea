"""`POST /best-send-time/plan`: read in batches, value every hour, fill the hours within their capacity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.sendtime.api.wishing import allowed_by, send_at
from services.sendtime.model.asking import Valued, When, Wish
from services.sendtime.model.capacity import Plan, planned
from services.sendtime.model.week import slot_of
from services.sendtime.schemas import PlanRequest
from shared.contracts.rows import HOUR, Microseconds, instant_of
from shared.timeline import build, denies_profiling
from shared.timeline.localtime import offsets

BATCH = 1_000


@dataclass(frozen=True)
class Planning:
    """One plan being made."""

    account: Any
    """The account's store."""
    model: Any
    """The champion, a `SendTimeModel`: not imported here, since its libraries are loaded with an artifact."""
    request: PlanRequest
    cutoff: Microseconds
    asked_at: Microseconds

    def members(self) -> dict[str, Any]:
        """Plan, and write what the answer says of it."""
        ids = self.request.contact_ids
        statuses = ["ok"] * len(ids)
        values = self._values(ids, statuses)
        used = np.flatnonzero((values.value >= 0).any(axis=0))
        capacity = np.full(len(used), self.request.capacity_per_hour, dtype=np.int64)
        found = planned(values.value[:, used], capacity)
        return {
            "assignments": [self._assignment(row, ids, statuses, values, used, found) for row in range(len(ids))],
            "expected": found.value,
            "bound": found.bound,
            "gap": found.gap,
            "measure": "engagements" if values.is_chance else "activity_shares",
            "hours": self._hours(values, used, found),
            "unplaced": statuses.count("no_capacity"),
        }

    def _values(self, ids: Sequence[str], statuses: list[str]) -> Valued:
        """Value all contacts, a batch at a time: memory holds one batch's pasts; note who cannot be asked about."""
        wish = Wish(allowed_by(self.request, self.cutoff), self.request.engagement, self.request.campaign_id)
        parts = []
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            read = self.account.contacts.pasts(part, cutoff=self.cutoff, asked_at=self.asked_at)
            pasts = build(part, read.facts, [read.events])
            valued = self.model.valued(pasts, np.full(len(part), self.cutoff, dtype=np.int64), wish)
            for row, (known, consent) in enumerate(zip(pasts.known.tolist(), pasts.consents, strict=True)):
                statuses[start + row] = _status(known=known, consent=consent, values=valued.value[row])
                if statuses[start + row] != "ok":
                    valued.value[row] = -1.0
            parts.append(valued)
        return Valued(
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.at for part in parts]),
            tuple(zone for part in parts for zone in part.zones),
            parts[0].begins,
            parts[0].is_chance,
        )

    def _assignment(
        self, row: int, ids: Sequence[str], statuses: list[str], values: Valued, used: NDArray[np.intp], found: Plan
    ) -> dict[str, Any]:
        place = int(found.hour[row])
        if statuses[row] == "ok" and place < 0:
            statuses[row] = "no_capacity"
        if place < 0:
            return {"contact_id": ids[row], "status": statuses[row], "send_at": None, "value": None}
        column = int(used[place])
        at = values.at[row, column : column + 1]
        local_at = at + offsets(values.zones[row], at)
        when = When(int(at[0]), int(local_at[0]), values.zones[row], int(slot_of(local_at)[0]))
        value = float(values.value[row, column])
        return {"contact_id": ids[row], "status": "ok", "send_at": send_at(when), "value": value}

    def _hours(self, values: Valued, used: NDArray[np.intp], found: Plan) -> list[dict[str, Any]]:
        count = np.bincount(found.hour[found.hour >= 0], minlength=len(used))
        return [
            {
                "utc": instant_of(values.begins + int(column) * HOUR),
                "planned": int(count[place]),
                "capacity": self.request.capacity_per_hour,
            }
            for place, column in enumerate(used.tolist())
            if count[place]
        ]


def _status(*, known: bool, consent: Mapping[str, str], values: NDArray[np.float32]) -> str:
    if not known:
        return "unknown_contact"
    if denies_profiling(consent):
        return "no_consent"
    return "ok" if (values >= 0).any() else "no_slot"

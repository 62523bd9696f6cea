"""Reasons in a marketer's words: what of the contact's past moved the chosen slot, and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.history import Acts, Seen, Sends
from services.sendtime.model.local_week import DAY_NAMES, DAY_OF, DAYS, HOUR_OF, HOURS, Matrix, around, table
from services.sendtime.model.timing import NAMES
from shared.features import ReasonPart
from shared.ties import falling

LEVEL, LOOKALIKE, HOUR, WEEKDAY, CAMPAIGN = "engagement_level", "lookalikes", "own_hours", "own_weekdays", "campaign"
THINGS: Mapping[str, tuple[str, ...]] = {
    LOOKALIKE: ("lookalike",),
    HOUR: ("own_hours", "active_then", "hour", "population"),
    WEEKDAY: ("own_days", "weekday"),
    CAMPAIGN: ("campaign", "pair", "days_since_pair"),
    LEVEL: (
        "level",
        "sends",
        "sends_1d",
        "sends_7d",
        "sends_30d",
        "engaged_1d",
        "engaged_7d",
        "engaged_30d",
        "days_since_send",
        "days_since_engagement",
        "acts_7d",
        "days_since_act",
    ),
}
"""Which columns speak of the same thing."""
_VERBS: Mapping[str, str] = {"click": "Clicked", "open": "Opened", "order": "Ordered within a day of"}
_NOTHING = 1e-9
_COLUMNS = {thing: [NAMES.index(name) for name in names] for thing, names in THINGS.items()}


@dataclass(frozen=True, slots=True)
class SlotCounts:
    """Plain counts behind the words."""

    verb: str
    hours: Matrix
    """(n, 24) messages, or acts."""
    hours_engaged: Matrix
    days: Matrix
    """(n, 7)"""
    days_engaged: Matrix

    @classmethod
    def of_sends(cls, sends: Sends, seen: Seen, n: int, engagement: str) -> "SlotCounts":
        """Count what each frame was sent and answered."""
        hour, day = HOUR_OF[sends.slot[seen.row]], DAY_OF[sends.slot[seen.row]]
        engaged = sends.engaged[seen.row]
        return cls(
            _VERBS[engagement],
            table(seen.frame, hour, 1.0, (n, HOURS)),
            table(seen.frame, hour, engaged, (n, HOURS)),
            table(seen.frame, day, 1.0, (n, DAYS)),
            table(seen.frame, day, engaged, (n, DAYS)),
        )

    @classmethod
    def of_acts(cls, acts: Acts, seen: Seen, n: int) -> "SlotCounts":
        """Count what each frame did."""
        hour, day = HOUR_OF[acts.slot[seen.row]], DAY_OF[acts.slot[seen.row]]
        hours, days = table(seen.frame, hour, 1.0, (n, HOURS)), table(seen.frame, day, 1.0, (n, DAYS))
        return cls("Active", hours, hours, days, days)

    def sentence(self, thing: str, row: int, slot: int) -> tuple[float | None, str]:
        """Return a thing's value and its sentence for one contact and the chosen slot."""
        hour, day = int(HOUR_OF[slot]), int(DAY_OF[slot])
        near = [(hour - 1) % HOURS, hour, (hour + 1) % HOURS]
        whole, engaged = self.hours[row].sum(), self.hours_engaged[row].sum()
        if thing == LOOKALIKE:
            return None, f"People with a similar rhythm {'respond' if self.verb != 'Active' else 'are active'} " + (
                f"differently from the average on {DAY_NAMES[day]}s {around(hour)}"
            )
        if thing == CAMPAIGN:
            return None, "This campaign, with this contact and in general"
        if thing == HOUR:
            count, answered, when = self.hours[row, near].sum(), self.hours_engaged[row, near].sum(), around(hour)
        elif thing == WEEKDAY:
            count, answered, when = self.days[row, day], self.days_engaged[row, day], f"on {DAY_NAMES[day]}s"
        else:
            count, answered, when = whole, engaged, ""
        if self.verb == "Active":
            share = float(count / whole) if whole else None
            return share, f"{count:.0f} of {whole:.0f} times active {when}".rstrip()
        if not count:
            return None, f"No e-mail sent {when} yet".replace("  ", " ")
        return float(answered / count), f"{self.verb} {answered:.0f} of {count:.0f} e-mails sent {when}".rstrip()


def by_thing(shares: Matrix) -> dict[str, NDArray[np.float64]]:
    """Sum the contributions of columns by thing, each shape (n,)."""
    return {thing: shares[:, columns].sum(axis=1) for thing, columns in _COLUMNS.items()}


def reasons(
    things: Mapping[str, NDArray[np.float64]],
    counts: SlotCounts,
    *,
    rows: NDArray[np.int64],
    slots: NDArray[np.int64],
    most: int,
) -> list[list[ReasonPart]]:
    """List the strongest things of each contact, the strongest first, equal ones by name.

    Args:
        things: signed shares by thing, each shape (len(rows),).
        counts: counts behind the words.
        rows: of the contacts in the tally.
        slots: chosen for each.
        most: reasons a contact.
    """
    names = tuple(sorted(things))
    values = np.column_stack([things[name] for name in names])
    strongest = falling(np.abs(values))[:, :most]
    listed = []
    for number, (row, slot) in enumerate(zip(rows.tolist(), slots.tolist(), strict=True)):
        parts = []
        for place in strongest[number].tolist():
            share = float(values[number, place])
            if abs(share) > _NOTHING:
                value, text = counts.sentence(names[place], row, slot)
                parts.append(ReasonPart(names[place], value, share, text))
        listed.append(parts)
    return listed

"""A send plan: what each hour promises each contact, dealt out within a capacity; for a call, and for a batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from services.sendtime.model.local_week import SendRules, candidates, slot_of
from services.sendtime.model.query import HourValues, SendTimeQuery, When
from services.sendtime.model.request_mapping import allowed_by
from services.sendtime.model.send_plan import SendPlan, planned
from shared.contracts.prediction import Prediction
from shared.contracts.rows import HOUR, Microseconds, instant_of
from shared.contracts.send_rules import SendPlanOptions
from shared.errors import BadRequest
from shared.serving.capability_spec import Arrays, PlannedBatch, PlannedRow
from shared.timeline import ContactPasts, Pasts
from shared.timeline.pasts import utc_offsets

MOST_CELLS = 100_000_000
"""Contacts times hours of one plan: dealing out takes about 30 bytes of memory for each."""


@dataclass(frozen=True, slots=True)
class PlanValues:
    """What the hours of a plan promise its contacts."""

    status: Sequence[str]
    """(n,) `ok`: can be sent to."""
    zone: Sequence[str]
    """(n,) IANA names; empty where there is no value."""
    value: NDArray[np.float32]
    """(n, hours) chance or share; -1 where the hour is not allowed."""
    hours: NDArray[np.int64]
    """(hours,) start of each, UTC."""
    is_chance: bool
    """Whether values are chances of an answer; else shares of activity."""


class DealtPlan(NamedTuple):
    """A plan as it is answered."""

    rows: Sequence[dict[str, Any]]
    """One a contact: status, instant, value."""
    summary: dict[str, Any]
    """What the plan is worth, and how full its hours are."""


def value_hours(
    model: Any, pasts: ContactPasts, cutoffs: NDArray[np.int64], options: SendPlanOptions
) -> list[HourValues]:
    """Say what every allowed hour promises each contact.

    Args:
        model: the champion, a `SendTimeModel`: not imported here, since its libraries are loaded with an artifact.
        pasts: of the contacts.
        cutoffs: microseconds, shape (n,); all the same.
        options: window and rules.
    """
    return values_of(model, pasts.columns, cutoffs, options)


def values_of(model: Any, pasts: Pasts, cutoffs: NDArray[np.int64], options: SendPlanOptions) -> list[HourValues]:
    """The same from pasts that are laid out in columns."""
    rules = allowed_by(options, int(cutoffs[0]))
    found = model.valued(pasts, cutoffs, SendTimeQuery(rules, options.engagement, options.campaign_id))
    can = (found.value >= 0).any(axis=1).tolist()
    return [
        HourValues(status="ok" if able else "no_slot", value=value, zone=zone)
        for able, value, zone in zip(can, found.value, found.zones, strict=True)
    ]


def packed(answers: Sequence[Prediction]) -> Arrays:
    """Lay the answers about the contacts of one part out as arrays, as they lie in a file until all parts are there."""
    valued = [one if isinstance(one, HourValues) else None for one in answers]
    known = next((one for one in valued if one is not None), None)
    nothing = np.full(0 if known is None else len(known.value), -1.0, dtype=np.float32)
    heads = [
        b"" if one.status == "ok" else orjson.dumps({"detail": one.detail, "errors": list(one.errors)})
        for one in answers
    ]
    return {
        "contact_id": np.array([one.contact_id or "" for one in answers], dtype=np.str_),
        "status": np.array([one.status for one in answers], dtype=np.str_),
        "head": np.array(heads, dtype=np.bytes_),
        "zone": np.array(["" if one is None else one.zone for one in valued], dtype=np.str_),
        "value": np.array([nothing if one is None or one.status != "ok" else one.value for one in valued], np.float32),
    }


def assigned_parts(model: Any, parts: Sequence[Arrays], options: SendPlanOptions, cutoff: Microseconds) -> PlannedBatch:
    """Deal the hours out to the contacts of all parts of a batch.

    Args:
        model: the champion, which knows what its values are also where nobody has one.
        parts: as `packed` laid them out.
        options: of the plan.
        cutoff: of the batch.

    Raises:
        BadRequest: there are more contacts and hours than fit into memory.
    """
    rules = allowed_by(options, cutoff)
    hours = hours_of(rules)
    contacts = sum(len(part["status"]) for part in parts)
    if contacts * len(hours) > MOST_CELLS:
        raise BadRequest(
            f"A plan for {contacts:,} contacts over {len(hours)} hours does not fit: contacts times hours may be "
            f"{MOST_CELLS:,}. Give a shorter window, or plan the segments one by one with a share of the capacity each."
        )
    values = np.full((contacts, len(hours)), -1.0, dtype=np.float32)
    first = 0
    for part in parts:
        value = part["value"]
        values[first : first + len(value), : value.shape[1]] = value
        first += len(value)
    status, zone = (_joined(parts, name) for name in ("status", "zone"))
    found = assigned(
        PlanValues(status, zone, values, hours, model.is_chance(options.engagement)), rules, options.capacity_per_hour
    )
    return PlannedBatch(_rows(parts, found.rows), found.summary)


def _joined(parts: Sequence[Arrays], name: str) -> list[str]:
    return [str(one) for part in parts for one in part[name].tolist()]


def _rows(parts: Sequence[Arrays], rows: Sequence[dict[str, Any]]) -> Iterator[list[PlannedRow]]:
    first = 0
    for part in parts:
        written: list[PlannedRow] = []
        heads = zip(part["contact_id"].tolist(), part["head"].tolist(), strict=True)
        for (contact_id, head), row in zip(heads, rows[first : first + len(part["head"])], strict=True):
            known = orjson.loads(head) if head else {"detail": None, "errors": []}
            about = {"contact_id": contact_id or None, "status": row["status"], **known, **row}
            written.append(PlannedRow(row["status"], orjson.dumps(about, option=orjson.OPT_UTC_Z)))
        first += len(written)
        yield written


def assigned(values: PlanValues, rules: SendRules, capacity_per_hour: int) -> DealtPlan:
    """Give each contact at most one hour, each hour at most its capacity.

    Args:
        values: of all contacts and hours.
        rules: that the values were made by.
        capacity_per_hour: sends that an hour may take.
    """
    used = np.flatnonzero((values.value >= 0).any(axis=0))
    found = planned(values.value[:, used], np.full(len(used), capacity_per_hour, dtype=np.int64))
    clocks = {zone: _Clock.of(zone, rules) for zone in dict.fromkeys(values.zone) if zone}
    rows: list[dict[str, Any]] = []
    for row, (status, place) in enumerate(zip(values.status, found.hour.tolist(), strict=True)):
        if place < 0:
            left = "no_capacity" if status == "ok" else status
            rows.append({"status": left, "send_at": None, "value": None})
            continue
        when = clocks[values.zone[row]].at[int(values.hours[used[place]])]
        rows.append({"status": "ok", "send_at": when.fields(), "value": float(values.value[row, used[place]])})
    summary = {
        "expected": found.value,
        "bound": found.bound,
        "gap": found.gap,
        "measure": "engagements" if values.is_chance else "activity_shares",
        "hours": _filled(values.hours[used], found, capacity_per_hour),
        "unplaced": sum(one["status"] == "no_capacity" for one in rows),
    }
    return DealtPlan(rows, summary)


@dataclass(frozen=True, slots=True)
class _Clock:
    """The allowed instants of a zone, by the hour of UTC that they lie in."""

    at: Mapping[Microseconds, When]

    @staticmethod
    def of(zone: str, rules: SendRules) -> "_Clock":
        at = candidates(zone, rules).at
        local_at = at + utc_offsets(zone, at)
        read = zip(at.tolist(), local_at.tolist(), slot_of(local_at).tolist(), strict=True)
        return _Clock({one // HOUR * HOUR: When(one, local, zone, slot) for one, local, slot in read})


def hours_of(rules: SendRules) -> NDArray[np.int64]:
    """Return the start of every hour of the window, as a model lays its values out."""
    return np.arange(rules.not_before // HOUR, max(rules.not_before // HOUR, -(-rules.not_after // HOUR))) * HOUR


def _filled(hours: NDArray[np.int64], found: SendPlan, capacity: int) -> list[dict[str, Any]]:
    count = np.bincount(found.hour[found.hour >= 0], minlength=len(hours))
    return [
        {"utc": instant_of(int(hour)), "planned": int(number), "capacity": capacity}
        for hour, number in zip(hours.tolist(), count.tolist(), strict=True)
        if number
    ]

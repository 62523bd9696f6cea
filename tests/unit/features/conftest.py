"""The oracle: every kind of feature once more, in plain Python, one contact and one event at a time."""

import math
from collections.abc import Callable, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.features.feature import Feature
from shared.timeline import ContactFacts, EventTuple

Rows = Sequence[EventTuple]
Oracle = Callable[..., float]
"""`oracle(feature, contact, cutoff, facts, rows, whole_orders=())`."""

NAN = float("nan")
DAY = 86_400_000_000
PARTS = ("night", "morning", "afternoon", "evening")


class Seen:
    """An event as the oracle sees it."""

    def __init__(self, row: EventTuple, cutoff: int, zone: str | None) -> None:
        _, _, type_, at, value, _, campaign, item, human = row
        unverified = type_ == "email_opened" and human is None
        self.type = "email_opened_unverified" if unverified else type_
        self.at = at
        self.value = None if value is None or math.isnan(value) else value
        self.campaign = campaign
        self.item = item
        self.age = (cutoff - at) / DAY
        utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
        self.local = utc.astimezone(ZoneInfo(zone or "UTC"))

    @property
    def order(self) -> tuple[Any, ...]:
        value = (1, 0.0) if self.value is None else (0, self.value)
        return (self.at, self.type, self.item or "", self.campaign or "", value)


class Looked:
    """What the last frame saw: all features look at the same events, and to make them takes most of the time."""

    at: tuple[Any, ...] = (None, None, None, None)
    seen: list[Seen] = []  # noqa: RUF012 - replaced, never changed


def seen_of(contact: str, cutoff: int, facts: dict[str, ContactFacts], rows: Rows) -> list[Seen]:
    if Looked.at[:2] != (contact, cutoff) or Looked.at[2] is not facts or Looked.at[3] is not rows:
        Looked.at, Looked.seen = (contact, cutoff, facts, rows), _seen_of(contact, cutoff, facts, rows)
    return Looked.seen


def _seen_of(contact: str, cutoff: int, facts: dict[str, ContactFacts], rows: Rows) -> list[Seen]:
    zone = facts[contact].timezone if contact in facts else None
    mine = [Seen(row, cutoff, zone) for row in rows if row[0] == contact and row[8] != 0 and row[3] < cutoff]
    within = sorted((event for event in mine if event.at >= cutoff - 730 * DAY), key=lambda event: event.order)
    return within[-5_000:]


def whole(events: list[Seen], types: Sequence[str]) -> list[Seen]:
    """Make one event of the lines of each order, which is worth what those are worth that say so."""
    orders: dict[tuple[str, int], list[Seen]] = {}
    for event in events:
        orders.setdefault((event.type, event.at), []).append(event)
    found: list[Seen] = []
    for (type_, _), lines in orders.items():
        if type_ not in types:
            found += lines
            continue
        order = copy(lines[0])
        known = [line.value for line in lines if line.value is not None]
        order.value = sum(known) if known else None
        found.append(order)
    return found


def mean_gap(events: list[Seen]) -> float:
    return (events[0].age - events[-1].age) / (len(events) - 1) if len(events) > 1 else NAN


def share(part: int, whole: int) -> float:
    return part / whole if whole else NAN


def event_number(feature: Feature, every: list[Seen]) -> float:
    """Compute an event feature from the events before the cutoff, oldest first."""
    window = feature.window_days or 730
    mine = [event for event in every if feature.type is None or event.type == feature.type]
    near = [event for event in mine if event.age <= window]
    values = [event.value for event in near if event.value is not None]
    last = mine[-1] if mine else None
    match feature.kind:
        case "count":
            return len(near)
        case "days_since_last":
            return mine[-1].age if mine else NAN
        case "days_since_first":
            return mine[0].age if mine else NAN
        case "value_sum":
            return sum(values)
        case "value_mean":
            return fmean(values) if values else NAN
        case "value_max":
            return max((event.value for event in mine if event.value is not None), default=NAN)
        case "rate":
            sent = sum(event.type == feature.other for event in every)
            return (len(mine) + 5 * feature.prior) / (sent + 5) if sent else NAN
        case "trend":
            month = sum(event.age <= 30 for event in mine)
            before = sum(30 < event.age <= 90 for event in mine)
            return math.log((month + 0.5) / (before / 2 + 0.5))
        case "active_days":
            return len({event.local.date() for event in near})
        case "distinct":
            return len({getattr(event, feature.other or "") for event in mine} - {None})
        case "gap_mean":
            return mean_gap(mine)
        case "overdue":
            return mine[-1].age / max(mean_gap(mine), 1.0) if len(mine) > 1 else NAN
        case "hour_share":
            return share(sum(PARTS[event.local.hour // 6] == feature.other for event in mine), len(mine))
        case "weekend_share":
            return share(sum(event.local.weekday() >= 5 for event in mine), len(mine))
        case "last_hour":
            return last.local.hour if last else NAN
        case "last_weekday":
            return last.local.weekday() if last else NAN
        case "last_type":
            return code(feature, last.type) if last else NAN
        case "last_item":
            return code(feature, last.item) if last and last.item is not None else NAN
    raise AssertionError(f"the oracle does not know {feature.kind}")


def code(feature: Feature, name: str) -> float:
    return feature.categories.index(name) if name in feature.categories else len(feature.categories)


def attribute_number(feature: Feature, value: Any, cutoff: int) -> float:
    """Read an attribute's value that holds at the cutoff; the samples of the tests are simple enough."""
    empty = value is None or (isinstance(value, str) and value.strip().lower() in ("", "n/a", "none", "select"))
    if empty:
        return NAN
    match feature.kind:
        case "numeric":
            if isinstance(value, bool):
                return NAN
            try:
                number = float(value)
            except ValueError:
                return NAN
            return number if math.isfinite(number) else NAN
        case "boolean":
            if isinstance(value, str):
                return {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0, "1": 1.0, "0": 0.0}.get(value.lower(), NAN)
            return float(value) if value in (0, 1) else NAN
        case "categorical":
            return code(feature, str(value).strip())
        case "date":
            try:
                date = datetime.fromisoformat(value)
            except (TypeError, ValueError):
                return NAN
            aware = date if date.tzinfo else date.replace(tzinfo=UTC)
            return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=cutoff) - aware) / timedelta(days=1)
    raise AssertionError(f"the oracle does not know {feature.kind}")


LINE_KINDS = ("distinct", "last_item")


def number_of(
    feature: Feature,
    contact: str,
    cutoff: int,
    facts: dict[str, ContactFacts],
    rows: Rows,
    whole_orders: Sequence[str] = (),
) -> float:
    """Compute one feature of one contact at one cutoff; of `whole_orders` all of one instant is one event."""
    fact = facts.get(contact, ContactFacts())
    events = seen_of(contact, cutoff, facts, rows)
    if feature.kind == "known_days":
        since = fact.created_at if fact.created_at is not None else (events[0].at if events else cutoff)
        return (cutoff - since) / DAY if since < cutoff else NAN
    if feature.attribute is None:
        return event_number(feature, events if feature.kind in LINE_KINDS else whole(events, whole_orders))
    held = [entry for entry in fact.attributes if entry.name == feature.attribute and entry.valid_from < cutoff]
    if not held:
        return NAN
    return attribute_number(feature, max(held, key=lambda entry: entry.valid_from).value, cutoff)


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """The oracle's answer: `oracle(feature, contact, cutoff, facts, rows)`."""
    return number_of

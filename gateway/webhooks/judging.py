"""Who made the events of a batch, a human or a machine, judged with what is stored of the same messages. Pure."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.webhooks.incoming import Signals
from gateway.webhooks.verdict import CHANNELS, DELIVERED, SENT, SUSPECTED, Sighting, Verdict, corrected, own_verdict
from shared.contracts.rows import EventRow
from shared.ingest import canonical

REASON = "verdict"
"""The property of an event that tells why it is believed to be made by whom."""
TIMED = SUSPECTED | {DELIVERED, SENT}
"""Types whose instants tell something of the other events of their message."""


def own(row: EventRow, signals: Signals) -> EventRow:
    """Judge an event by what came with it, which is dropped then."""
    return _with(row, own_verdict(row.type, signals))


def distinct(new: Sequence[EventRow], stored: Iterable[EventRow]) -> list[EventRow]:
    """Leave out what was told before under another id: a provider that tries again may give the same event a new one.

    Args:
        new: of a batch.
        stored: of the same contacts and messages.

    Returns:
        Those of the new ones that are not known yet, the first of several.
    """
    seen = {_content(row) for row in stored if is_of_message(row)}
    kept = []
    for row in new:
        if is_of_message(row):
            content = _content(row)
            if content in seen:
                continue
            seen.add(content)
        kept.append(row)
    return kept


def is_of_message(row: EventRow) -> bool:
    """Whether an event happened to a message that is named, where one that is told twice is one.

    Beside these two equal facts may be two: a product that is put into the basket twice.
    """
    return row.message_id is not None and row.type.startswith(CHANNELS)


def _content(row: EventRow) -> tuple[Any, ...]:
    """Tell everything that makes an event what it is, without its id and who made it."""
    properties = json.loads(row.properties) if row.properties else {}
    properties.pop(REASON, None)
    told = row.message_id, row.campaign_id, row.item, row.value, row.currency, canonical(properties)
    return row.contact_id, row.type, row.occurred_at, *told


def by_their_messages(new: Sequence[EventRow], stored: Iterable[EventRow]) -> tuple[list[EventRow], list[EventRow]]:
    """Judge events by the others of their messages.

    Args:
        new: of a batch, judged by what came with them.
        stored: all of the same messages and contacts.

    Returns:
        The new ones in their order, and those of the stored ones that must be corrected.
    """
    coming = {_key(row): row for row in new}
    there = {_key(row): row for row in stored if _key(row) not in coming}
    verdicts = corrected(_sighting(key, row) for key, row in (there | coming).items() if row.type in TIMED)
    judged = [_with(row, verdicts[_key(row)]) if _key(row) in verdicts else row for row in new]
    return judged, [_with(there[key], verdict) for key, verdict in verdicts.items() if key in there]


def _key(row: EventRow) -> str:
    return f"{row.contact_id}\n{row.event_id}"


def _sighting(key: str, row: EventRow) -> Sighting:
    human = None if row.human is None else bool(row.human)
    reason = json.loads(row.properties).get(REASON) if row.properties else None
    return Sighting(
        key,
        row.contact_id,
        row.message_id,
        row.type,
        row.occurred_at,
        row.item,
        Verdict(human, reason if isinstance(reason, str) else None),
    )


def _with(row: EventRow, verdict: Verdict) -> EventRow:
    if verdict.human is None and verdict.reason is None:
        return row
    properties = {**(json.loads(row.properties) if row.properties else {}), REASON: verdict.reason}
    human = None if verdict.human is None else int(verdict.human)
    return row._replace(human=human, properties=canonical(properties))

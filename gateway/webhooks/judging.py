"""Who made the events of a batch, a human or a machine, judged with what is stored of the same messages. Pure."""

import json
from collections.abc import Iterable, Sequence

from gateway.webhooks.incoming import Signals
from gateway.webhooks.verdict import CLICKS, DELIVERED, OPENS, SENT, Sighting, Verdict, corrected, own_verdict
from shared.contracts.rows import EventRow
from shared.ingest import canonical

REASON = "verdict"
"""The property of an event that tells why it is believed to be made by whom."""
TIMED = OPENS | CLICKS | {DELIVERED, SENT}
"""Types whose instants tell something of the other events of their message."""


def own(row: EventRow, signals: Signals) -> EventRow:
    """Judge an event by what came with it, which is dropped then."""
    return _with(row, own_verdict(row.type, signals))


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

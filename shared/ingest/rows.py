"""Validated wire types turned into records: instants into microseconds, properties into canonical JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.contracts.contact import ContactInput, DatedScalar, EventInput
from shared.contracts.decision import UNTRAINED, DecisionArm, DecisionRow
from shared.contracts.decision_input import UNNAMED, DecisionInput
from shared.contracts.items import ItemInput
from shared.contracts.rows import AttributeRow, ContactRow, EventRow, ItemChange, Microseconds, microseconds
from shared.ingest.identity import decision_identity, email_hash, event_identity
from shared.values.addresses import is_placeholder

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def event_row(event: EventInput, *, recorded_at: Microseconds) -> EventRow:
    """Turn a validated event into the record that is kept."""
    at = microseconds(event.occurred_at)
    properties = canonical(event.properties)
    event_id = event.id
    if event_id is None:
        event_id = event_identity(
            event.contact_id,
            event.type,
            at,
            event.value,
            currency=event.currency,
            message_id=event.message_id,
            campaign_id=event.campaign_id,
            item=event.item,
            properties=properties,
        )
    return EventRow(
        event.contact_id,
        event_id,
        event.type,
        at,
        recorded_at,
        event.value,
        event.currency,
        event.message_id,
        event.campaign_id,
        event.item,
        properties,
        None if event.human is None else int(event.human),
    )


def contact_row(
    contact: ContactInput, *, recorded_at: Microseconds, identity_key: bytes, undated: bool = False
) -> ContactRow:
    """Turn a validated contact into the record that is kept; the address becomes a keyed hash, a placeholder nothing.

    Args:
        contact: as sent.
        recorded_at: now; bare attribute values hold from now on.
        identity_key: key of the hash.
        undated: nobody knows since when bare values hold (a file), so they do not hold from now on.
    """
    bare_from = None if undated else recorded_at
    return ContactRow(
        contact_id=contact.id,
        created_at=None if contact.created_at is None else microseconds(contact.created_at),
        timezone=contact.timezone,
        consent=None if contact.consent is None else {str(name): given for name, given in contact.consent.items()},
        email_hash=None if contact.email is None else _identity(contact.email, identity_key),
        attributes=tuple(
            AttributeRow(name, given.value, microseconds(given.valid_from))
            if isinstance(given, DatedScalar)
            else AttributeRow(name, given, bare_from)
            for name, given in contact.attributes.items()
        ),
    )


def item_change(item: ItemInput) -> ItemChange:
    """Turn a validated item into the record that is kept."""
    return ItemChange(item.id, item.given())


def decision_row(decision: DecisionInput, *, outcome: str) -> DecisionRow:
    """Turn a validated decision of another tool into the record that is kept.

    Args:
        decision: as sent.
        outcome: the account's default, meant where it names none.
    """
    at, slot, campaign_id = microseconds(decision.decided_at), decision.slot or "", decision.campaign_id or ""
    reached = decision.outcome or outcome
    facts = (decision.contact_id, reached, slot, campaign_id, decision.message, at, decision.propensity)
    return DecisionRow(
        decision_id=decision.id or decision_identity(*facts),
        contact_id=decision.contact_id,
        outcome=reached,
        slot=slot,
        campaign_id=campaign_id,
        message_id=decision.message,
        arm=DecisionArm.imported.value,
        propensity=decision.propensity,
        candidates=decision.all_candidates(),
        version=UNTRAINED,
        decided_at=at,
        reward=decision.reward,
    )


def named_messages(decisions: Iterable[DecisionRow]) -> set[str]:
    """Return the messages that decisions name, chosen or not."""
    rows = list(decisions)
    lists = {row.candidates for row in rows}
    named = {one for listed in lists for one in listed if one and not one.startswith(UNNAMED)}
    return named | {row.message_id for row in rows if row.message_id is not None}


def _identity(address: str, key: bytes) -> str | None:
    """Hash an address by which the contact is recognised; what fills a field (`unknown@...`) is nobody's."""
    return None if is_placeholder(address) else email_hash(address, key)


def canonical(properties: Mapping[str, Any] | None) -> str | None:
    r"""Write properties so that equal ones are equal text; empty ones are none.

    >>> canonical({"b": 1, "a": "é"})
    '{"a":"\\u00e9","b":1}'
    """
    if not properties:
        return None
    return _CANONICAL.encode(properties)

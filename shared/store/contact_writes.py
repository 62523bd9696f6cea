"""How a batch of contact rows meets what is stored: three reads, then only what changed is written."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.rows import (
    ALWAYS,
    SHARED_BY,
    AttributeRow,
    ContactRow,
    Microseconds,
    consent_of,
    contact_hash,
    denies_profiling,
)
from shared.store.change_detection import LastKnownStateTable, StaleContactTable
from shared.store.contact_facts import AttributeTable, ContactTable, Entry, is_news, keep
from shared.store.delivery_tables import (
    AttemptTable,
    DeliveryTable,
    MessageTable,
)
from shared.store.identities import CONTACT, EMAIL, any_erased, buried, erased_among, lift, point_identities
from shared.store.scope import AccountConnection, batches


@dataclass(slots=True)
class _Known:
    created_at: Microseconds | None
    timezone: str | None
    consent: dict[str, str]
    created: bool
    attributes: dict[str, list[Entry]] = field(default_factory=dict)


@dataclass(slots=True)
class _Changes:
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    attributes: dict[tuple[str, str, Microseconds], dict[str, Any]] = field(default_factory=dict)


def put_batch(
    connection: AccountConnection,
    rows: Sequence[ContactRow],
    *,
    recorded_at: Microseconds,
    readmission: tuple[bytes | None, bool],
) -> list[str]:
    """Write what the rows change.

    Args:
        connection: inside a transaction that holds the account.
        rows: at most 1,000.
        recorded_at: now.
        readmission: the identity key, and whether contacts that were erased come back.

    Returns:
        For each row "created", "updated", "unchanged" or, where they do not come back, "erased".
    """
    key, lifts = readmission
    known = _known_contacts(connection, sorted({row.contact_id for row in rows}))
    made = [row for row in rows if known[row.contact_id].created]
    # One look shows whether all the others can be spared, as nearly always.
    careful = bool(made) and any_erased(connection)
    erased = erased_among(connection, {row.contact_id for row in made}, key) if careful else frozenset()
    if erased and lifts and key is not None:
        lift(connection, CONTACT, [contact_hash(contact_id, key) for contact_id in erased])
        erased = frozenset()
    if careful and not lifts:
        erased |= _with_erased_address(connection, made)
    for part in batches(sorted(erased)):
        mine = ContactTable.contact_id.in_(part)
        connection.execute(connection.delete(ContactTable).where(mine))
    pointed = set[str]()
    for turn, addresses in enumerate(_in_turn(rows, erased)):
        pointed |= point_identities(connection, EMAIL, addresses, at=recorded_at + turn)
    if pointed and lifts and any_erased(connection):
        lift(connection, EMAIL, pointed)
    forget_profile(connection, [row.contact_id for row in rows if denies(row)])
    changes = _Changes()
    done = []
    for row in rows:
        if row.contact_id in erased:
            done.append("erased")
            continue
        contact = known[row.contact_id]
        changed = _update_contact(contact, row)
        if changed:
            changes.contacts[row.contact_id] = _values(row.contact_id, contact)
        for attribute in row.attributes:
            entry = _entry(contact, attribute, recorded_at)
            if is_news(contact.attributes.get(attribute.name, ()), entry):
                changed = True
                keep(contact.attributes.setdefault(attribute.name, []), entry)
                changes.attributes[row.contact_id, attribute.name, entry.valid_from] = {
                    "contact_id": row.contact_id,
                    "name": attribute.name,
                    **entry._asdict(),
                }
        changed = changed or row.email_hash in pointed
        done.append("created" if contact.created else "updated" if changed else "unchanged")
        contact.created = False
    connection.upsert(ContactTable, [changes.contacts[key] for key in sorted(changes.contacts)])
    connection.upsert(AttributeTable, [changes.attributes[key] for key in sorted(changes.attributes)])
    return done


def _in_turn(rows: Sequence[ContactRow], erased: Collection[str]) -> list[dict[str, str]]:
    """Arrange whose addresses the rows say: who has an address that another one of them has too comes a turn later."""
    claims: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.email_hash is not None and row.contact_id not in erased:
            claims.setdefault(row.email_hash, {}).pop(row.contact_id, None)
            claims[row.email_hash][row.contact_id] = None
    turns: list[dict[str, str]] = []
    for key_hash, contacts in claims.items():
        for turn, contact_id in enumerate(list(contacts)[:SHARED_BY]):
            if turn == len(turns):
                turns.append({})
            turns[turn][key_hash] = contact_id
    return turns


def denies(row: ContactRow) -> bool:
    """Whether a row says that the contact does not want to be profiled."""
    return denies_profiling(row.consent or {})


def _with_erased_address(connection: AccountConnection, rows: Sequence[ContactRow]) -> frozenset[str]:
    """Return which contacts have an address that was erased, whatever their id."""
    hashes = {row.email_hash for row in rows if row.email_hash is not None}
    gone = buried(connection, EMAIL, hashes)
    return frozenset(row.contact_id for row in rows if row.email_hash in gone)


def _known_contacts(connection: AccountConnection, contact_ids: Sequence[str]) -> dict[str, _Known]:
    new = [{"contact_id": contact_id} for contact_id in contact_ids]
    created = set(connection.insert_new(ContactTable, new, ContactTable.contact_id).scalars())
    contacts = (
        connection.select(ContactTable.contact_id, ContactTable.created_at, ContactTable.timezone, ContactTable.consent)
        .where(ContactTable.contact_id.in_(contact_ids))
        .order_by(ContactTable.contact_id)
        .with_for_update()
    )
    known = {
        contact_id: _Known(created_at, timezone, dict(consent_of(consent)), contact_id in created)
        for contact_id, created_at, timezone, consent in connection.execute(contacts)
    }
    attributes = (
        connection.select(
            AttributeTable.contact_id,
            AttributeTable.name,
            AttributeTable.valid_from,
            AttributeTable.recorded_at,
            AttributeTable.value,
            AttributeTable.dated,
        )
        .where(AttributeTable.contact_id.in_(contact_ids))
        .order_by(*AttributeTable.__table__.primary_key)
    )
    for contact_id, name, valid_from, recorded, value, dated in connection.execute(attributes):
        known[contact_id].attributes.setdefault(name, []).append(Entry(valid_from, recorded, value, dated))
    return known


def _update_contact(contact: _Known, row: ContactRow) -> bool:
    before = (contact.created_at, contact.timezone, dict(contact.consent))
    if row.created_at is not None:
        contact.created_at = row.created_at
    if row.timezone is not None:
        contact.timezone = row.timezone or None
    contact.consent.update(row.consent or {})
    return before != (contact.created_at, contact.timezone, contact.consent)


def _entry(contact: _Known, attribute: AttributeRow, recorded_at: Microseconds) -> Entry:
    value = json.dumps(attribute.value, allow_nan=False)
    if attribute.valid_from is not None:
        return Entry(attribute.valid_from, recorded_at, value, dated=True)
    since = ALWAYS if contact.created_at is None else contact.created_at
    return Entry(since, recorded_at, value, dated=False)


def _values(contact_id: str, contact: _Known) -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "created_at": contact.created_at,
        "timezone": contact.timezone,
        "consent": json.dumps(contact.consent, sort_keys=True) if contact.consent else None,
    }


def forget_profile(connection: AccountConnection, contact_ids: Collection[str]) -> None:
    """Delete last known states of contacts, and deliveries about them that are still under way.

    Args:
        connection: inside a transaction that holds the account.
        contact_ids: any number.
    """
    for part in batches(sorted(set(contact_ids))):
        for table in (LastKnownStateTable, StaleContactTable):
            connection.execute(connection.delete(table).where(table.contact_id.in_(part)))
        messages = connection.select(MessageTable.message_id).where(MessageTable.contact_id.in_(part))
        waiting = (
            DeliveryTable.state == "pending",
            DeliveryTable.message_id.in_(messages),
        )
        # Held first, so that no attempt is written meanwhile; in order, as everybody does (PostgreSQL).
        held = (
            connection.select(DeliveryTable.delivery_id)
            .where(*waiting)
            .order_by(DeliveryTable.delivery_id)
            .with_for_update()
        )
        for gone in batches(list(connection.scalars(held))):
            tried = AttemptTable.delivery_id.in_(gone)
            connection.execute(connection.delete(AttemptTable).where(tried))
            made = DeliveryTable.delivery_id.in_(gone)
            connection.execute(connection.delete(DeliveryTable).where(made))

"""Two contacts that turn out to be one person: everything of the former comes to the one that stays."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import aliased

from shared.contracts.rows import Microseconds, consent_of, contact_hash, denies_profiling
from shared.store.assignments import AssignmentTable
from shared.store.change_detection import LastKnownStateTable, StaleContactTable, touch
from shared.store.contact_facts import AttributeTable, ContactTable
from shared.store.contact_writes import forget_profile
from shared.store.decisions import MessageDecisionTable
from shared.store.events import EventTable
from shared.store.identities import CONTACT, IdentityMergeTable, IdentityTable
from shared.store.import_tables import merge_marks
from shared.store.scope import AccountConnection

_MOVED = (EventTable, AttributeTable, AssignmentTable, LastKnownStateTable, MessageDecisionTable)
"""Tables whose rows change hands; where both have a row of the same key, that of the contact that stays is kept."""


def merge(connection: AccountConnection, former: str, into: str, *, at: Microseconds, key: Callable[[], bytes]) -> bool:
    """Give everything of a contact to another one, log it, and let the former go.

    Args:
        connection: inside a transaction in which nobody else writes of the account.
        former: disappears; one that is not there changes nothing.
        into: exists already.
        at: now.
        key: returns the identity key; called once there is something to merge.

    Returns:
        Whether either of them denied profiling.
    """
    both = (
        connection.select(*ContactTable.__table__.c)
        .where(ContactTable.contact_id.in_((former, into)))
        .order_by(ContactTable.contact_id)
        .with_for_update()
    )
    rows = {row.contact_id: row for row in connection.execute(both)}
    if former not in rows or into not in rows:
        return False
    denied = _unite(connection, rows[former], rows[into])
    _repoint(connection, former, into, at, key())
    for table in _MOVED:
        _move(connection, table, former, into)
    merge_marks(connection, former, into)
    if denied:
        forget_profile(connection, [former, into])
    connection.execute(connection.delete(StaleContactTable).where(StaleContactTable.contact_id == former))
    touch(connection, [into], at=at)
    connection.execute(connection.delete(ContactTable).where(ContactTable.contact_id == former))
    return denied


def _unite(connection: AccountConnection, former: Any, into: Any) -> bool:
    """Keep the earlier beginning, the zone that is known, and a refusal of profiling of either; return whether it is.

    Args:
        connection: inside the transaction.
        former: row of the contact that goes.
        into: row of the one that stays.
    """
    begun = [at for at in (former.created_at, into.created_at) if at is not None]
    consent = {**consent_of(former.consent), **consent_of(into.consent)}
    denied = any(denies_profiling(consent_of(one.consent)) for one in (former, into))
    if denied:
        consent["profiling"] = "denied"
    connection.execute(
        connection.update(ContactTable)
        .where(ContactTable.contact_id == into.contact_id)
        .values(
            created_at=min(begun, default=None),
            timezone=into.timezone or former.timezone,
            consent=json.dumps(consent, sort_keys=True) if consent else None,
        )
    )
    return denied


def _repoint(connection: AccountConnection, former: str, into: str, at: Microseconds, key: bytes) -> None:
    """Let all that led to the former lead to the other one, its id too: by that what is kept under it is found."""
    table = IdentityTable
    connection.upsert(table, [{"kind": CONTACT, "key_hash": contact_hash(former, key), "contact_id": former}])
    mine = table.contact_id == former
    found = list(connection.execute(connection.select(table.kind, table.key_hash).where(mine)))
    logged = [
        {
            "kind": kind,
            "key_hash": key_hash,
            "merged_at": at,
            "to_contact_id": into,
            "from_contact_id": former,
        }
        for kind, key_hash in sorted(found)
    ]
    connection.execute(connection.update(table).where(mine).values(contact_id=into))
    connection.upsert(IdentityMergeTable, logged)


def _move(connection: AccountConnection, table: Any, former: str, into: str) -> None:
    there = aliased(table)
    key = [column.name for column in table.__table__.primary_key if column.name != "contact_id"]
    same = [getattr(there, name) == getattr(table, name) for name in key]
    mine = table.contact_id == former
    taken = connection.select(there.contact_id).where(there.contact_id == into, *same).exists()
    connection.execute(connection.delete(table).where(mine, taken))
    connection.execute(connection.update(table).where(mine).values(contact_id=into))

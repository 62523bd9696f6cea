"""Two contacts that turn out to be one person: everything of the former comes to the one that stays."""

import json
from typing import Any

from sqlalchemy import Connection, delete, exists, select, update
from sqlalchemy.orm import aliased

from shared.contracts.identity import contact_hash
from shared.contracts.rows import Microseconds
from shared.store.facts import consent_of
from shared.store.identities import Identities
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.stale import touch
from shared.store.statements import upsert
from shared.store.tables import (
    AssignmentTable,
    AttributeTable,
    ContactTable,
    EventTable,
    IdentityMergeTable,
    IdentityTable,
)
from shared.store.tombstones import CONTACT
from shared.store.webhook_tables import StaleContactTable, StandingTable
from shared.store.withdrawal import forget_profile

_MOVED = (EventTable, AttributeTable, AssignmentTable, StandingTable)
"""Tables whose rows change hands; where both have a row of the same key, that of the contact that stays is kept."""


class Merging(Identities):
    """Contacts of one account that become one."""

    def merge_contacts(self, former: str, into: str, *, at: Microseconds) -> None:
        """Give everything of a contact to another one, log it, and let the former go; joins an open transaction.

        No other writer may add to the former meanwhile: open the transaction alone.

        Args:
            former: disappears; one that is not there changes nothing.
            into: exists already.
            at: now.

        Raises:
            SettingsRefused: no identity key is known.
        """
        with self._writing(alone=True) as connection:
            both = (
                select(*ContactTable.__table__.c)
                .where(ContactTable.account_id == self.account, ContactTable.contact_id.in_((former, into)))
                .order_by(ContactTable.contact_id)
                .with_for_update()
            )
            rows = {row.contact_id: row for row in connection.execute(both)}
            if former not in rows or into not in rows:
                return
            denied = self._unite(connection, rows[former], rows[into])
            self._repoint(connection, former, into, at)
            for table in _MOVED:
                self._move(connection, table, former, into)
            if denied:
                forget_profile(connection, self.account, [former, into])
            stale = StaleContactTable
            mine = (stale.account_id == self.account) & (stale.contact_id == former)
            connection.execute(delete(stale).where(mine))
            touch(connection, self.account, [into], at=at)
            gone = (ContactTable.account_id == self.account) & (ContactTable.contact_id == former)
            connection.execute(delete(ContactTable).where(gone))
        if denied:
            self.forget_latest([former, into])

    def forget_latest(self, contact_ids: list[str]) -> None:
        """Delete the latest predictions of contacts that are no more; what was answered once stays in the log."""
        table = LatestPredictionTable
        with self._predictions.writing() as connection:
            mine = (table.account_id == self.account) & table.contact_id.in_(contact_ids)
            connection.execute(delete(table).where(mine))

    def _unite(self, connection: Connection, former: Any, into: Any) -> bool:
        """Keep the earlier beginning, the zone that is known, and a refusal of profiling of either; tell of that."""
        begun = [at for at in (former.created_at, into.created_at) if at is not None]
        consent = {**consent_of(former.consent), **consent_of(into.consent)}
        denied = "denied" in (consent_of(one.consent).get("profiling") for one in (former, into))
        if denied:
            consent["profiling"] = "denied"
        mine = (ContactTable.account_id == self.account) & (ContactTable.contact_id == into.contact_id)
        connection.execute(
            update(ContactTable)
            .where(mine)
            .values(
                created_at=min(begun, default=None),
                timezone=into.timezone or former.timezone,
                consent=json.dumps(consent, sort_keys=True) if consent else None,
            )
        )
        return denied

    def _repoint(self, connection: Connection, former: str, into: str, at: Microseconds) -> None:
        """Let all that led to the former lead to the other one, its id too: by that what is kept under it is found."""
        table, own = IdentityTable, contact_hash(former, self._known_key())
        values = {"account_id": self.account, "kind": CONTACT, "key_hash": own, "contact_id": former}
        upsert(connection, table, [values])
        mine = (table.account_id == self.account) & (table.contact_id == former)
        found = list(connection.execute(select(table.kind, table.key_hash).where(mine)))
        logged = [
            {
                "account_id": self.account,
                "kind": kind,
                "key_hash": key_hash,
                "merged_at": at,
                "to_contact_id": into,
                "from_contact_id": former,
            }
            for kind, key_hash in sorted(found)
        ]
        connection.execute(update(table).where(mine).values(contact_id=into))
        upsert(connection, IdentityMergeTable, logged)

    def _move(self, connection: Connection, table: Any, former: str, into: str) -> None:
        there = aliased(table)
        key = [column.name for column in table.__table__.primary_key if column.name != "contact_id"]
        same = [getattr(there, name) == getattr(table, name) for name in key]
        mine = (table.account_id == self.account) & (table.contact_id == former)
        taken = exists().where(there.contact_id == into, *same)
        connection.execute(delete(table).where(mine, taken))
        connection.execute(update(table).where(mine).values(contact_id=into))

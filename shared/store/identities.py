"""What else a contact is known by; an identity that comes to another contact is re-pointed and logged."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from shared.contracts.identity import SHARED_BY
from shared.contracts.rows import Microseconds
from shared.store.conduct_tables import TombstoneTable
from shared.store.scope import Scope, batches
from shared.store.statements import insert, upsert
from shared.store.tables import ContactTable, IdentityMergeTable, IdentityTable
from shared.store.tombstones import EMAIL

Identity = tuple[str, str]
"""Kind and keyed hash."""


class Identities(Scope):
    """What the contacts of one account are known by."""

    def contacts_of(self, identities: Collection[Identity]) -> dict[Identity, str]:
        """Tell to whom identities point; joins an open transaction.

        Args:
            identities: any number; one that is not known is left out of the answer.
        """
        return dict(self._hashed(IdentityTable, IdentityTable.contact_id, identities))

    def erased_identities(self, identities: Collection[Identity]) -> set[Identity]:
        """Tell which identities (or contacts, kind `contact`) are to be forgotten; joins an open transaction."""
        return {identity for identity, _ in self._hashed(TombstoneTable, TombstoneTable.erased_at, identities)}

    def known_contacts(self, contact_ids: Collection[str]) -> set[str]:
        """Tell which contacts there are; joins an open transaction."""
        known = set[str]()
        with self._reading() as connection:
            for part in batches(sorted(contact_ids)):
                mine = (ContactTable.account_id == self.account) & ContactTable.contact_id.in_(part)
                known.update(connection.scalars(select(ContactTable.contact_id).where(mine)))
        return known

    def claims_on(self, identities: Collection[Identity]) -> dict[Identity, set[str]]:
        """Tell to which contacts identities ever pointed, as far as it was logged; joins an open transaction."""
        table, found = IdentityMergeTable, dict[Identity, set[str]]()
        for column in (table.from_contact_id, table.to_contact_id):
            for identity, contact_id in self._hashed(table, column, identities):
                found.setdefault(identity, set()).add(contact_id)
        return found

    def shared_of(self, identities: Collection[Identity]) -> set[Identity]:
        """Tell which identities are so many contacts' that by them nobody is recognised; joins an open transaction."""
        return {identity for identity, claims in self.claims_on(identities).items() if len(claims) >= SHARED_BY}

    def point(self, contacts: Mapping[Identity, str], *, at: Microseconds) -> None:
        """Let identities point to contacts; what pointed elsewhere is logged. Joins an open transaction.

        Args:
            contacts: contact id by identity.
            at: now.
        """
        with self._writing() as connection:
            for kind, pointed in sorted(_by_kind(contacts).items()):
                for part in batches(sorted(pointed)):
                    chosen = {key_hash: contacts[kind, key_hash] for key_hash in part}
                    point_identities(connection, self.account, kind, chosen, at=at)

    def _hashed(self, table: type[Any], told: Any, identities: Collection[Identity]) -> Iterator[tuple[Identity, Any]]:
        with self._reading() as connection:
            for kind, hashes in _by_kind(identities).items():
                for part in batches(sorted(hashes)):
                    mine = (table.account_id == self.account) & (table.kind == kind) & table.key_hash.in_(part)
                    for key_hash, value in connection.execute(select(table.key_hash, told).where(mine)):
                        yield (kind, key_hash), value


def _by_kind(identities: Collection[Identity]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, key_hash in identities:
        found.setdefault(kind, set()).add(key_hash)
    return found


def point_identities(
    connection: Connection, account: str, kind: str, contacts: Mapping[str, str], *, at: Microseconds
) -> set[str]:
    """Let identities point to contacts; an address that is shared already stays where it is.

    Args:
        connection: inside a transaction that holds the account.
        account: whose contacts.
        kind: for example "email".
        contacts: contact id by keyed hash.
        at: now.

    Returns:
        The hashes that are new or point to another contact than before.
    """
    if not contacts:
        return set()
    rows = [
        {"account_id": account, "kind": kind, "key_hash": key_hash, "contact_id": contacts[key_hash]}
        for key_hash in sorted(contacts)
    ]
    new = insert(connection, IdentityTable).on_conflict_do_nothing().returning(IdentityTable.key_hash)
    created = set(connection.scalars(new, rows))
    pointing = (
        select(IdentityTable.key_hash, IdentityTable.contact_id)
        .where(
            IdentityTable.account_id == account,
            IdentityTable.kind == kind,
            IdentityTable.key_hash.in_(sorted(contacts)),
        )
        .order_by(IdentityTable.key_hash)
        .with_for_update()
    )
    before = {row.key_hash: row.contact_id for row in connection.execute(pointing)}
    moved = [row for row in rows if before[row["key_hash"]] != row["contact_id"]]
    if kind == EMAIL and moved:
        shared = _shared(connection, account, {row["key_hash"] for row in moved})
        moved = [row for row in moved if row["key_hash"] not in shared]
    upsert(connection, IdentityTable, moved)
    upsert(
        connection,
        IdentityMergeTable,
        [
            {
                "account_id": account,
                "kind": kind,
                "key_hash": row["key_hash"],
                "merged_at": at,
                "to_contact_id": row["contact_id"],
                "from_contact_id": before[row["key_hash"]],
            }
            for row in moved
        ],
    )
    return created | {row["key_hash"] for row in moved}


def _shared(connection: Connection, account: str, hashes: Collection[str]) -> set[str]:
    """Tell which addresses were told of so many contacts that by them nobody is recognised."""
    table, claims = IdentityMergeTable, dict[str, set[str]]()
    told = select(table.key_hash, table.from_contact_id, table.to_contact_id)
    mine = (table.account_id == account) & (table.kind == EMAIL) & table.key_hash.in_(sorted(hashes))
    for key_hash, *contacts in connection.execute(told.where(mine)):
        claims.setdefault(key_hash, set()).update(contacts)
    return {key_hash for key_hash, contacts in claims.items() if len(contacts) >= SHARED_BY}

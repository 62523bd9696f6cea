"""What else a contact is known by; an identity that comes to another contact is re-pointed and logged."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import SHARED_BY, Microseconds, contact_hash
from shared.errors import SettingsRefused
from shared.store.contact_facts import ContactTable
from shared.store.schema import CLUSTERED, KEY_TEXT, AccountStateTable, Instant, KeyText, StoreTable
from shared.store.scope import AccountConnection, Scope, batches


class TombstoneTable(StoreTable):
    """Who was erased: keyed hashes that keep late events out until the contact is put again."""

    __tablename__ = "tombstones"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    """`contact`, or the kind of an identity."""
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    erased_at: Mapped[Instant]


CONTACT = "contact"
EMAIL = "email"


def bury(connection: AccountConnection, identities: Collection[tuple[str, str]], *, at: Microseconds) -> None:
    """Put tombstones.

    Args:
        connection: inside a transaction that holds the account.
        identities: kind and keyed hash of each.
        at: now.
    """
    rows = [{"kind": kind, "key_hash": key_hash, "erased_at": at} for kind, key_hash in sorted(identities)]
    connection.upsert(TombstoneTable, rows)


def erased_among(connection: AccountConnection, contact_ids: Collection[str], key: bytes | None) -> frozenset[str]:
    """Return which contacts were erased.

    Args:
        connection: inside a transaction that holds the account.
        contact_ids: those that are to be made; for none of them nothing is read.
        key: the identity key.

    Raises:
        SettingsRefused: somebody was erased, and there is no key to tell whom.
    """
    if not contact_ids or not any_erased(connection):
        return frozenset()
    if key is None:
        raise SettingsRefused("FORETELL_IDENTITY_KEY is not set: without it nobody knows who was erased.")
    ids = {contact_hash(contact_id, key): contact_id for contact_id in contact_ids}
    return frozenset(ids[key_hash] for key_hash in buried(connection, CONTACT, ids))


def buried(connection: AccountConnection, kind: str, hashes: Iterable[str]) -> set[str]:
    """Return which hashes of a kind have a tombstone."""
    table, found = TombstoneTable, set[str]()
    for part in batches(sorted(hashes)):
        mine = (table.kind == kind, table.key_hash.in_(part))
        found.update(connection.scalars(connection.select(table.key_hash).where(*mine)))
    return found


def lift(connection: AccountConnection, kind: str, hashes: Iterable[str]) -> None:
    """Take tombstones away: the account says explicitly that it has this contact again."""
    table = TombstoneTable
    for part in batches(sorted(hashes)):
        connection.execute(connection.delete(table).where(table.kind == kind, table.key_hash.in_(part)))


def any_erased(connection: AccountConnection) -> bool:
    """Whether the account erased anybody."""
    mine = connection.select(TombstoneTable.kind).limit(1)
    return connection.execute(mine).first() is not None


def count_erasure(connection: AccountConnection) -> None:
    """Count one more, in the transaction that erases."""
    table = AccountStateTable
    connection.execute(connection.update(table).values(erasures=table.erasures + 1))


class IdentityTable(StoreTable):
    """What else a contact is known by: a keyed hash, never the thing itself."""

    __tablename__ = "identities"
    # Two contacts that become one, and an erasure, ask by contact.
    __table_args__: Any = (Index(None, "account_id", "contact_id"), CLUSTERED)

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText]


class IdentityMergeTable(StoreTable):
    """When an identity began to point to another contact."""

    __tablename__ = "identity_merges"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    merged_at: Mapped[Instant] = mapped_column(primary_key=True)
    to_contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    from_contact_id: Mapped[KeyText]


Identity = tuple[str, str]
"""Kind and keyed hash."""


@dataclass(frozen=True, slots=True)
class Identities:
    """What the contacts of one account are known by."""

    _scope: Scope

    def contacts_of(self, identities: Collection[Identity]) -> dict[Identity, str]:
        """Return to whom identities point; joins an open transaction.

        Args:
            identities: any number; one that is not known is left out of the answer.
        """
        return dict(self._hashed(IdentityTable, IdentityTable.contact_id, identities))

    def erased(self, identities: Collection[Identity]) -> set[Identity]:
        """Return which identities (or contacts, kind `contact`) are to be forgotten; joins an open transaction."""
        return {identity for identity, _ in self._hashed(TombstoneTable, TombstoneTable.erased_at, identities)}

    def claims_on(self, identities: Collection[Identity]) -> dict[Identity, set[str]]:
        """Return to which contacts identities ever pointed, as far as it was logged; joins an open transaction."""
        table, found = IdentityMergeTable, dict[Identity, set[str]]()
        for column in (table.from_contact_id, table.to_contact_id):
            for identity, contact_id in self._hashed(table, column, identities):
                found.setdefault(identity, set()).add(contact_id)
        return found

    def shared(self, identities: Collection[Identity]) -> set[Identity]:
        """Return which identities are so many contacts' that they name nobody; joins an open transaction."""
        return {identity for identity, claims in self.claims_on(identities).items() if len(claims) >= SHARED_BY}

    def point(self, contacts: Mapping[Identity, str], *, at: Microseconds) -> None:
        """Let identities point to contacts; what pointed elsewhere is logged. Joins an open transaction.

        Args:
            contacts: contact id by identity.
            at: now.
        """
        with self._scope.writing() as connection:
            for kind, pointed in sorted(_by_kind(contacts).items()):
                for part in batches(sorted(pointed)):
                    chosen = {key_hash: contacts[kind, key_hash] for key_hash in part}
                    point_identities(connection, kind, chosen, at=at)

    def _hashed(
        self, table: type[Any], column: Any, identities: Collection[Identity]
    ) -> Iterator[tuple[Identity, Any]]:
        with self._scope.reading() as connection:
            for kind, hashes in _by_kind(identities).items():
                for part in batches(sorted(hashes)):
                    mine = (table.kind == kind) & table.key_hash.in_(part)
                    for key_hash, value in connection.execute(self._scope.select(table.key_hash, column).where(mine)):
                        yield (kind, key_hash), value


def _by_kind(identities: Collection[Identity]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, key_hash in identities:
        found.setdefault(kind, set()).add(key_hash)
    return found


def point_identities(
    connection: AccountConnection, kind: str, contacts: Mapping[str, str], *, at: Microseconds
) -> set[str]:
    """Let identities point to contacts; an address that is shared already stays where it is.

    Args:
        connection: inside a transaction that holds the account.
        kind: for example "email".
        contacts: contact id by keyed hash.
        at: now.

    Returns:
        The hashes that are new or point to another contact than before.
    """
    if not contacts:
        return set()
    rows = [{"kind": kind, "key_hash": key_hash, "contact_id": contacts[key_hash]} for key_hash in sorted(contacts)]
    created = set(connection.insert_new(IdentityTable, rows, IdentityTable.key_hash).scalars())
    pointing = (
        connection.select(IdentityTable.key_hash, IdentityTable.contact_id)
        .where(
            IdentityTable.kind == kind,
            IdentityTable.key_hash.in_(sorted(contacts)),
        )
        .order_by(IdentityTable.key_hash)
        .with_for_update()
    )
    before = {row.key_hash: row.contact_id for row in connection.execute(pointing)}
    moved = [row for row in rows if before[row["key_hash"]] != row["contact_id"]]
    if kind == EMAIL and moved:
        shared = _shared(connection, {row["key_hash"] for row in moved})
        moved = [row for row in moved if row["key_hash"] not in shared]
    connection.upsert(IdentityTable, moved)
    connection.upsert(
        IdentityMergeTable,
        [
            {
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


def _shared(connection: AccountConnection, hashes: Collection[str]) -> set[str]:
    """Return which addresses are so many contacts' that they name nobody."""
    table, claims = IdentityMergeTable, dict[str, set[str]]()
    logged = connection.select(table.key_hash, table.from_contact_id, table.to_contact_id)
    mine = (table.kind == EMAIL) & table.key_hash.in_(sorted(hashes))
    for key_hash, *contacts in connection.execute(logged.where(mine)):
        claims.setdefault(key_hash, set()).update(contacts)
    return {key_hash for key_hash, contacts in claims.items() if len(contacts) >= SHARED_BY}


def merged_ids(connection: AccountConnection, contact_id: str, key: bytes) -> Sequence[str]:
    """List a contact's id, and those of the contacts that became it, in order.

    What was sent and answered before a merge stays under the id of then; one that was put again since is somebody
    of its own.

    Args:
        connection: any of the store.
        contact_id: whom.
        key: the identity key.
    """
    table, known, contact = IdentityMergeTable, IdentityTable, ContactTable
    led_here = connection.select(known.key_hash).where(known.kind == CONTACT, known.contact_id == contact_id)
    again = connection.select(contact.contact_id).where(contact.contact_id == table.from_contact_id).exists()
    merged = (
        connection.select(table.key_hash, table.from_contact_id)
        .where(table.kind == CONTACT, table.key_hash.in_(led_here))
        .where(~again)
    )
    # A later merge logs the ids of before once more, from the contact in between.
    earlier = {former for key_hash, former in connection.execute(merged) if contact_hash(former, key) == key_hash}
    return (contact_id, *sorted(earlier - {contact_id}))

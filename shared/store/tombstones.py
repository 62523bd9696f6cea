"""Who was erased: keyed hashes that keep late events out, and a count that shows an erasure to a writer in flight."""

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds, contact_hash
from shared.errors import SettingsRefused
from shared.store.contact_facts import ContactTable
from shared.store.schema import CLUSTERED, AccountStateTable, Instant, KeyText, StoreTable
from shared.store.scope import BATCH, batches
from shared.store.statements import IDS, AccountConnection, Prepared, among_ids, select_by_parameter


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


NO_ACCOUNT = -1


def _count(sqlite: bool) -> Any:  # noqa: ARG001 - the same for both
    return select_by_parameter(AccountStateTable.erasures)


def _existing(sqlite: bool) -> Any:
    return select_by_parameter(ContactTable.contact_id).where(among_ids(ContactTable.contact_id, sqlite=sqlite))


_COUNT = Prepared(_count)
_EXISTING = Prepared(_existing)


def erasures_of(connection: AccountConnection) -> int:
    """Count the erasures of an account; -1: there is no such account."""
    found = connection.read(_COUNT, {})
    return int(found[0][0]) if found else NO_ACCOUNT


def count_erasure(connection: AccountConnection) -> None:
    """Count one more, in the transaction that erases."""
    table = AccountStateTable
    connection.execute(connection.update(table).values(erasures=table.erasures + 1))


def perhaps_erased(connection: AccountConnection, contact_ids: Collection[str], *, since: int | None) -> frozenset[str]:
    """List contacts that may have been erased since something was read of them.

    Whoever is no contact now may be one that was erased; that it may be one that never was costs a row of a log.

    Args:
        connection: of the store.
        contact_ids: who is to be written of.
        since: the count of erasures from before it was read; None: nothing was read, nobody is meant.
    """
    if since is None or erasures_of(connection) == since:
        return frozenset()
    left: set[str] = set()
    for part in batches(sorted(set(contact_ids)), BATCH):
        left.update(contact_id for (contact_id,) in connection.read(_EXISTING, {IDS: part}))
    return frozenset(contact_ids) - left

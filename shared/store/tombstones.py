"""Who was erased: keyed hashes that keep late events out, looked at only when somebody new would be made."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, select

from shared.contracts.identity import contact_hash
from shared.contracts.rows import Microseconds
from shared.errors import SettingsRefused
from shared.store.conduct_tables import TombstoneTable
from shared.store.scope import batches
from shared.store.statements import upsert

CONTACT = "contact"
EMAIL = "email"


def bury(connection: Connection, account: str, identities: Collection[tuple[str, str]], *, at: Microseconds) -> None:
    """Put tombstones.

    Args:
        connection: inside a transaction that holds the account.
        account: whose contacts.
        identities: kind and keyed hash of each.
        at: now.
    """
    rows = [
        {"account_id": account, "kind": kind, "key_hash": key_hash, "erased_at": at}
        for kind, key_hash in sorted(identities)
    ]
    upsert(connection, TombstoneTable, rows)


def erased_among(
    connection: Connection, account: str, contact_ids: Collection[str], key: bytes | None
) -> frozenset[str]:
    """Tell which contacts were erased.

    Args:
        connection: inside a transaction that holds the account.
        account: whose contacts.
        contact_ids: those that are to be made; for none of them nothing is read.
        key: the identity key.

    Raises:
        SettingsRefused: somebody was erased, and there is no key to tell whom.
    """
    if not contact_ids or not any_erased(connection, account):
        return frozenset()
    if key is None:
        raise SettingsRefused("FORETELL_IDENTITY_KEY is not set: without it nobody knows who was erased.")
    ids = {contact_hash(contact_id, key): contact_id for contact_id in contact_ids}
    return frozenset(ids[key_hash] for key_hash in buried(connection, account, CONTACT, ids))


def buried(connection: Connection, account: str, kind: str, hashes: Iterable[str]) -> set[str]:
    """Tell which hashes of a kind have a tombstone."""
    table, found = TombstoneTable, set[str]()
    for part in batches(sorted(hashes)):
        mine = (table.account_id == account, table.kind == kind, table.key_hash.in_(part))
        found.update(connection.scalars(select(table.key_hash).where(*mine)))
    return found


def lift(connection: Connection, account: str, kind: str, hashes: Iterable[str]) -> None:
    """Take tombstones away: the account says explicitly that it has this contact again."""
    table = TombstoneTable
    for part in batches(sorted(hashes)):
        connection.execute(
            delete(table).where(table.account_id == account, table.kind == kind, table.key_hash.in_(part))
        )


def any_erased(connection: Connection, account: str) -> bool:
    """Tell whether the account erased anybody."""
    mine = select(TombstoneTable.kind).where(TombstoneTable.account_id == account).limit(1)
    return connection.execute(mine).first() is not None

"""What keeps a writer in flight from bringing back who was erased, without the key that would tell who that was."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from shared.store.prepared import IDS, Prepared, among_ids
from shared.store.scope import BATCH, Scope, batches
from shared.store.tables import AccountStateTable, ContactTable

NO_ACCOUNT = -1


def _count(sqlite: bool) -> Any:  # noqa: ARG001 - the same for both
    return select(AccountStateTable.erasures).where(AccountStateTable.account_id == bindparam("account"))


def _existing(sqlite: bool) -> Any:
    table = ContactTable
    return select(table.contact_id).where(
        table.account_id == bindparam("account"), among_ids(table.contact_id, sqlite=sqlite)
    )


_COUNT = Prepared(_count)
_EXISTING = Prepared(_existing)


class Erasures(Scope):
    """The count of an account's erasures."""

    def erasures(self) -> int:
        """Count the contacts that were erased; -1: there is no such account.

        Read it before a contact, and hand it to what is written of the contact later: an erasure in between shows.
        """
        with self._reading() as connection:
            return count_of(connection, self.account)


def count_of(connection: Connection, account: str) -> int:
    """Count the erasures of an account; -1: there is no such account."""
    found = _COUNT.rows(connection, {"account": account})
    return int(found[0][0]) if found else NO_ACCOUNT


def count_one(connection: Connection, account: str) -> None:
    """Count one more, in the transaction that erases."""
    table = AccountStateTable
    connection.execute(update(table).where(table.account_id == account).values(erasures=table.erasures + 1))


def perhaps_erased(
    connection: Connection, account: str, contact_ids: Collection[str], *, since: int | None
) -> frozenset[str]:
    """List contacts that may have been erased since something was read of them.

    Whoever is no contact now may be one that was erased; that it may be one that never was costs a row of a log.

    Args:
        connection: of the store.
        account: whose contacts.
        contact_ids: who is to be written of.
        since: the count of erasures from before it was read; None: nothing was read, nobody is meant.
    """
    if since is None or count_of(connection, account) == since:
        return frozenset()
    left: set[str] = set()
    for part in batches(sorted(set(contact_ids)), BATCH):
        left.update(contact_id for (contact_id,) in _EXISTING.rows(connection, {"account": account, IDS: part}))
    return frozenset(contact_ids) - left

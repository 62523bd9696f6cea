"""Contacts of whom something new was recorded since they were last scored."""

from collections.abc import Collection, Mapping, Sequence

import orjson
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import ARRAY

from shared.contracts.rows import Microseconds
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import Insert
from shared.store.webhook_tables import StaleContactTable


class StaleContacts(Scope):
    """The contacts of one account that are to be scored again."""

    def take_stale(
        self, limit: int, *, quiet_since: Microseconds, waiting_since: Microseconds, after: str = ""
    ) -> dict[str, Microseconds]:
        """List contacts that are due, by id; they stay until they are cleared.

        Args:
            limit: at most so many.
            quiet_since: due is who was not touched after it.
            waiting_since: due is also who has waited since before it, however often touched.
            after: the last id seen.

        Returns:
            When each was last touched: what `clear_stale` wants to know.
        """
        table = StaleContactTable
        statement = (
            select(table.contact_id, table.touched_at)
            .where(
                table.account_id == self.account,
                table.contact_id > after,
                or_(table.touched_at <= quiet_since, table.first_touched_at <= waiting_since),
            )
            .order_by(table.contact_id)
            .limit(limit)
        )
        with self._store.reading() as connection:
            return {row.contact_id: row.touched_at for row in connection.execute(statement)}

    def stale_among(self, contact_ids: Sequence[str]) -> set[str]:
        """Tell which of some contacts are to be scored again."""
        table = StaleContactTable
        found: set[str] = set()
        with self._store.reading() as connection:
            for part in batches(contact_ids, BATCH):
                mine = (table.account_id == self.account, table.contact_id.in_(part))
                found.update(connection.scalars(select(table.contact_id).where(*mine)))
        return found

    def touch_contacts(self, contact_ids: Collection[str], *, at: Microseconds) -> None:
        """Note that there is something new about contacts; joins an open transaction."""
        with self._writing() as connection:
            touch(connection, self.account, contact_ids, at=at)

    def clear_stale(self, taken: Mapping[str, Microseconds]) -> None:
        """Forget contacts that were scored, unless they were touched since they were taken.

        Args:
            taken: what `take_stale` answered.
        """
        table = StaleContactTable
        with self._writing() as connection:
            for part in batches(sorted(taken), BATCH):
                mine = (table.account_id == self.account, table.contact_id.in_(part))
                # Locked in order: who touches them waits for the same rows in the same order (PostgreSQL).
                held = select(table.contact_id, table.touched_at).where(*mine).order_by(table.contact_id)
                found = connection.execute(held.with_for_update()).all()
                scored = [contact_id for contact_id, touched_at in found if taken[contact_id] == touched_at]
                again = [contact_id for contact_id, touched_at in found if taken[contact_id] != touched_at]
                _forget(connection, self.account, scored)
                _wait_anew(connection, self.account, again)


def touch(connection: Connection, account: str, contact_ids: Collection[str], *, at: Microseconds) -> None:
    """Note that there is something new about contacts; part of the transaction that writes it.

    Every touch makes `touched_at` another one, whatever the clocks of the writers say: so it is known whether
    somebody touched a contact while it was scored.

    Args:
        connection: inside a transaction that holds the account.
        account: whose contacts.
        contact_ids: of whom.
        at: now.
    """
    if not contact_ids:
        return
    ids = sorted(set(contact_ids))  # always in order: two writers that wait for each other would be a deadlock
    sqlite = connection.dialect.name == "sqlite"
    values = {"account": account, "at": at, "ids": orjson.dumps(ids).decode() if sqlite else ids}
    connection.execute(_TOUCHES[sqlite], values)


def _touches(table: type[StaleContactTable], *, sqlite: bool) -> Insert:
    """Write the statement once: one for any number of contacts, as every event pays for it."""
    at, key = bindparam("at", type_=BigInteger), [table.account_id, table.contact_id]
    contact_id: ColumnElement[str] = func.unnest(bindparam("ids", type_=ARRAY(String)))
    if sqlite:
        contact_id = func.json_each(bindparam("ids", type_=String)).table_valued("value").c.value
    # Without a condition SQLite would take ON for the beginning of a join.
    rows = select(bindparam("account", type_=String), contact_id, at, at).where(text("1 = 1"))
    begun: Insert = sqlite_dialect.insert(table) if sqlite else postgresql.insert(table)
    statement = begun.from_select([*key, table.first_touched_at, table.touched_at], rows)
    given = statement.excluded.touched_at
    later = case((given > table.touched_at, given), else_=table.touched_at + 1)
    return statement.on_conflict_do_update(index_elements=key, set_={"touched_at": later})


_TOUCHES = {sqlite: _touches(StaleContactTable, sqlite=sqlite) for sqlite in (True, False)}


def _forget(connection: Connection, account: str, contact_ids: Sequence[str]) -> None:
    table = StaleContactTable
    if contact_ids:
        connection.execute(delete(table).where(table.account_id == account, table.contact_id.in_(contact_ids)))


def _wait_anew(connection: Connection, account: str, contact_ids: Sequence[str]) -> None:
    table = StaleContactTable
    if contact_ids:
        mine = (table.account_id == account, table.contact_id.in_(contact_ids))
        connection.execute(update(table).where(*mine).values(first_touched_at=table.touched_at))

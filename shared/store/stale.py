"""Contacts of whom something new was recorded since they were last scored."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, case, delete, or_, select, update

from shared.contracts.rows import Microseconds
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import insert
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
    table = StaleContactTable
    statement = insert(connection, table)
    given = statement.excluded.touched_at
    later = case((given > table.touched_at, given), else_=table.touched_at + 1)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[table.account_id, table.contact_id], set_={"touched_at": later}
        ),
        [
            {"account_id": account, "contact_id": contact_id, "first_touched_at": at, "touched_at": at}
            for contact_id in sorted(contact_ids)
        ],
    )


def _forget(connection: Connection, account: str, contact_ids: Sequence[str]) -> None:
    table = StaleContactTable
    if contact_ids:
        connection.execute(delete(table).where(table.account_id == account, table.contact_id.in_(contact_ids)))


def _wait_anew(connection: Connection, account: str, contact_ids: Sequence[str]) -> None:
    table = StaleContactTable
    if contact_ids:
        mine = (table.account_id == account, table.contact_id.in_(contact_ids))
        connection.execute(update(table).where(*mine).values(first_touched_at=table.touched_at))

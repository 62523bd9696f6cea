"""The audit log, read and shortened; it is written by `Scope._audit`, in the transaction of each action."""

import json

from sqlalchemy import delete, select

from shared.contracts.rows import Microseconds
from shared.store.conduct_tables import AuditTable
from shared.store.rows import AuditRow
from shared.store.scope import Scope, batches


class Audit(Scope):
    """The audit log of one account."""

    def audit(self, limit: int, *, before: int | None = None) -> list[AuditRow]:
        """List administrative actions, the newest first.

        Args:
            limit: at most so many.
            before: number of the last one seen.
        """
        table = AuditTable
        statement = select(table.number, table.at, table.actor, table.action, table.target, table.detail).where(
            table.account_id == self.account
        )
        if before is not None:
            statement = statement.where(table.number < before)
        with self._store.reading() as connection:
            rows = connection.execute(statement.order_by(table.number.desc()).limit(limit))
            return [AuditRow(*row[:-1], json.loads(row.detail)) for row in rows]

    def delete_audit_before(self, at: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` entries older than an instant, but never the newest, which numbers the next.

        Returns:
            How many were deleted.
        """
        table = AuditTable
        old = select(table.number).where(table.account_id == self.account, table.at < at)
        newest = select(table.number).where(table.account_id == self.account).order_by(table.number.desc()).limit(1)
        with self._writing() as connection:
            last = connection.execute(newest).scalar()
            numbers = list(connection.scalars(old.where(table.number != last).order_by(table.number).limit(limit)))
            for part in batches(numbers):
                connection.execute(delete(table).where(table.account_id == self.account, table.number.in_(part)))
        return len(numbers)

"""What a provider has told already, so that the second telling changes nothing."""

from collections.abc import Collection

from sqlalchemy import delete, select, tuple_

from shared.contracts.rows import Microseconds
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import insert
from shared.store.webhook_tables import ReceiptTable


class Receipts(Scope):
    """The receipts of one account."""

    def add_receipts(self, source_id: str, receipts: Collection[str], *, at: Microseconds) -> set[str]:
        """Note what a source tells; joins an open transaction, so that it is noted exactly when it is taken.

        Args:
            source_id: who tells.
            receipts: its ids of what happened.
            at: now.

        Returns:
            Those that were not noted before.
        """
        if not receipts:
            return set()
        rows = [
            {"account_id": self.account, "source_id": source_id, "receipt": receipt, "received_at": at}
            for receipt in sorted(receipts)
        ]
        with self._writing() as connection:
            new = insert(connection, ReceiptTable).on_conflict_do_nothing().returning(ReceiptTable.receipt)
            return set(connection.scalars(new, rows))

    def known_receipts(self, source_id: str, receipts: Collection[str]) -> set[str]:
        """Tell which of some receipts are noted."""
        table, known = ReceiptTable, set[str]()
        with self._reading() as connection:
            for part in batches(sorted(receipts)):
                mine = (table.account_id == self.account) & (table.source_id == source_id)
                known.update(connection.scalars(select(table.receipt).where(mine, table.receipt.in_(part))))
        return known

    def delete_receipts_before(self, before: Microseconds, *, limit: int = BATCH) -> int:
        """Forget at most `limit` receipts noted before an instant; tell how many."""
        table = ReceiptTable
        old = (
            select(table.source_id, table.receipt)
            .where(table.account_id == self.account, table.received_at < before)
            .order_by(table.received_at)
            .limit(limit)
        )
        with self._writing() as connection:
            found = [(source_id, receipt) for source_id, receipt in connection.execute(old)]
            if found:
                these = tuple_(table.source_id, table.receipt).in_(found)
                connection.execute(delete(table).where(table.account_id == self.account, these))
        return len(found)

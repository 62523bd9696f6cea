"""Assignments of experiments: committed before anybody is told, never changed afterwards."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from shared.errors import StoreUnavailable
from shared.store.erasures import perhaps_erased
from shared.store.rows import AssignmentRow
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import insert_missing
from shared.store.tables import AssignmentTable

_COLUMNS = tuple(getattr(AssignmentTable, name) for name in AssignmentRow._fields)


class Assignments(Scope):
    """The experiments of one account."""

    def assign(
        self, campaign: str, rows: Sequence[AssignmentRow], *, since: int | None = None
    ) -> dict[str, AssignmentRow]:
        """Keep assignments in one transaction; a contact that has one keeps it.

        Args:
            campaign: of all rows.
            rows: one a contact.
            since: the account's count of erasures from before anything was read of the contacts.

        Returns:
            What holds, by contact id; committed.

        Raises:
            StoreUnavailable: some may have been erased since; nothing is kept, asking again is right.
        """
        if not rows:
            return {}
        # Always in key order: two writers that wait for each other's keys would be a deadlock (PostgreSQL).
        ordered = sorted(rows, key=lambda row: row.contact_id)
        with self._writing() as connection:
            ids = [row.contact_id for row in ordered]
            if perhaps_erased(connection, self.account, ids, since=since):
                raise StoreUnavailable("Contacts were erased while this was answered; ask again.")
            insert_missing(
                connection, AssignmentTable, [{"account_id": self.account, **row._asdict()} for row in ordered]
            )
            held = self._of(connection, campaign, ids)
        return {row.contact_id: row for row in held}

    def assignments(self, campaign: str) -> list[AssignmentRow]:
        """List the assignments of a campaign by contact id."""
        statement = (
            select(*_COLUMNS)
            .where(AssignmentTable.account_id == self.account, AssignmentTable.campaign_id == campaign)
            .order_by(AssignmentTable.contact_id)
        )
        with self._store.reading() as connection:
            return [AssignmentRow(*row) for row in connection.execute(statement)]

    def _of(self, connection: Connection, campaign: str, contact_ids: Sequence[str]) -> list[AssignmentRow]:
        found = []
        for part in batches(contact_ids, BATCH):
            statement = select(*_COLUMNS).where(
                AssignmentTable.account_id == self.account,
                AssignmentTable.campaign_id == campaign,
                AssignmentTable.contact_id.in_(part),
            )
            found += [AssignmentRow(*row) for row in connection.execute(statement)]
        return found

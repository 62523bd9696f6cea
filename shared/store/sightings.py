"""Stored events of single messages, by which a verdict (human or machine) is made and corrected."""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import bindparam, select, update

from shared.contracts.rows import EventRow
from shared.store.scope import Scope, batches
from shared.store.tables import EventTable

COLUMNS = tuple(getattr(EventTable, name) for name in EventRow._fields)


class Sightings(Scope):
    """Events of one account, by contact and message."""

    def message_events(self, contact_ids: Collection[str], message_ids: Collection[str]) -> Iterator[EventRow]:
        """Read the events of some contacts that belong to some messages; joins an open transaction."""
        table = EventTable
        with self._reading() as connection:
            for contacts in batches(sorted(contact_ids)):
                for messages in batches(sorted(message_ids)):
                    statement = select(*COLUMNS).where(
                        table.account_id == self.account,
                        table.contact_id.in_(contacts),
                        table.message_id.in_(messages),
                    )
                    for row in connection.execute(statement):
                        yield EventRow(*row)

    def correct_verdicts(self, rows: Sequence[EventRow]) -> None:
        """Write who made stored events, and why that is known; joins an open transaction.

        Args:
            rows: as they are to be; nothing but `human` and `properties` is changed.
        """
        if not rows:
            return
        table = EventTable
        statement = (
            update(table)
            .where(
                table.account_id == self.account,
                table.contact_id == bindparam("of_contact"),
                table.event_id == bindparam("of_event"),
            )
            .values(human=bindparam("made_by"), properties=bindparam("told"))
        )
        values = [
            {"of_contact": row.contact_id, "of_event": row.event_id, "made_by": row.human, "told": row.properties}
            for row in sorted(rows, key=lambda row: row[:2])
        ]
        with self._writing() as connection:
            connection.execute(statement, values)

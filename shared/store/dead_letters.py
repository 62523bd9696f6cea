"""Items of webhooks that could not be taken: kept for a while, without what is personal, and tried again on demand."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, func, select, tuple_

from shared.contracts.rows import Microseconds
from shared.store.rows import DeadLetterRow
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import insert
from shared.store.webhook_tables import DeadLetterTable

COLUMNS = tuple(getattr(DeadLetterTable, name) for name in DeadLetterRow._fields)


class DeadLetters(Scope):
    """The dead letters of one account."""

    def put_dead_letters(self, rows: Sequence[DeadLetterRow]) -> None:
        """Keep letters; one whose id is there is replaced, and came so many times more. Joins an open transaction."""
        if not rows:
            return
        table, values = DeadLetterTable, [{"account_id": self.account, **row._asdict()} for row in sorted(rows)]
        with self._writing() as connection:
            statement = insert(connection, table)
            told: dict[str, Any] = {name: statement.excluded[name] for name in DeadLetterRow._fields[1:]}
            told["times"] = table.times + statement.excluded.times
            keys = ["account_id", "dead_letter_id"]
            connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=told), values)

    def letter_counts(self) -> dict[str, dict[str, int]]:
        """Count what is kept, by source and reason, each letter as often as it came."""
        table = DeadLetterTable
        statement = (
            select(table.source_id, table.reason, func.sum(table.times))
            .where(table.account_id == self.account)
            .group_by(table.source_id, table.reason)
            .order_by(table.source_id, table.reason)
        )
        found: dict[str, dict[str, int]] = {}
        with self._reading() as connection:
            for source_id, reason, times in connection.execute(statement):
                found.setdefault(source_id, {})[reason] = int(times)
        return found

    def dead_letters(
        self,
        limit: int,
        *,
        after: tuple[Microseconds, str] | None = None,
        source_id: str | None = None,
        reason: str | None = None,
    ) -> list[DeadLetterRow]:
        """List letters in the order in which they came.

        Args:
            limit: at most so many.
            after: instant and id of the last one seen.
            source_id: only of this source.
            reason: only with this reason.
        """
        table = DeadLetterTable
        statement = select(*COLUMNS).where(table.account_id == self.account)
        if after is not None:
            statement = statement.where(tuple_(table.received_at, table.dead_letter_id) > after)
        if source_id is not None:
            statement = statement.where(table.source_id == source_id)
        if reason is not None:
            statement = statement.where(table.reason == reason)
        with self._reading() as connection:
            ordered = statement.order_by(table.received_at, table.dead_letter_id).limit(limit)
            return [DeadLetterRow(*row) for row in connection.execute(ordered)]

    def dead_letter(self, dead_letter_id: str) -> DeadLetterRow | None:
        """Find a letter."""
        table = DeadLetterTable
        mine = (table.account_id == self.account) & (table.dead_letter_id == dead_letter_id)
        with self._reading() as connection:
            row = connection.execute(select(*COLUMNS).where(mine)).first()
        return None if row is None else DeadLetterRow(*row)

    def remove_dead_letters(self, dead_letter_ids: Collection[str]) -> None:
        """Throw letters away; joins an open transaction."""
        table = DeadLetterTable
        with self._writing() as connection:
            for part in batches(sorted(dead_letter_ids)):
                mine = (table.account_id == self.account) & table.dead_letter_id.in_(part)
                connection.execute(delete(table).where(mine))

    def delete_dead_letters_before(self, before: Microseconds, *, limit: int = BATCH) -> int:
        """Throw away at most `limit` letters that came before an instant; tell how many."""
        table = DeadLetterTable
        old = (
            select(table.dead_letter_id)
            .where(table.account_id == self.account, table.received_at < before)
            .order_by(table.received_at)
            .limit(limit)
        )
        with self._writing() as connection:
            found = list(connection.scalars(old))
            if found:
                mine = (table.account_id == self.account) & table.dead_letter_id.in_(found)
                connection.execute(delete(table).where(mine))
        return len(found)

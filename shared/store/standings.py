"""Standings of an account: what was last told of each contact, and what a new version moved."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from shared.change_detection.states import LastKnownState, StateMove
from shared.contracts.rows import Microseconds
from shared.store.facts import consent_of
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import upsert
from shared.store.tables import ContactTable
from shared.store.webhook_tables import StandingTable

_COLUMNS: Any = tuple(StandingTable.__table__.c[name] for name in LastKnownState._fields)


class Standings(Scope):
    """The standings of one account."""

    def standings_of(self, contact_id: str) -> list[LastKnownState]:
        """List what was last told of one contact, by capability and outcome."""
        with self._store.reading() as connection:
            return sorted(self._rows(connection, StandingTable.contact_id == contact_id))

    def standings(self, capability: str, outcome: str, contact_ids: Sequence[str]) -> dict[str, LastKnownState]:
        """Tell what was last told of contacts; those of whom nothing was are missing.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            contact_ids: whose.
        """
        with self._store.reading() as connection:
            return self._standings(connection, capability, outcome, contact_ids)

    def held_standings(
        self, capability: str, outcome: str, contact_ids: Sequence[str]
    ) -> dict[str, LastKnownState | None]:
        """Tell the same inside a transaction, and hold the contacts until it ends.

        Returns:
            By contact, None: nothing was told; contacts that do not exist, or no more, or that do not want to be
            profiled, are missing.
        """
        found: dict[str, LastKnownState | None] = {}
        with self._writing() as connection:
            for part in batches(sorted(contact_ids), BATCH):
                mine = (ContactTable.account_id == self.account, ContactTable.contact_id.in_(part))
                held = select(ContactTable.contact_id, ContactTable.consent).where(*mine)
                # Two workers that compare the same contact take turns, and an erasure waits (PostgreSQL).
                held = held.order_by(ContactTable.contact_id).with_for_update(key_share=True)
                for contact_id, consent in connection.execute(held):
                    if consent_of(consent).get("profiling") != "denied":
                        found[contact_id] = None
            return found | self._standings(connection, capability, outcome, sorted(found))

    def put_standings(self, rows: Sequence[LastKnownState]) -> None:
        """Write standings, in place of those that are there; joins an open transaction."""
        ordered = sorted(rows, key=lambda row: row.contact_id)
        with self._writing() as connection:
            upsert(connection, StandingTable, [{"account_id": self.account, **row._asdict()} for row in ordered])

    def moves(
        self, capability: str, outcome: str, version: str, *, since: Microseconds, limit: int = 100
    ) -> list[StateMove]:
        """Count whom a version moved by answering instead of another one, the most frequent moves first.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            version: which one.
            since: when it was promoted.
            limit: at most so many moves.
        """
        table, contacts = StandingTable, func.count()
        statement = (
            select(table.previous_state, table.state, contacts)
            .where(
                table.account_id == self.account,
                table.capability == capability,
                table.outcome == outcome,
                table.version == version,
                table.cause == "model",
                table.changed_at >= since,
                table.previous_state.is_not(None),
            )
            .group_by(table.previous_state, table.state)
            .order_by(contacts.desc(), table.previous_state, table.state)
            .limit(limit)
        )
        with self._store.reading() as connection:
            return [StateMove(str(before), after, number) for before, after, number in connection.execute(statement)]

    def _standings(
        self, connection: Connection, capability: str, outcome: str, contact_ids: Sequence[str]
    ) -> dict[str, LastKnownState]:
        table = StandingTable
        found: dict[str, LastKnownState] = {}
        for part in batches(contact_ids, BATCH):
            asked = (table.contact_id.in_(part), table.capability == capability, table.outcome == outcome)
            found |= {row.contact_id: row for row in self._rows(connection, *asked)}
        return found

    def _rows(self, connection: Connection, *asked: ColumnElement[bool]) -> list[LastKnownState]:
        statement = select(*_COLUMNS).where(StandingTable.account_id == self.account, *asked)
        return [LastKnownState(*row) for row in connection.execute(statement)]

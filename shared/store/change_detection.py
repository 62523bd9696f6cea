"""Change detection: who is to be scored again, and the last known state that the next one is compared with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, String, bindparam, case, func, or_, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from shared.change_detection.states import LastKnownState, StateMove
from shared.contracts.rows import Microseconds, consent_of, denies_profiling
from shared.store.contact_facts import ContactTable
from shared.store.schema import CLUSTERED, Instant, KeyText, StoreTable
from shared.store.scope import BATCH, AccountConnection, Insert, Scope, batches


class LastKnownStateTable(StoreTable):
    """The last known state of a contact: its band, segment or hour. What is sent next is the difference to it."""

    __tablename__ = "standings"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    state: Mapped[str]
    score: Mapped[int | None]
    version: Mapped[str]
    cause: Mapped[str]
    """`events`, `time` or `model`; `first` for what was never different."""
    previous_state: Mapped[str | None]
    changed_at: Mapped[Instant]


class StaleContactTable(StoreTable):
    """Contacts of whom something new was recorded since they were last scored."""

    __tablename__ = "stale_contacts"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    first_touched_at: Mapped[Instant]
    """When it began to wait for being scored."""
    touched_at: Mapped[Instant]
    """When it was last touched; another value after every touch."""


_COLUMNS: Any = tuple(LastKnownStateTable.__table__.c[name] for name in LastKnownState._fields)


@dataclass(frozen=True, slots=True)
class ChangeDetection:
    """What changes about the contacts of one account."""

    _scope: Scope

    def due(
        self, limit: int, *, quiet_since: Microseconds, waiting_since: Microseconds, after: str = ""
    ) -> dict[str, Microseconds]:
        """List contacts that are due, by id; they stay until they are cleared.

        Args:
            limit: at most so many.
            quiet_since: due is who was not touched after it.
            waiting_since: due is also who has waited since before it, however often touched.
            after: the last id seen.

        Returns:
            When each was last touched: what `clear` wants to know.
        """
        table = StaleContactTable
        statement = (
            self._scope.select(table.contact_id, table.touched_at)
            .where(
                table.contact_id > after,
                or_(table.touched_at <= quiet_since, table.first_touched_at <= waiting_since),
            )
            .order_by(table.contact_id)
            .limit(limit)
        )
        with self._scope.reading() as connection:
            return {row.contact_id: row.touched_at for row in connection.execute(statement)}

    def stale_among(self, contact_ids: Sequence[str]) -> set[str]:
        """Return which of some contacts are to be scored again."""
        table = StaleContactTable
        found: set[str] = set()
        with self._scope.reading() as connection:
            for part in batches(contact_ids, BATCH):
                mine = table.contact_id.in_(part)
                found.update(connection.scalars(self._scope.select(table.contact_id).where(mine)))
        return found

    def touch(self, contact_ids: Collection[str], *, at: Microseconds) -> None:
        """Note that there is something new about contacts; joins an open transaction."""
        with self._scope.writing() as connection:
            touch(connection, contact_ids, at=at)

    def clear(self, taken: Mapping[str, Microseconds]) -> None:
        """Forget contacts that were scored, unless they were touched since they were taken.

        Args:
            taken: what `due` returned.
        """
        table = StaleContactTable
        with self._scope.writing() as connection:
            for part in batches(sorted(taken), BATCH):
                mine = table.contact_id.in_(part)
                # Locked in order: who touches them waits for the same rows in the same order (PostgreSQL).
                held = self._scope.select(table.contact_id, table.touched_at).where(mine).order_by(table.contact_id)
                found = connection.execute(held.with_for_update()).all()
                scored = [contact_id for contact_id, touched_at in found if taken[contact_id] == touched_at]
                again = [contact_id for contact_id, touched_at in found if taken[contact_id] != touched_at]
                _forget(connection, scored)
                _wait_anew(connection, again)

    def states(self, capability: str, outcome: str, contact_ids: Sequence[str]) -> dict[str, LastKnownState]:
        """Return the last known states of contacts; those without one are missing.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            contact_ids: whose.
        """
        with self._scope.reading() as connection:
            return self._states(connection, capability, outcome, contact_ids)

    def hold_states(
        self, capability: str, outcome: str, contact_ids: Sequence[str]
    ) -> dict[str, LastKnownState | None]:
        """Return the same inside a transaction, and hold the contacts until it ends.

        Returns:
            By contact, None: no state is known; contacts that do not exist, or no more, or that do not want to be
            profiled, are missing.
        """
        found: dict[str, LastKnownState | None] = {}
        with self._scope.writing() as connection:
            for part in batches(sorted(contact_ids), BATCH):
                mine = ContactTable.contact_id.in_(part)
                held = self._scope.select(ContactTable.contact_id, ContactTable.consent).where(mine)
                # Two workers that compare the same contact take turns, and an erasure waits (PostgreSQL).
                held = held.order_by(ContactTable.contact_id).with_for_update(key_share=True)
                for contact_id, consent in connection.execute(held):
                    if not denies_profiling(consent_of(consent)):
                        found[contact_id] = None
            return found | self._states(connection, capability, outcome, sorted(found))

    def put_states(self, rows: Sequence[LastKnownState]) -> None:
        """Write last known states, in place of those that are there; joins an open transaction."""
        ordered = sorted(rows, key=lambda row: row.contact_id)
        with self._scope.writing() as connection:
            connection.upsert(LastKnownStateTable, [row._asdict() for row in ordered])

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
        table, contacts = LastKnownStateTable, func.count()
        statement = (
            self._scope.select(table.previous_state, table.state, contacts)
            .where(
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
        with self._scope.reading() as connection:
            return [StateMove(str(before), after, number) for before, after, number in connection.execute(statement)]

    def _states(
        self, connection: AccountConnection, capability: str, outcome: str, contact_ids: Sequence[str]
    ) -> dict[str, LastKnownState]:
        table = LastKnownStateTable
        found: dict[str, LastKnownState] = {}
        for part in batches(contact_ids, BATCH):
            which = (table.contact_id.in_(part), table.capability == capability, table.outcome == outcome)
            found |= {row.contact_id: row for row in self._rows(connection, *which)}
        return found

    def _rows(self, connection: AccountConnection, *which: ColumnElement[bool]) -> list[LastKnownState]:
        statement = self._scope.select(*_COLUMNS).where(*which)
        return [LastKnownState(*row) for row in connection.execute(statement)]


def touch(connection: AccountConnection, contact_ids: Collection[str], *, at: Microseconds) -> None:
    """Note that there is something new about contacts; part of the transaction that writes it.

    Every touch makes `touched_at` another one, whatever the clocks of the writers say: so it is known whether
    somebody touched a contact while it was scored.

    Args:
        connection: inside a transaction that holds the account.
        contact_ids: of whom.
        at: now.
    """
    if not contact_ids:
        return
    ids = sorted(set(contact_ids))  # always in order: two writers that wait for each other would be a deadlock
    sqlite = connection.is_sqlite
    values = {"at": at, "ids": orjson.dumps(ids).decode() if sqlite else ids}
    connection.run(_TOUCHES[sqlite], values)


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


def _forget(connection: AccountConnection, contact_ids: Sequence[str]) -> None:
    table = StaleContactTable
    if contact_ids:
        connection.execute(connection.delete(table).where(table.contact_id.in_(contact_ids)))


def _wait_anew(connection: AccountConnection, contact_ids: Sequence[str]) -> None:
    table = StaleContactTable
    if contact_ids:
        mine = table.contact_id.in_(contact_ids)
        connection.execute(connection.update(table).where(mine).values(first_touched_at=table.touched_at))

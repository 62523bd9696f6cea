"""Undo of an import: what it stored first is removed, in short transactions; anything else stays as it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import case, func

from shared.contracts.rows import Microseconds
from shared.store.contact_facts import ContactTable, pages
from shared.store.delivery_tables import AttemptTable, DeliveryTable, MessageTable
from shared.store.events import EventTable
from shared.store.identities import IdentityMergeTable, IdentityTable
from shared.store.import_tables import ImportContactTable, ImportLease, ImportRow, count_removed
from shared.store.schema import AccountStateTable, PredictionTable, StoreTable
from shared.store.scope import AccountConnection, Scope

EVENTS_OF_AT_ONCE = 500
"""Contacts whose events are looked at together."""
CONTACTS_AT_ONCE = 2_000
"""Contacts that are removed together: some 60 ms in which no one else writes."""


@dataclass(frozen=True, slots=True)
class ImportUndo:
    """Removes the events and contacts of one import; interrupted and begun again, it removes the rest."""

    _scope: Scope
    _lease: ImportLease
    _row: ImportRow

    def events(self, rest: Callable[[], None] = lambda: None) -> Iterator[int]:
        """Remove the events that the import stored first: those recorded at its instant.

        Args:
            rest: called after each transaction that wrote, so that others get their turn.

        Yields:
            How many events went, with each step.

        Raises:
            ImportLost: the lease was lost.
        """
        before, newest, after = self._newest(), None, ""
        while ids := self._contacts(after):
            mine = (EventTable.contact_id >= ids[0]) & (EventTable.contact_id <= ids[-1])
            of_import = EventTable.recorded_at == self._row.recorded_at
            gone, after = 0, ids[-1]
            with self._scope.reading() as connection:
                some = connection.select(EventTable.event_id).where(mine, of_import).limit(1)
                is_there = connection.execute(some).first() is not None
            if is_there:
                with self._scope.writing() as connection:
                    gone = connection.execute(connection.delete(EventTable).where(mine, of_import)).rowcount
                    count_removed(connection, self._lease, events=gone)
                rest()
            newest = _later(newest, self._newest_of(mine))
            yield gone
        self._set_newest(before, newest)

    def contacts(self, rest: Callable[[], None] = lambda: None) -> Iterator[int]:
        """Remove the contacts that the import made, with all that was computed of them.

        One of whom somebody else has stored an event stays, as does one that somebody else has put.

        Args:
            rest: as above.

        Yields:
            How many contacts were looked at, with each step: those that stay too.

        Raises:
            ImportLost: the lease was lost.
        """
        while ids := self._made():
            self._forget_predictions(ids)
            with self._scope.writing(alone=True) as connection:  # no event can slip in between
                with_events = connection.select(EventTable.contact_id).where(EventTable.contact_id.in_(ids)).distinct()
                kept = set(connection.scalars(with_events))
                gone = [contact_id for contact_id in ids if contact_id not in kept]
                count_removed(connection, self._lease, contacts=len(gone))
                _give_identities_back(connection, gone, self._row.recorded_at or 0)
                _delete_contacts(connection, gone)
                marks = ImportContactTable.contact_id.in_(ids)
                connection.execute(connection.delete(ImportContactTable).where(marks))
            self._forget_predictions(gone)  # what was still being logged meanwhile
            rest()
            yield len(ids)

    def _contacts(self, after: str) -> list[str]:
        with self._scope.reading() as connection:
            return list(pages(connection, after=after, limit=EVENTS_OF_AT_ONCE))

    def _made(self) -> list[str]:
        table = ImportContactTable
        mine = self._scope.select(table.contact_id).where(table.import_id == self._row.import_id)
        with self._scope.reading() as connection:
            return list(connection.scalars(mine.order_by(table.contact_id).limit(CONTACTS_AT_ONCE)))

    def _newest(self) -> Microseconds | None:
        with self._scope.reading() as connection:
            newest: Microseconds | None = connection.scalar(connection.select(AccountStateTable.newest_event_at))
            return newest

    def _newest_of(self, condition: Any) -> Microseconds | None:
        """Return when the newest event of some contacts happened; the future counts as the instant of recording."""
        table = EventTable
        at = case((table.occurred_at < table.recorded_at, table.occurred_at), else_=table.recorded_at)
        with self._scope.reading() as connection:
            newest: Microseconds | None = connection.scalar(connection.select(func.max(at), of=table).where(condition))
            return newest

    def _set_newest(self, before: Microseconds | None, newest: Microseconds | None) -> None:
        """Move the account's newest event back, unless somebody moved it forward meanwhile."""
        table = AccountStateTable
        with self._scope.writing() as connection:
            unmoved = connection.update(table).where(table.newest_event_at == before)
            connection.execute(unmoved.values(newest_event_at=newest))

    def _forget_predictions(self, contact_ids: Sequence[str]) -> None:
        if not contact_ids:
            return
        with self._scope.writing_predictions(alone=True) as connection:
            for table in PredictionTable.metadata.sorted_tables:
                if "contact_id" in table.c:
                    connection.execute(self._scope.delete(table).where(table.c.contact_id.in_(contact_ids)))


def _give_identities_back(connection: AccountConnection, gone: Sequence[str], recorded_at: Microseconds) -> None:
    """Let addresses that the import took from contacts point to them again, where they are still there."""
    table, there = IdentityMergeTable, ContactTable
    moved = (
        connection.select(table.kind, table.key_hash, table.from_contact_id)
        .join(there, (there.account_id == table.account_id) & (there.contact_id == table.from_contact_id))
        .where(table.to_contact_id.in_(gone), table.from_contact_id.not_in(gone), table.merged_at >= recorded_at)
        .order_by(table.kind, table.key_hash, table.merged_at.desc())
    )
    mine = {
        (kind, key_hash)
        for kind, key_hash in connection.execute(
            connection.select(IdentityTable.kind, IdentityTable.key_hash).where(IdentityTable.contact_id.in_(gone))
        )
    }
    owners = {(kind, key_hash): former for kind, key_hash, former in connection.execute(moved)}
    rows = [
        {"kind": kind, "key_hash": key_hash, "contact_id": owners[kind, key_hash]}
        for kind, key_hash in sorted(owners.keys() & mine)
    ]
    connection.upsert(IdentityTable, rows)


def _delete_contacts(connection: AccountConnection, contact_ids: Sequence[str]) -> None:
    """Delete contacts with everything that is kept under their ids."""
    if not contact_ids:
        return
    messages = connection.select(MessageTable.message_id).where(MessageTable.contact_id.in_(contact_ids))
    about = DeliveryTable.message_id.in_(messages)
    tried = AttemptTable.delivery_id.in_(connection.select(DeliveryTable.delivery_id).where(about))
    moved = IdentityMergeTable.to_contact_id.in_(contact_ids) | IdentityMergeTable.from_contact_id.in_(contact_ids)
    first: tuple[tuple[Any, Any], ...] = (
        (AttemptTable, tried),
        (DeliveryTable, about),
        (IdentityMergeTable, moved),
    )
    direct = (
        (table, table.c.contact_id.in_(contact_ids))
        for table in reversed(StoreTable.metadata.sorted_tables)
        if "contact_id" in table.c
    )
    for table, condition in chain(first, direct):
        connection.execute(connection.delete(table).where(condition))


def _later(one: Microseconds | None, other: Microseconds | None) -> Microseconds | None:
    return max((at for at in (one, other) if at is not None), default=None)

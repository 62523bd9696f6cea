"""Events of an account: added once, counted, streamed to training."""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import Connection, SelectBase, bindparam, delete, func, or_, select, update

from shared.contracts.rows import EventRow, Microseconds
from shared.store.facts import pages
from shared.store.prepared import IDS, Prepared, among_ids
from shared.store.rows import EventCount, EventTypeCount
from shared.store.scope import Scope, batches
from shared.store.stale import touch
from shared.store.statements import insert
from shared.store.tables import AccountStateTable, ContactTable, EventTable
from shared.store.tombstones import erased_among
from shared.timeline import EventTuple

EVENT_COLUMNS = (
    EventTable.contact_id,
    EventTable.event_id,
    EventTable.type,
    EventTable.occurred_at,
    EventTable.value,
    EventTable.message_id,
    EventTable.campaign_id,
    EventTable.item,
    EventTable.human,
)
"""In the order of EventTuple."""


class Events(Scope):
    """The events of one account."""

    def add_events(self, rows: Sequence[EventRow]) -> list[bool | None]:
        """Add events in one transaction; contacts that are not known yet are created, those with news are stale.

        Args:
            rows: any number, in any order.

        Returns:
            For each row whether it is new; False: an event of this contact with this id was there; None: the
            contact was erased, and nothing was stored.
        """
        if not rows:
            return []
        with self._writing() as connection:
            erased = add_missing_contacts(
                connection, self.account, {row.contact_id for row in rows}, identity_key=self._identity_key
            )
            kept = [row for row in rows if row.contact_id not in erased]
            if not kept:
                return [None] * len(rows)
            # Always in key order: two writers that wait for each other's keys would be a deadlock (PostgreSQL).
            values = [{"account_id": self.account, **row._asdict()} for row in sorted(kept, key=event_key)]
            added = (
                insert(connection, EventTable)
                .on_conflict_do_nothing()
                .returning(EventTable.contact_id, EventTable.event_id)
            )
            new = {(contact_id, event_id) for contact_id, event_id in connection.execute(added, values)}
            recorded_at = max(row.recorded_at for row in kept)
            touch(connection, self.account, {contact_id for contact_id, _ in new}, at=recorded_at)
            raise_newest_event(connection, self.account, newest(kept))
        return [None if row.contact_id in erased else _taken(new, row) for row in rows]

    def newest_event_at(self) -> Microseconds | None:
        """Tell when the account's newest event happened (one that claims the future: when it was recorded)."""
        statement = select(AccountStateTable.newest_event_at).where(AccountStateTable.account_id == self.account)
        with self._store.reading() as connection:
            return connection.execute(statement).scalar()

    def event_counts(self, contact_id: str) -> dict[str, EventCount]:
        """Count one contact's events by type."""
        at = EventTable.occurred_at
        statement = (
            select(EventTable.type, func.count(), func.min(at), func.max(at))
            .where(EventTable.account_id == self.account, EventTable.contact_id == contact_id)
            .group_by(EventTable.type)
            .order_by(EventTable.type)
        )
        with self._store.reading() as connection:
            return {type_: EventCount(*counts) for type_, *counts in connection.execute(statement)}

    def event_types(self) -> list[EventTypeCount]:
        """Count the account's events by type, most frequent first; reads all of them."""
        statement = (
            select(
                EventTable.type,
                func.count(),
                func.count(EventTable.contact_id.distinct()),
                func.count(EventTable.value),
            )
            .where(EventTable.account_id == self.account)
            .group_by(EventTable.type)
            .order_by(func.count().desc(), EventTable.type)
        )
        with self._store.reading() as connection:
            return [EventTypeCount(*row) for row in connection.execute(statement)]

    def scan_events(self, chunk: int = 200_000) -> Iterator[list[EventTuple]]:
        """Stream all events ordered by contact, one consistent state, bounded memory.

        Args:
            chunk: rows held at once.
        """
        statement = (
            select(*EVENT_COLUMNS)
            .where(EventTable.account_id == self.account)
            .order_by(EventTable.contact_id, EventTable.event_id)
        )
        with self._store.reading() as connection:
            streamed = connection.execution_options(yield_per=chunk).execute(statement)
            for part in streamed.partitions():
                yield list(part)

    def delete_events_before(self, at: Microseconds, *, contacts: int = 500) -> Iterator[int]:
        """Delete events that happened before an instant, the contacts in order, some at a time.

        Args:
            at: the instant.
            contacts: of one transaction.

        Yields:
            How many events went with each transaction; nothing more is done until the next one is asked for.
        """
        after: str | None = None
        while True:
            with self._store.reading() as connection:
                ids = list(pages(connection, self.account, after=after, limit=contacts))
            if not ids:
                return
            after = ids[-1]
            of_them = (EventTable.contact_id >= ids[0]) & (EventTable.contact_id <= after)
            mine = (EventTable.account_id == self.account, of_them)
            with self._writing() as connection:
                gone = connection.execute(delete(EventTable).where(*mine, EventTable.occurred_at < at)).rowcount
            yield gone


def event_key(row: EventRow) -> tuple[str, str]:
    """Tell the key by which events are clustered within an account."""
    return row[:2]


def newest(rows: Collection[EventRow]) -> Microseconds:
    """Tell when the newest of some events happened; the future counts as the instant of recording."""
    return max(min(row.occurred_at, row.recorded_at) for row in rows)


def add_missing_contacts(
    connection: Connection, account: str, contact_ids: Collection[str], *, identity_key: bytes | None
) -> frozenset[str]:
    """Create contacts that are known by an event only, in key order.

    Returns:
        Those that were erased and therefore are not created: nothing may be stored of them. Only who is new is
        looked up, since an erased contact is not there.

    Raises:
        SettingsRefused: somebody was erased, and there is no key to tell whom.
    """
    ids = sorted(contact_ids)
    known = {row[0] for part in batches(ids) for row in _KNOWN.rows(connection, {"account": account, IDS: part})}
    rows = [{"account_id": account, "contact_id": contact_id} for contact_id in ids if contact_id not in known]
    if not rows:
        return frozenset()
    missing = insert(connection, ContactTable).on_conflict_do_nothing().returning(ContactTable.contact_id)
    created = connection.scalars(missing, rows).all()
    erased = erased_among(connection, account, created, identity_key)
    for part in batches(sorted(erased)):
        mine = (ContactTable.account_id == account, ContactTable.contact_id.in_(part))
        connection.execute(delete(ContactTable).where(*mine))
    return erased


def _known(sqlite: bool) -> SelectBase:
    return select(ContactTable.contact_id).where(
        ContactTable.account_id == bindparam("account"), among_ids(ContactTable.contact_id, sqlite=sqlite)
    )


_KNOWN = Prepared(_known)


def raise_newest_event(connection: Connection, account: str, at: Microseconds) -> None:
    """Move the account's newest event forward; the last statement of a transaction, as all writers meet here."""
    state = AccountStateTable
    connection.execute(
        update(state)
        .where(state.account_id == account, or_(state.newest_event_at.is_(None), state.newest_event_at < at))
        .values(newest_event_at=at)
    )


def _taken(new: set[tuple[str, str]], row: EventRow) -> bool:
    key = event_key(row)
    if key in new:
        new.remove(key)
        return True
    return False

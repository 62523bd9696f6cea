"""Events of an account: added once, counted, corrected, listed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import nan
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import SelectBase, String, bindparam, cast, func, or_, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.columnar_events import ColumnarEvents
from shared.contracts.rows import EventRow, Microseconds
from shared.store.bulk_pacing import BulkPacing
from shared.store.change_detection import touch
from shared.store.contact_facts import ContactTable, pages
from shared.store.driver import Prepared
from shared.store.identities import erased_among
from shared.store.import_tables import ImportLease, count_stored
from shared.store.schema import CLUSTERED, AccountStateTable, Instant, KeyText, OptionalLongText, StoreTable
from shared.store.scope import IDS, AccountConnection, Scope, among_ids, batches, select_by_parameter
from shared.timeline import UNKNOWN_MAKER, EventTimes, EventTuple


class EventTable(StoreTable):
    """Dated facts about contacts, clustered by contact; the largest table, so it has no second index."""

    __tablename__ = "events"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    event_id: Mapped[KeyText] = mapped_column(primary_key=True)
    type: Mapped[str]
    occurred_at: Mapped[Instant]
    recorded_at: Mapped[Instant]
    value: Mapped[float | None]
    currency: Mapped[str | None]
    message_id: Mapped[str | None]
    campaign_id: Mapped[str | None]
    item: Mapped[str | None]
    properties: Mapped[OptionalLongText]
    human: Mapped[int | None]


class AddedEvents(NamedTuple):
    """What became of many events; the others were there."""

    new: int
    erased: int
    """Left out: their contacts were erased."""
    erased_contacts: frozenset[str] = frozenset()
    """Whose they were."""


BULK_ROWS = 250_000
"""Rows of one call that keep both speed and memory reasonable (about 150 MB)."""

_BULK_CACHE_KIB = 256 * 1024
_ROWS_A_STATEMENT = 100
"""Rows of one INSERT: the driver lets go of the interpreter's lock and takes it again once for all of them."""
_REQUIRED = frozenset({"contact_id", "event_id", "type", "occurred_at", "recorded_at"})
_TABLE = EventTable.__tablename__
COLUMNS = tuple(getattr(EventTable, name) for name in EventRow._fields)
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


def event_key(row: EventRow) -> tuple[str, str]:
    """Return the key by which events are clustered within an account."""
    return row[:2]


def newest(occurred_at: Iterable[Microseconds], recorded_at: Iterable[Microseconds]) -> Microseconds:
    """Return when the newest of some events happened; the future counts as the instant of recording."""
    return max(map(min, occurred_at, recorded_at))


def add_missing_contacts(
    connection: AccountConnection,
    contact_ids: Collection[str],
    *,
    identity_key: bytes | None,
    lease: ImportLease | None = None,
) -> frozenset[str]:
    """Create contacts that are known by an event only, in key order.

    Returns:
        Those that were erased and therefore are not created: nothing may be stored of them. Only who is new is
        looked up, since an erased contact is not there.

    Raises:
        SettingsRefused: somebody was erased, and there is no key to recognise whom.
    """
    ids = sorted(contact_ids)
    known = {row[0] for part in batches(ids) for row in connection.read(_KNOWN, {IDS: part})}
    rows = [{"contact_id": contact_id} for contact_id in ids if contact_id not in known]
    if not rows:
        return frozenset()
    created = connection.insert_new(ContactTable, rows, ContactTable.contact_id).scalars().all()
    erased = erased_among(connection, created, identity_key)
    for part in batches(sorted(erased)):
        mine = ContactTable.contact_id.in_(part)
        connection.execute(connection.delete(ContactTable).where(mine))
    if lease is not None:
        count_stored(connection, lease, contacts=[one for one in created if one not in erased])
    return erased


def _known(sqlite: bool) -> SelectBase:
    return select_by_parameter(ContactTable.contact_id).where(among_ids(ContactTable.contact_id, sqlite=sqlite))


_KNOWN = Prepared(_known)


def raise_newest_event(connection: AccountConnection, at: Microseconds) -> None:
    """Move the account's newest event forward; the last statement of a transaction, as all writers meet here."""
    state = AccountStateTable
    connection.execute(
        connection.update(state)
        .where(or_(state.newest_event_at.is_(None), state.newest_event_at < at))
        .values(newest_event_at=at)
    )


def insert_many(connection: AccountConnection, events: ColumnarEvents) -> int:
    """Insert events by the driver's fast way, those that are not there yet, and return how many were new."""
    return _insert_sqlite(connection, events) if connection.is_sqlite else _copy(connection, events)


def _insert_sqlite(connection: AccountConnection, events: ColumnarEvents) -> int:
    driver = connection.driver
    (usual,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size=-{_BULK_CACHE_KIB}")
    try:
        values = chain.from_iterable(zip(*map(_bindable, events.values, events.values.values()), strict=True))
        width = len(events.values)
        whole, rest = divmod(len(events), _ROWS_A_STATEMENT)
        full = ([connection.account, *islice(values, width * _ROWS_A_STATEMENT)] for _ in range(whole))
        new = driver.executemany(_insertion(events.values, _ROWS_A_STATEMENT), full).rowcount if whole else 0
        if rest:
            new += driver.execute(_insertion(events.values, rest), [connection.account, *values]).rowcount
        return int(new)
    finally:
        driver.execute(f"PRAGMA cache_size={usual}")


def _bindable(name: str, column: Sequence[Any]) -> Sequence[Any]:
    """Make a column cheap to bind: NaN is NULL to SQLite, where for each None the driver looks for an adapter."""
    if name in _REQUIRED:
        return column
    return [nan if value is None else value for value in column]


def _insertion(names: Collection[str], rows: int) -> str:
    """Write the INSERT of so many rows of some columns; the first parameter is the account, of all of them."""
    row = f"(?1,{','.join('?' * len(names))})"
    listed = ",".join([row] * rows)
    return f"INSERT INTO {_TABLE} (account_id,{','.join(names)}) VALUES {listed} ON CONFLICT DO NOTHING"  # noqa: S608


def _copy(connection: AccountConnection, events: ColumnarEvents) -> int:
    # COPY itself cannot skip rows that exist, so it fills a table of this transaction alone.
    columns, account = ",".join(("account_id", *events.values)), connection.account
    driver = connection.driver
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE incoming_events (LIKE {_TABLE}) ON COMMIT DROP")
        with cursor.copy(f"COPY incoming_events ({columns}) FROM STDIN") as copy:
            for row in zip(*events.values.values(), strict=True):
                copy.write_row((account, *row))
        cursor.execute(
            f"INSERT INTO {_TABLE} ({columns}) SELECT {columns} FROM incoming_events "  # noqa: S608
            "ORDER BY account_id, contact_id, event_id, ctid ON CONFLICT DO NOTHING"  # of two with one key, the first
        )
        return int(cursor.rowcount)


class EventCount(NamedTuple):
    """Events of one type of one contact."""

    events: int
    first_at: Microseconds
    last_at: Microseconds


class EventTypeUse(NamedTuple):
    """How often an account uses an event type."""

    type: str
    events: int
    contacts: int
    with_value: int


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one account."""

    _scope: Scope

    def add(self, rows: Sequence[EventRow]) -> list[bool | None]:
        """Add events in one transaction; contacts that are not known yet are created, those with news are stale.

        Args:
            rows: any number, in any order.

        Returns:
            For each row whether it is new; False: an event of this contact with this id was there; None: the
            contact was erased, and nothing was stored.
        """
        if not rows:
            return []
        with self._scope.writing() as connection:
            ids = {row.contact_id for row in rows}
            erased = add_missing_contacts(connection, ids, identity_key=self._scope.identity_key)
            kept = [row for row in rows if row.contact_id not in erased]
            if not kept:
                return [None] * len(rows)
            # Always in key order: two writers that wait for each other's keys would be a deadlock (PostgreSQL).
            values = [row._asdict() for row in sorted(kept, key=event_key)]
            added = connection.insert_new(EventTable, values, EventTable.contact_id, EventTable.event_id)
            new = {(contact_id, event_id) for contact_id, event_id in added}
            recorded_at = max(row.recorded_at for row in kept)
            touch(connection, {contact_id for contact_id, _ in new}, at=recorded_at)
            at = newest((row.occurred_at for row in kept), (row.recorded_at for row in kept))
            raise_newest_event(connection, at)
        return [None if row.contact_id in erased else _taken(new, row) for row in rows]

    def add_bulk(
        self, rows: Sequence[EventRow], *, pacing: BulkPacing | None = None, lease: ImportLease | None = None
    ) -> AddedEvents:
        """Add many events in short transactions; contacts that are not known yet are created.

        Interrupted and repeated, it adds what is missing.

        Args:
            rows: in any order, or as columns ordered by contact; about BULK_ROWS of them. Those that are there
                already change nothing; of two with one key, the first is taken.
            pacing: of the import that they are part of.
            lease: of that import, where it counts what it stores.

        Returns:
            How many were new, and how many were left out, of whom.
        """
        pacing = pacing or BulkPacing()
        events = (
            rows if isinstance(rows, ColumnarEvents) else ColumnarEvents.of_rows(sorted(rows, key=itemgetter(0, 1)))
        )
        new, left_out, of_erased = 0, 0, set[str]()
        for places in pacing.parts(range(len(events)), has_gaps=self._scope.store.is_sqlite):
            added = self._add_part(events[places[0] : places[-1] + 1], lease)
            new, left_out = new + added.new, left_out + added.erased
            of_erased |= added.erased_contacts
        return AddedEvents(new, left_out, frozenset(of_erased))

    def newest_at(self) -> Microseconds | None:
        """Return when the account's newest event happened (one that claims the future: when it was recorded)."""
        statement = self._scope.select(AccountStateTable.newest_event_at)
        with self._scope.reading() as connection:
            return connection.execute(statement).scalar()

    def counts(self, contact_id: str) -> dict[str, EventCount]:
        """Count one contact's events by type."""
        at = EventTable.occurred_at
        statement = (
            self._scope.select(EventTable.type, func.count(), func.min(at), func.max(at))
            .where(EventTable.contact_id == contact_id)
            .group_by(EventTable.type)
            .order_by(EventTable.type)
        )
        with self._scope.reading() as connection:
            return {type_: EventCount(*counts) for type_, *counts in connection.execute(statement)}

    def of_contact(
        self, contact_id: str, *, limit: int, before: tuple[Microseconds, str] | None = None, type_: str | None = None
    ) -> list[EventRow]:
        """List one contact's events, newest first; reads all of the contact, and of nobody else.

        Args:
            contact_id: whose.
            limit: at most so many; fewer only at the end.
            before: instant and id of the last one seen.
            type_: only of this type; None: of all.
        """
        table = EventTable
        order = tuple_(table.occurred_at, table.event_id)
        statement = self._scope.select(*COLUMNS).where(table.contact_id == contact_id)
        if type_ is not None:
            statement = statement.where(table.type == type_)
        if before is not None:
            statement = statement.where(order < tuple_(*before))
        statement = statement.order_by(table.occurred_at.desc(), table.event_id.desc()).limit(limit)
        with self._scope.reading() as connection:
            return [EventRow(*row) for row in connection.execute(statement)]

    def types(self) -> list[EventTypeUse]:
        """Count the account's events by type, most frequent first; reads all of them."""
        statement = (
            self._scope.select(
                EventTable.type,
                func.count(),
                func.count(EventTable.contact_id.distinct()),
                func.count(EventTable.value),
            )
            .group_by(EventTable.type)
            .order_by(func.count().desc(), EventTable.type)
        )
        with self._scope.reading() as connection:
            return [EventTypeUse(*row) for row in connection.execute(statement)]

    def currencies(self, types: Collection[str]) -> dict[str | None, int]:
        """Count the events of some types that have a value, by its currency; None: they name none."""
        table = EventTable
        statement = (
            self._scope.select(table.currency, func.count())
            .where(table.type.in_(sorted(types)), table.value.is_not(None))
            .group_by(table.currency)
        )
        with self._scope.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    def scan_times(
        self, contacts: int = 250, *, contact_ids: Sequence[str] | None = None
    ) -> Iterator[list[EventTimes]]:
        """Stream when each contact did what, one consistent state; a tenth of what `StoredPasts.scan_events` costs.

        Args:
            contacts: held at once.
            contact_ids: of whom; None: of everybody.
        """
        table = EventTable
        columns = (table.type, table.occurred_at, func.coalesce(table.human, UNKNOWN_MAKER), table.value.is_not(None))
        with self._scope.reading() as connection:
            # One row a contact: the database is faster at writing lists than the driver at making tuples.
            listing = func.json_group_array if connection.is_sqlite else func.json_agg
            statement = self._scope.select(table.contact_id, *(cast(listing(one), String) for one in columns), of=table)
            whom = [()] if contact_ids is None else [(table.contact_id.in_(one),) for one in batches(contact_ids)]
            for mine in whom:
                grouped = statement.where(*mine).group_by(table.contact_id)
                for part in connection.stream(grouped, contacts).partitions():
                    yield [EventTimes(contact_id, *map(orjson.loads, lists)) for contact_id, *lists in part]

    def times_of(self, contact_ids: Sequence[str], types: Collection[str]) -> list[EventTimes]:
        """Read when some contacts did what, of some types only; those who did none of it are missing."""
        table, found = EventTable, dict[str, list[tuple[str, Microseconds, int, bool]]]()
        columns = (table.contact_id, table.type, table.occurred_at, table.human, table.value)
        with self._scope.reading() as connection:
            for part in batches(sorted(contact_ids)):
                mine = (table.contact_id.in_(part), table.type.in_(sorted(types)))
                for contact_id, type_, at, human, value in connection.execute(
                    self._scope.select(*columns).where(*mine)
                ):
                    made_by = UNKNOWN_MAKER if human is None else human
                    found.setdefault(contact_id, []).append((type_, at, made_by, value is not None))
        return [EventTimes(contact_id, *zip(*rows, strict=True)) for contact_id, rows in found.items()]

    def between(
        self, contact_ids: Sequence[str], types: Collection[str], since: Microseconds, until: Microseconds
    ) -> Iterator[list[EventTuple]]:
        """Read what some contacts did of some types from one instant on and before another, in parts of contacts."""
        within = (EventTable.occurred_at >= since, EventTable.occurred_at < until, EventTable.type.in_(sorted(types)))
        with self._scope.reading() as connection:
            for part in batches(sorted(contact_ids)):
                mine = self._scope.select(*EVENT_COLUMNS).where(EventTable.contact_id.in_(part), *within)
                yield [tuple(row) for row in connection.execute(mine)]

    def delete_before(self, at: Microseconds, *, contacts: int = 500) -> Iterator[int]:
        """Delete events that happened before an instant, the contacts in order, some at a time.

        Args:
            at: the instant.
            contacts: of one transaction.

        Yields:
            How many events went with each transaction; nothing more is done until the next one is requested.
        """
        after: str | None = None
        while True:
            with self._scope.reading() as connection:
                ids = list(pages(connection, after=after, limit=contacts))
            if not ids:
                return
            after = ids[-1]
            of_them = (EventTable.contact_id >= ids[0]) & (EventTable.contact_id <= after)
            with self._scope.writing() as connection:
                gone = connection.execute(
                    self._scope.delete(EventTable).where(of_them, EventTable.occurred_at < at)
                ).rowcount
            yield gone

    def of_messages(self, contact_ids: Collection[str], message_ids: Collection[str]) -> Iterator[EventRow]:
        """Read the events of some contacts that belong to some messages; joins an open transaction."""
        table = EventTable
        with self._scope.reading() as connection:
            for contacts in batches(sorted(contact_ids)):
                for messages in batches(sorted(message_ids)):
                    statement = self._scope.select(*COLUMNS).where(
                        table.contact_id.in_(contacts),
                        table.message_id.in_(messages),
                    )
                    for row in connection.execute(statement):
                        yield EventRow(*row)

    def correct(self, rows: Sequence[EventRow]) -> None:
        """Write who made stored events, and why that is known; joins an open transaction.

        Args:
            rows: as they are to be; nothing but `human` and `properties` is changed.
        """
        if not rows:
            return
        table = EventTable
        statement = (
            self._scope.update(table)
            .where(
                table.contact_id == bindparam("of_contact"),
                table.event_id == bindparam("of_event"),
            )
            .values(human=bindparam("made_by"), properties=bindparam("stated"))
        )
        values = [
            {"of_contact": row.contact_id, "of_event": row.event_id, "made_by": row.human, "stated": row.properties}
            for row in sorted(rows, key=lambda row: row[:2])
        ]
        with self._scope.writing() as connection:
            connection.execute(statement, values)

    def _add_part(self, events: ColumnarEvents, lease: ImportLease | None) -> AddedEvents:
        owners = events.column("contact_id")
        contact_ids = set(owners)
        with self._scope.writing() as connection:
            key = self._scope.identity_key
            erased = add_missing_contacts(connection, contact_ids, identity_key=key, lease=lease)
            kept = events.only([contact_id not in erased for contact_id in owners]) if erased else events
            if not kept:
                return AddedEvents(0, len(events), erased)
            added = insert_many(connection, kept)
            if lease is not None:
                count_stored(connection, lease, events=added)
            raise_newest_event(connection, newest(kept.column("occurred_at"), kept.column("recorded_at")))
        return AddedEvents(added, len(events) - len(kept), erased)


def _taken(new: set[tuple[str, str]], row: EventRow) -> bool:
    key = event_key(row)
    if key in new:
        new.remove(key)
        return True
    return False

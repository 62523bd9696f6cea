"""How events get in: one statement for a few, parts so short that others write too for an import."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import SelectBase, or_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import EventRow, Microseconds
from shared.store.contact_facts import ContactTable
from shared.store.schema import CLUSTERED, AccountStateTable, Instant, KeyText, OptionalLongText, StoreTable
from shared.store.scope import batches
from shared.store.statements import IDS, AccountConnection, Prepared, among_ids, select_by_parameter
from shared.store.tombstones import erased_among


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
_NAMES = ("account_id", *EventRow._fields)
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


def newest(rows: Collection[EventRow]) -> Microseconds:
    """Return when the newest of some events happened; the future counts as the instant of recording."""
    return max(min(row.occurred_at, row.recorded_at) for row in rows)


def add_missing_contacts(
    connection: AccountConnection, contact_ids: Collection[str], *, identity_key: bytes | None
) -> frozenset[str]:
    """Create contacts that are known by an event only, in key order.

    Returns:
        Those that were erased and therefore are not created: nothing may be stored of them. Only who is new is
        looked up, since an erased contact is not there.

    Raises:
        SettingsRefused: somebody was erased, and there is no key to tell whom.
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


def insert_many(connection: AccountConnection, rows: Sequence[EventRow]) -> int:
    """Insert events by the driver's fast way, those that are not there yet, and return how many were new."""
    account = connection.account
    records = ((account, *row) for row in rows)
    return _insert_sqlite(connection, records) if connection.is_sqlite else _copy(connection, records)


def _insert_sqlite(connection: AccountConnection, rows: Iterable[tuple[Any, ...]]) -> int:
    # The driver's executemany prepares once and releases the interpreter lock while a row is written.
    driver = connection.driver
    (usual,) = driver.execute("PRAGMA cache_size").fetchone()
    driver.execute(f"PRAGMA cache_size=-{_BULK_CACHE_KIB}")
    try:
        marks = ",".join("?" * len(_NAMES))
        cursor = driver.executemany(
            f"INSERT INTO {_TABLE} ({','.join(_NAMES)}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608
            rows,
        )
        return int(cursor.rowcount)
    finally:
        driver.execute(f"PRAGMA cache_size={usual}")


def _copy(connection: AccountConnection, rows: Iterable[tuple[Any, ...]]) -> int:
    # COPY itself cannot skip rows that exist, so it fills a table of this transaction alone.
    columns = ",".join(_NAMES)
    driver = connection.driver
    with driver.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE incoming_events (LIKE {_TABLE}) ON COMMIT DROP")
        with cursor.copy(f"COPY incoming_events ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {_TABLE} ({columns}) "  # noqa: S608
            f"SELECT {columns} FROM incoming_events ORDER BY account_id, contact_id, event_id ON CONFLICT DO NOTHING"
        )
        return int(cursor.rowcount)

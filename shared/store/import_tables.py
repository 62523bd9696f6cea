"""The tables of imports, and how it is known what an import stored first: counted and marked as rows are written."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.errors import Conflict
from shared.store.schema import (
    CLUSTERED,
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalLongText,
    StoreTable,
)
from shared.store.scope import AccountConnection, batches

ImportState = Literal["uploaded", "checked", "loading", "loaded", "undoing", "undone", "failed"]
WORKED_ON: Final[tuple[ImportState, ...]] = ("uploaded", "loading", "undoing")
"""States in which the worker has something to do: check, load, undo."""


class ImportTable(StoreTable):
    """Files that were uploaded, and what became of them; names no contact."""

    __tablename__ = "imports"
    __table_args__: Any = (Index(None, "account_id", "created_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    import_id: Mapped[KeyText] = mapped_column(primary_key=True)
    state: Mapped[str]
    kind: Mapped[str | None]
    """`contacts`, `events` or `items`; None: as the columns show, before they were looked at."""
    filename: Mapped[str]
    bytes: Mapped[Instant]
    has_file: Mapped[bool]
    """Whether the uploaded file is still there."""
    has_rejects: Mapped[bool]
    """Whether there may be a file of rejects."""
    created_at: Mapped[Instant]
    created_by: Mapped[str]
    """Public id of the key."""
    options: Mapped[LongText]
    """JSON: what the caller knows of the file."""
    plan: Mapped[OptionalLongText]
    """JSON: what was understood of it, without any cell; None before it was checked."""
    rows: Mapped[OptionalInstant]
    rows_done: Mapped[Instant]
    progress: Mapped[float]
    """0 to 1, of what is done now."""
    contacts_made: Mapped[Instant]
    """How many contacts it stored first; counted in the transactions that do."""
    contacts_updated: Mapped[Instant]
    events_made: Mapped[Instant]
    items_made: Mapped[int] = mapped_column(BigInteger, server_default="0")
    items_updated: Mapped[int] = mapped_column(BigInteger, server_default="0")
    recorded_at: Mapped[OptionalInstant]
    """What it stores is recorded at this instant, which no other writer of the account has; None before it loads."""
    started_at: Mapped[OptionalInstant]
    finished_at: Mapped[OptionalInstant]
    attempts: Mapped[int]
    claim: Mapped[str | None]
    """Random name of the process that works on it."""
    leased_until: Mapped[OptionalInstant]
    result: Mapped[OptionalLongText]
    """JSON: rejects, findings, what an undo took away."""
    error: Mapped[OptionalLongText]
    """JSON: code and detail of why it failed."""


class ImportContactTable(StoreTable):
    """Contacts that the last import made, and that nobody else has put since."""

    __tablename__ = "import_contacts"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    import_id: Mapped[KeyText]


class ImportErasureTable(StoreTable):
    """Whom to take out of the files of an import, by keyed hashes; gone once that is done."""

    __tablename__ = "import_erasures"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    import_id: Mapped[KeyText] = mapped_column(primary_key=True)
    kind: Mapped[KeyText] = mapped_column(primary_key=True)
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    erased_at: Mapped[Instant]


class ImportRow(NamedTuple):
    """One import."""

    import_id: str
    state: ImportState
    kind: Literal["contacts", "events", "items"] | None
    filename: str
    bytes: int
    created_at: Microseconds
    created_by: str
    has_file: bool = True
    has_rejects: bool = False
    options: Mapping[str, Any] = {}
    plan: Mapping[str, Any] | None = None
    rows: int | None = None
    rows_done: int = 0
    progress: float = 0.0
    contacts_made: int = 0
    contacts_updated: int = 0
    events_made: int = 0
    items_made: int = 0
    items_updated: int = 0
    recorded_at: Microseconds | None = None
    started_at: Microseconds | None = None
    finished_at: Microseconds | None = None
    attempts: int = 0
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


class ImportLease(NamedTuple):
    """The right to work on an import; whoever holds it writes in its name."""

    import_id: str
    claim: str


class ImportLost(Conflict):
    """The import was deleted, or somebody else works on it: what was begun is undone, and the rest left alone."""


def claimed(lease: ImportLease) -> tuple[ColumnElement[bool], ...]:
    """Say that an import is in the hands of a lease."""
    table = ImportTable
    return table.import_id == lease.import_id, table.claim == lease.claim


def count_stored(
    connection: AccountConnection,
    lease: ImportLease,
    *,
    contacts: Sequence[str] = (),
    updated: int = 0,
    events: int = 0,
) -> None:
    """Count what an import stores, and mark the contacts that it makes, in the transaction that stores it.

    So a process may die between any two transactions, and its successor counts nothing twice.

    Args:
        connection: of that transaction.
        lease: of the import.
        contacts: those that it made.
        updated: how many contacts it changed.
        events: how many events were new.

    Raises:
        ImportLost: the lease was lost.
    """
    _add_counts(connection, lease, contacts_made=len(contacts), contacts_updated=updated, events_made=events)
    marks = [{"contact_id": contact_id, "import_id": lease.import_id} for contact_id in sorted(contacts)]
    connection.upsert(ImportContactTable, marks)


def count_items(connection: AccountConnection, lease: ImportLease, *, made: int, updated: int) -> None:
    """Count what an import of items stores, in the transaction that stores it; see `count_stored`."""
    _add_counts(connection, lease, items_made=made, items_updated=updated)


def count_removed(connection: AccountConnection, lease: ImportLease, *, contacts: int = 0, events: int = 0) -> None:
    """Take off the counts what an undo removes, in the transaction that removes it.

    Raises:
        ImportLost: the lease was lost.
    """
    _add_counts(connection, lease, contacts_made=-contacts, events_made=-events)


def _add_counts(connection: AccountConnection, lease: ImportLease, **more: int) -> None:
    values = {name: getattr(ImportTable, name) + number for name, number in more.items()}
    if connection.execute(connection.update(ImportTable).where(*claimed(lease)).values(**values)).rowcount == 0:
        raise ImportLost("This import was deleted, or is worked on by somebody else.")


def release_contacts(connection: AccountConnection, contact_ids: Collection[str]) -> None:
    """Note that somebody else puts contacts: an undo of the import that made them leaves them alone."""
    # Mostly there is no mark at all, and that is seen at once.
    any_mark = connection.select(ImportContactTable.import_id).limit(1)
    if not contact_ids or connection.execute(any_mark).first() is None:
        return
    for part in batches(sorted(contact_ids)):
        mine = ImportContactTable.contact_id.in_(part)
        connection.execute(connection.delete(ImportContactTable).where(mine))


def merge_marks(connection: AccountConnection, former: str, into: str) -> None:
    """Keep the mark of a contact that takes another one in only where the same import made both."""
    table = ImportContactTable
    both = connection.select(table.contact_id, table.import_id).where(table.contact_id.in_((former, into)))
    made = {row.contact_id: row.import_id for row in connection.execute(both)}
    if made:
        release_contacts(connection, [former] if made.get(former) == made.get(into) else [former, into])

"""Batches of an account: what is to be predicted in the background, by whom under which lease, and its parts."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Index, func, or_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.message import Message
from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.outbox import publish
from shared.store.schema import (
    CLUSTERED,
    Instant,
    KeyText,
    LongText,
    OptionalInstant,
    OptionalLongText,
    StoreTable,
)
from shared.store.scope import AccountConnection, Scope, take_turn

BatchState = Literal["queued", "running", "completed", "failed", "cancelled"]
OPEN_STATES: tuple[BatchState, ...] = ("queued", "running")
WITH_FILES: tuple[BatchState, ...] = ("queued", "running", "completed")
"""States in which a batch keeps files that may speak of contacts."""


class BatchTable(StoreTable):
    """Predictions that are made in the background, and how far they are."""

    __tablename__ = "batches"
    __table_args__: Any = (Index(None, "account_id", "created_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    batch_id: Mapped[KeyText] = mapped_column(primary_key=True)
    state: Mapped[str]
    request: Mapped[LongText]
    """JSON: questions, choice of contacts, reasons, format; never the id of a contact."""
    created_at: Mapped[Instant]
    """Also the instant at which it is asked: what is recorded later is not seen."""
    created_by: Mapped[str]
    """Public id of the key."""
    cutoff: Mapped[Instant]
    models: Mapped[OptionalLongText]
    """JSON: version and digest of each question, fixed when it begins."""
    contacts: Mapped[int | None]
    """How many; None: not counted yet."""
    contacts_done: Mapped[int]
    statuses: Mapped[LongText]
    """JSON: how many of each status, by capability."""
    started_at: Mapped[OptionalInstant]
    finished_at: Mapped[OptionalInstant]
    attempts: Mapped[int]
    """How often it was begun since its last finished part."""
    claim: Mapped[str | None]
    """Random name of the process that works on it."""
    leased_until: Mapped[OptionalInstant]
    """Then another process may take it over."""
    error: Mapped[OptionalLongText]
    """JSON: code and detail of why it failed."""
    result: Mapped[str | None]
    """Name of the file that holds all rows; None before it is completed."""
    summary: Mapped[OptionalLongText]
    """JSON: what is said of a plan as a whole; None before it is completed, and of a batch that is no plan."""


class BatchPartTable(StoreTable):
    """Some contacts of a batch, in the order of the batch; a finished one has a file."""

    __tablename__ = "batch_parts"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    batch_id: Mapped[KeyText] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    contacts: Mapped[int]
    finished_at: Mapped[OptionalInstant]


class BatchErasureTable(StoreTable):
    """Whom to take out of a batch's files, by the keyed hash of the id; gone once that is done."""

    __tablename__ = "batch_erasures"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    batch_id: Mapped[KeyText] = mapped_column(primary_key=True)
    key_hash: Mapped[KeyText] = mapped_column(primary_key=True)
    erased_at: Mapped[Instant]


class BatchRow(NamedTuple):
    """One batch."""

    batch_id: str
    state: BatchState
    request: Mapping[str, Any]
    created_at: Microseconds
    created_by: str
    cutoff: Microseconds
    models: Sequence[Mapping[str, str]] | None = None
    contacts: int | None = None
    contacts_done: int = 0
    statuses: Mapping[str, Mapping[str, int]] = {}
    started_at: Microseconds | None = None
    finished_at: Microseconds | None = None
    attempts: int = 0
    error: Mapping[str, str] | None = None
    result: str | None = None
    summary: Mapping[str, Any] | None = None


class FinishedPlan(NamedTuple):
    """What became of a plan."""

    statuses: Mapping[str, Mapping[str, int]]
    """How many of each status, by capability; instead of what the parts counted."""
    summary: Mapping[str, Any]
    """Of the plan as a whole; instants among plain values."""


class BatchEnd(NamedTuple):
    """With what a batch ends."""

    result: str
    """Name of the file."""
    message: Message
    """That it has ended."""
    at: Microseconds
    """Now."""
    plan: FinishedPlan | None = None


class BatchPartRow(NamedTuple):
    """One part of a batch."""

    number: int
    """From 1."""
    contacts: int
    finished_at: Microseconds | None


class Lease(NamedTuple):
    """The right to work on a batch."""

    batch_id: str
    claim: str


_JSON = ("request", "models", "statuses", "error", "summary")
_COLUMNS = tuple(BatchTable.__table__.c[name] for name in BatchRow._fields)


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of one account."""

    _scope: Scope

    def create(self, row: BatchRow, *, most_open: int) -> None:
        """Keep a new batch; joins an open transaction.

        Args:
            row: queued.
            most_open: how many may wait or run at once.

        Raises:
            Conflict: so many wait or run already.
        """
        with self._scope.writing() as connection:
            take_turn(connection)  # two that come at once must not both be the last one
            counted = connection.select(func.count(), of=BatchTable).where(BatchTable.state.in_(OPEN_STATES))
            if (connection.scalar(counted) or 0) >= most_open:
                raise Conflict(
                    f"{most_open} batches wait or run already; wait until one has ended, or cancel one.",
                    max_batches=most_open,
                )
            connection.insert(BatchTable, [_stored(row)])
            connection.audit("batch.created", row.batch_id, at=row.created_at)

    def find(self, batch_id: str) -> BatchRow | None:
        """Find a batch."""
        with self._scope.reading() as connection:
            return _found(connection, BatchTable.batch_id == batch_id)

    def page(self, limit: int, after: tuple[Microseconds, str] | None = None) -> list[BatchRow]:
        """List batches, newest first.

        Args:
            limit: how many at most.
            after: `created_at` and id of the last one of the page before.
        """
        table = BatchTable
        statement = self._scope.select(*_COLUMNS)
        if after is not None:
            at, last = after
            older = (table.created_at < at) | ((table.created_at == at) & (table.batch_id < last))
            statement = statement.where(older)
        statement = statement.order_by(table.created_at.desc(), table.batch_id.desc()).limit(limit)
        with self._scope.reading() as connection:
            return [_row(dict(found._mapping)) for found in connection.execute(statement)]

    def cancel(self, batch_id: str, *, at: Microseconds) -> BatchRow:
        """Let a batch that waits or runs go no further; one that was cancelled stays so.

        Raises:
            NotFound: there is none.
            Conflict: it has ended.
        """
        with self._scope.writing() as connection:
            row = _held(connection, batch_id)
            if row.state in OPEN_STATES:
                _set(connection, batch_id, state="cancelled", finished_at=at, claim=None, leased_until=None)
                connection.audit("batch.cancelled", batch_id, at=at)
                row = row._replace(state="cancelled", finished_at=at)
            elif row.state != "cancelled":
                raise Conflict(f"This batch has ended: it is {row.state}.")
        return row

    def delete(self, batch_id: str, *, at: Microseconds) -> None:
        """Forget a batch in whatever state it is; its files are the caller's to remove.

        Raises:
            NotFound: there is none.
        """
        with self._scope.writing() as connection:
            _held(connection, batch_id)
            for table in (BatchErasureTable, BatchPartTable, BatchTable):
                connection.execute(connection.delete(table).where(table.batch_id == batch_id))
            connection.audit("batch.deleted", batch_id, at=at)

    def ended_before(self, at: Microseconds, *, limit: int = 100) -> list[str]:
        """List batches that ended before an instant, the oldest first."""
        table = BatchTable
        old = self._scope.select(table.batch_id).where(table.finished_at < at).order_by(table.finished_at).limit(limit)
        with self._scope.reading() as connection:
            return list(connection.scalars(old))

    def take(self, lease: Lease, *, at: Microseconds, until: Microseconds) -> BatchRow | None:
        """Lease a batch that waits, or whose lease has run out; None: it is somebody else's, or has ended."""
        table = BatchTable
        free = (table.state == "queued") | ((table.state == "running") & (table.leased_until <= at))
        with self._scope.writing() as connection:
            taking = connection.update(table).where(table.batch_id == lease.batch_id, free)
            values = {
                "state": "running",
                "claim": lease.claim,
                "leased_until": until,
                "attempts": table.attempts + 1,
                "started_at": func.coalesce(table.started_at, at),
            }
            if connection.execute(taking.values(values)).rowcount == 0:
                return None
            return _found(connection, table.batch_id == lease.batch_id)

    def renew(self, lease: Lease, *, until: Microseconds) -> bool:
        """Hold a lease for longer; False: it was lost, or the batch was cancelled."""
        with self._scope.writing() as connection:
            return _set_own(connection, lease, leased_until=until)

    def plan(
        self, lease: Lease, models: Sequence[Mapping[str, str]], parts: Sequence[int], *, until: Microseconds
    ) -> bool:
        """Fix the models, and the number of contacts of each part; False: the lease was lost."""
        with self._scope.writing() as connection:
            values = {"models": json.dumps(list(models)), "contacts": sum(parts), "leased_until": until}
            if not _set_own(connection, lease, **values):
                return False
            rows = [
                {"batch_id": lease.batch_id, "number": number, "contacts": contacts, "finished_at": None}
                for number, contacts in enumerate(parts, 1)
            ]
            connection.insert(BatchPartTable, rows)
        return True

    def parts(self, batch_id: str) -> list[BatchPartRow]:
        """List the parts of a batch in order; none before it is planned."""
        table = BatchPartTable
        statement = self._scope.select(table.number, table.contacts, table.finished_at)
        with self._scope.reading() as connection:
            found = connection.execute(statement.where(table.batch_id == batch_id).order_by(table.number))
            return [BatchPartRow(*row) for row in found]

    def finish_part(
        self,
        lease: Lease,
        number: int,
        statuses: Mapping[str, Mapping[str, int]],
        *,
        at: Microseconds,
        until: Microseconds,
    ) -> bool:
        """Note that a part's file is in its place; False: the lease was lost.

        Args:
            lease: of its batch.
            number: of the part.
            statuses: how many of each status, by capability; added to those of the batch.
            at: now.
            until: how long the lease is held from now on.
        """
        table = BatchPartTable
        with self._scope.writing() as connection:
            row = _own(connection, lease)
            if row is None:
                return False
            mine = (table.batch_id == lease.batch_id, table.number == number)
            part = connection.update(table).where(*mine, table.finished_at.is_(None)).values(finished_at=at)
            if connection.execute(part).rowcount == 0:
                return True
            contacts = connection.scalar(connection.select(table.contacts).where(*mine)) or 0
            _set(
                connection,
                lease.batch_id,
                contacts_done=row.contacts_done + contacts,
                statuses=json.dumps(_summed(row.statuses, statuses), sort_keys=True),
                leased_until=until,
                attempts=0,
            )
        return True

    def complete(
        self, lease: Lease, end: BatchEnd, *, erased: Collection[str]
    ) -> Literal["completed", "erasures", "lost"]:
        """End a batch whose result is in its place, and say so to subscriptions.

        Args:
            lease: of the batch.
            end: its result, which is in its place, and what is said of it.
            erased: hashes of those who are not in it.

        Returns:
            `erasures`: somebody else was erased meanwhile, and nothing is changed; `lost`: so was the lease.
        """
        with self._scope.writing() as connection:
            if _own(connection, lease) is None:
                return "lost"
            if _erasures(connection, lease.batch_id) - set(erased):
                return "erasures"
            _forget_erasures(connection, lease.batch_id, erased)
            ended = {"state": "completed", "result": end.result, "finished_at": end.at, "claim": None}
            if end.plan is not None:
                ended |= {
                    "statuses": json.dumps(end.plan.statuses, sort_keys=True),
                    "summary": orjson.dumps(end.plan.summary, option=orjson.OPT_UTC_Z).decode(),
                }
            _set(connection, lease.batch_id, **ended, leased_until=None)
            publish(connection, [end.message], at=end.at)
        return "completed"

    def fail(self, lease: Lease, error: Mapping[str, str], message: Message, *, at: Microseconds) -> bool:
        """End a batch that cannot go on, and say so to subscriptions; False: the lease was lost."""
        with self._scope.writing() as connection:
            values = {"finished_at": at, "error": json.dumps(dict(error)), "claim": None, "leased_until": None}
            if not _set_own(connection, lease, state="failed", **values):
                return False
            publish(connection, [message], at=at)
        return True

    def release(self, lease: Lease, *, at: Microseconds) -> bool:
        """Give a batch back before its end, for whoever takes it from an instant on; False: the lease was lost."""
        with self._scope.writing() as connection:
            return _set_own(connection, lease, claim=None, leased_until=at, attempts=0)

    def erasures(self, batch_id: str) -> set[str]:
        """Return the keyed hashes of those who are to be taken out of a batch's files."""
        with self._scope.reading() as connection:
            return _erasures(connection, batch_id)

    def with_erasures(self) -> list[str]:
        """List the batches that have ended, and out of whose files somebody is to be taken."""
        erasure, batch = BatchErasureTable, BatchTable
        statement = (
            self._scope.select(erasure.batch_id)
            .distinct()
            .where(erasure.batch_id.in_(self._scope.select(batch.batch_id).where(batch.state.not_in(OPEN_STATES))))
            .order_by(erasure.batch_id)
        )
        with self._scope.reading() as connection:
            return list(connection.scalars(statement))

    def forget_erasures(self, batch_id: str, hashes: Collection[str]) -> None:
        """Note that some are in a batch's files no longer."""
        with self._scope.writing() as connection:
            _forget_erasures(connection, batch_id, hashes)


def note_erasure(connection: AccountConnection, hashes: Collection[str], *, at: Microseconds) -> None:
    """Note, in the transaction of an erasure, whom to take out of the files of every batch that has some.

    Args:
        connection: of the transaction.
        hashes: keyed hashes of the contact's ids.
        at: now.
    """
    with_files = connection.select(BatchTable.batch_id).where(BatchTable.state.in_(WITH_FILES))
    rows = [
        {"batch_id": batch_id, "key_hash": key_hash, "erased_at": at}
        for batch_id in sorted(connection.scalars(with_files))
        for key_hash in sorted(hashes)
    ]
    connection.insert_missing(BatchErasureTable, rows)


def _erasures(connection: AccountConnection, batch_id: str) -> set[str]:
    table = BatchErasureTable
    return set(connection.scalars(connection.select(table.key_hash).where(table.batch_id == batch_id)))


def _forget_erasures(connection: AccountConnection, batch_id: str, hashes: Collection[str]) -> None:
    table = BatchErasureTable
    for key_hash in sorted(hashes):
        mine = (table.batch_id == batch_id, table.key_hash == key_hash)
        connection.execute(connection.delete(table).where(*mine))


def _set(connection: AccountConnection, batch_id: str, **values: Any) -> None:
    connection.execute(connection.update(BatchTable).where(BatchTable.batch_id == batch_id).values(**values))


def _set_own(connection: AccountConnection, lease: Lease, **values: Any) -> bool:
    return connection.execute(connection.update(BatchTable).where(*_claimed(lease)).values(**values)).rowcount > 0


def _own(connection: AccountConnection, lease: Lease) -> BatchRow | None:
    return _found(connection, *_claimed(lease), lock=True)


def _claimed(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    table = BatchTable
    return table.batch_id == lease.batch_id, table.claim == lease.claim, table.state == "running"


def _held(connection: AccountConnection, batch_id: str) -> BatchRow:
    row = _found(connection, BatchTable.batch_id == batch_id, lock=True)
    if row is None:
        raise NotFound("There is no batch of this id in this account; GET /batches lists them.")
    return row


def _found(connection: AccountConnection, *conditions: ColumnElement[bool], lock: bool = False) -> BatchRow | None:
    statement = connection.select(*_COLUMNS).where(*conditions)
    found = connection.execute(statement.with_for_update() if lock else statement).first()
    return None if found is None else _row(dict(found._mapping))


def _row(fields: dict[str, Any]) -> BatchRow:
    read = {name: None if fields[name] is None else json.loads(fields[name]) for name in _JSON}
    return BatchRow(**{**fields, **read})


def _stored(row: BatchRow) -> dict[str, Any]:
    fields = row._asdict()
    written = {name: None if fields[name] is None else json.dumps(fields[name], sort_keys=True) for name in _JSON}
    return {**fields, **written, "claim": None, "leased_until": None}


def _summed(
    before: Mapping[str, Mapping[str, int]], more: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """Add counts to counts.

    >>> _summed({"scoring": {"ok": 1}}, {"scoring": {"ok": 2, "invalid": 1}})
    {'scoring': {'ok': 3, 'invalid': 1}}
    """
    total = {name: dict(counts) for name, counts in before.items()}
    for name, counts in more.items():
        of_name = total.setdefault(name, {})
        for status, count in counts.items():
            of_name[status] = of_name.get(status, 0) + count
    return total


def waiting(at: Microseconds) -> ColumnElement[bool]:
    """Say that a batch waits for somebody to work on it."""
    table = BatchTable
    return or_(table.state == "queued", (table.state == "running") & (table.leased_until <= at))

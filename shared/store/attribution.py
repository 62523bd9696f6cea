"""Attribution: reports that are asked for and made in the background, and the events that they are made of.

A report is about aggregates: no contact stands in it, so an erasure has nothing to take out of it.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Index, func, or_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.errors import Conflict
from shared.store.contact_facts import AttributeTable, ContactTable, refusals
from shared.store.events import EventTable
from shared.store.schema import Instant, KeyText, LongText, OptionalInstant, OptionalLongText, StoreTable
from shared.store.scope import AccountConnection, Scope, take_turn

ReportKind = Literal["account", "paths"]
ReportState = Literal["queued", "running", "completed", "refused"]
MOST_KEPT: Final = 200
"""Reports of an account; the oldest go."""
MOST_OPEN: Final = 20
"""That may wait or run at once."""
MOST_ATTEMPTS: Final = 3
CHUNK: Final = 50_000


class AttributionReportTable(StoreTable):
    """What was asked, how far it is, and what came out."""

    __tablename__ = "attribution_reports"
    __table_args__: Any = (Index(None, "account_id", "requested_at"),)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    report_id: Mapped[KeyText] = mapped_column(primary_key=True)
    """Made of the question: who asks the same gets the same report."""
    kind: Mapped[str]
    state: Mapped[str]
    question: Mapped[LongText]
    """JSON; of paths, these: gone once the report is made."""
    requested_at: Mapped[Instant]
    ended_at: Mapped[OptionalInstant]
    attempts: Mapped[int]
    claim: Mapped[str | None]
    leased_until: Mapped[OptionalInstant]
    document: Mapped[OptionalLongText]
    """JSON: the report, or code, detail and counts of why there is none."""


class ReportRow(NamedTuple):
    """A report, made or not."""

    report_id: str
    kind: ReportKind
    state: ReportState
    question: str
    requested_at: Microseconds
    ended_at: Microseconds | None = None
    attempts: int = 0
    document: str | None = None


class ReportLease(NamedTuple):
    """Who makes a report: a random name, so that one who was overtaken changes nothing."""

    report_id: str
    claim: str


class TouchRow(NamedTuple):
    """An event that may be a touch or a conversion."""

    contact_id: str
    type: str
    at: Microseconds
    value: float | None
    currency: str | None
    message_id: str | None
    campaign_id: str | None
    properties: str | None


class LearnableContacts(NamedTuple):
    """How many contacts a report may be about."""

    contacts: int
    denied: int
    """Left out: they deny profiling."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The attribution reports of one account, and what they are made of."""

    _scope: Scope

    def request(self, row: ReportRow, *, made_after: Microseconds) -> ReportRow:
        """Have a report made, unless it was lately, or is under way; the oldest beyond 200 go.

        Args:
            row: queued.
            made_after: what ended before this is made again.

        Returns:
            The report as it is now.

        Raises:
            Conflict: 20 wait already.
        """
        table = AttributionReportTable
        with self._scope.writing() as connection:
            take_turn(connection)  # two that come at once must not both be the twentieth
            found = _found(connection, row.report_id)
            if found is not None and (found.ended_at is None or found.ended_at >= made_after):
                return found
            open_ones = connection.select(func.count(), of=table).where(table.ended_at.is_(None))
            if int(connection.scalar(open_ones)) >= MOST_OPEN:
                raise Conflict(f"{MOST_OPEN} attribution reports wait or are made already; wait until one is there.")
            values = {**row._asdict(), "claim": None, "leased_until": None}
            connection.upsert(table, [values])
            old = (
                connection.select(table.report_id)
                .where(table.ended_at.is_not(None))
                .order_by(table.requested_at.desc(), table.report_id)
                .offset(MOST_KEPT - MOST_OPEN)
            )
            gone = list(connection.scalars(old))
            if gone:
                connection.execute(connection.delete(table).where(table.report_id.in_(gone)))
        return row

    def find(self, report_id: str) -> ReportRow | None:
        """Find a report."""
        with self._scope.reading() as connection:
            return _found(connection, report_id)

    def all(self, limit: int = MOST_KEPT) -> list[ReportRow]:
        """List the reports, the last one that was asked for first, without what was asked and what came out."""
        table = AttributionReportTable
        columns = (table.report_id, table.kind, table.state, table.requested_at, table.ended_at, table.attempts)
        statement = self._scope.select(*columns).order_by(table.requested_at.desc(), table.report_id).limit(limit)
        with self._scope.reading() as connection:
            return [
                ReportRow(report_id, kind, state, "", requested_at, ended_at, attempts)
                for report_id, kind, state, requested_at, ended_at, attempts in connection.execute(statement)
            ]

    def take(self, lease: ReportLease, *, at: Microseconds, until: Microseconds) -> ReportRow | None:
        """Lease a report that waits, or whose lease has run out; None: it has ended, or is somebody else's."""
        table = AttributionReportTable
        with self._scope.writing() as connection:
            take_turn(connection)
            mine = connection.update(table).where(table.report_id == lease.report_id, waiting(at))
            values = {"state": "running", "claim": lease.claim, "leased_until": until, "attempts": table.attempts + 1}
            if not connection.execute(mine.values(**values)).rowcount:
                return None
            return _found(connection, lease.report_id)

    def renew(self, lease: ReportLease, *, until: Microseconds) -> bool:
        """Hold a lease for longer; False: it was lost."""
        with self._scope.writing() as connection:
            return _set_own(connection, lease, leased_until=until)

    def end(self, lease: ReportLease, state: ReportState, document: str, *, at: Microseconds) -> bool:
        """Keep what came out; of paths that were sent, these go; False: the lease was lost."""
        with self._scope.writing() as connection:
            row = _found(connection, lease.report_id)
            question = {} if row is None or row.kind == "account" else {"question": "{}"}
            values = {"ended_at": at, "claim": None, "leased_until": None, "document": document}
            return _set_own(connection, lease, state=state, **values, **question)

    def population(self, until: Microseconds) -> LearnableContacts:
        """Count the contacts but those created at an instant or later; reads all of them, and none of their events."""
        table = ContactTable
        with self._scope.reading() as connection:
            refusing = refusals(connection)
            known = or_(table.created_at.is_(None), table.created_at < until)
            total = int(connection.scalar(connection.select(func.count(), of=table).where(known)))
            denying = connection.select(func.count(), of=table).where(known, table.consent.in_(refusing))
            denied = int(connection.scalar(denying)) if refusing else 0
        return LearnableContacts(total - denied, denied)

    def events(
        self, types: Collection[str], not_types: Collection[str], since: Microseconds, until: Microseconds
    ) -> Iterator[Sequence[TouchRow]]:
        """Stream events that may be touches or conversions, contact by contact, one consistent state, bounded memory.

        What a machine did, and what contacts did who deny profiling, is left out.

        Args:
            types: that reach the outcome: all of them before the end, however old.
            not_types: that are neither.
            since: of all others.
            until: nothing from here on.
        """
        table = EventTable
        columns = (
            table.contact_id, table.type, table.occurred_at, table.value, table.currency, table.message_id,
            table.campaign_id, table.properties,
        )  # fmt: skip
        with self._scope.reading() as connection:
            wanted = (
                table.occurred_at < until,
                or_(table.occurred_at >= since, table.type.in_(sorted(types))),
                table.type.not_in(sorted(not_types)),
                or_(table.human.is_(None), table.human != 0),
                *_learnable(connection, table.contact_id),
            )
            statement = connection.select(*columns, of=table).where(*wanted)
            ordered = statement.order_by(table.contact_id, table.event_id)
            for part in connection.stream(ordered, CHUNK).partitions():
                yield [TouchRow(*row) for row in part]

    def groups(self, attribute: str, until: Microseconds) -> dict[str, str]:
        """Return the last value of an attribute of each contact that has one and does not deny profiling."""
        table, found = AttributeTable, dict[str, str]()
        with self._scope.reading() as connection:
            statement = connection.select(table.contact_id, table.value).where(
                table.name == attribute, table.valid_from < until, *_learnable(connection, table.contact_id)
            )
            ordered = statement.order_by(table.contact_id, table.valid_from, table.recorded_at)
            for part in connection.stream(ordered, CHUNK).partitions():
                for contact_id, value in part:
                    found[contact_id] = value
        words = {contact_id: _words(json.loads(value)) for contact_id, value in found.items()}
        return {contact_id: text for contact_id, text in words.items() if text}


def waiting(at: Microseconds) -> ColumnElement[bool]:
    """Say that a report waits for somebody to make it."""
    table = AttributionReportTable
    return or_(table.state == "queued", (table.state == "running") & (table.leased_until <= at))


def _words(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split()).casefold()


def _learnable(connection: AccountConnection, contact_id: Any) -> list[ColumnElement[bool]]:
    """Leave out whoever denies profiling."""
    refusing = refusals(connection)
    if not refusing:
        return []
    denied = connection.select(ContactTable.contact_id).where(ContactTable.consent.in_(refusing))
    return [contact_id.not_in(denied)]


def _found(connection: AccountConnection, report_id: str) -> ReportRow | None:
    table = AttributionReportTable
    statement = connection.select(*(getattr(table, name) for name in ReportRow._fields))
    row = connection.execute(statement.where(table.report_id == report_id)).first()
    return None if row is None else ReportRow(*row)


def _set_own(connection: AccountConnection, lease: ReportLease, **values: Any) -> bool:
    table = AttributionReportTable
    mine = (table.report_id == lease.report_id, table.claim == lease.claim, table.state == "running")
    return connection.execute(connection.update(table).where(*mine).values(**values)).rowcount > 0

"""What the data report reads: a sample of the contacts, counts of their events, and the last report."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, and_, func, not_, or_
from sqlalchemy.orm import Mapped, aliased, mapped_column

from shared.contracts.rows import DAY, Microseconds
from shared.store.contact_facts import ContactTable, refusals
from shared.store.events import EventTable
from shared.store.identities import EMAIL, IdentityMergeTable
from shared.store.outcomes import OutcomeTable
from shared.store.pasts import facts_of
from shared.store.schema import KEY_TEXT, AccountStateTable, Instant, LongText, StoreTable
from shared.store.scope import BATCH, AnySelect, Scope, batches
from shared.timeline import ContactFacts


class DataReportTable(StoreTable):
    """The last report that was made in the background; counts and figures, no contact."""

    __tablename__ = "data_reports"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    reported_at: Mapped[Instant]
    mark: Mapped[str]
    """Of the data that it is about: with another one there is something new to report."""
    document: Mapped[LongText]


class KeptReport(NamedTuple):
    """A report that was made in the background."""

    reported_at: Microseconds
    mark: str
    document: str
    """JSON."""


class ContactSample(NamedTuple):
    """Contacts that stand for all who may be learned from."""

    contact_ids: list[str]
    learnable: int
    """How many of those there are."""


class AccountChanges(NamedTuple):
    """What is another one as soon as something was recorded or erased, read at once however large the account is."""

    newest_event_at: Microseconds | None
    erasures: int


class DailyCount(NamedTuple):
    """Events of one type, of one day, made by people, by machines, or by who knows whom."""

    type: str
    day: int
    """Days since 1970, UTC."""
    human: bool | None
    events: int


@dataclass(frozen=True, slots=True)
class DataReportReads:
    """What the data report reads of one account."""

    _scope: Scope

    def keep(self, report: KeptReport) -> None:
        """Keep a report in place of the one before."""
        with self._scope.writing() as connection:
            connection.upsert(DataReportTable, [report._asdict()])

    def kept(self) -> KeptReport | None:
        """Read the report that is kept; None: there is none."""
        table = DataReportTable
        with self._scope.reading() as connection:
            row = connection.execute(self._scope.select(table.reported_at, table.mark, table.document)).first()
        return None if row is None else KeptReport(*row)

    def mark(self) -> str:
        """Return what changes when contacts, newer events or outcomes come; counts all contacts."""
        state = self._scope.select(AccountStateTable.newest_event_at, AccountStateTable.erasures)
        with self._scope.reading() as connection:
            contacts = connection.scalar(self._scope.select(func.count(), of=ContactTable))
            defined = connection.scalars(self._scope.select(OutcomeTable.definition)).all()
            found = connection.execute(state).first()
        return sha256(repr((contacts, found and tuple(found), sorted(defined))).encode()).hexdigest()

    def changes(self) -> AccountChanges:
        """Return what tells whether something was recorded or erased since."""
        statement = self._scope.select(AccountStateTable.newest_event_at, AccountStateTable.erasures)
        with self._scope.reading() as connection:
            row = connection.execute(statement).first()
        return AccountChanges(None, 0) if row is None else AccountChanges(*row)

    def facts(self, contact_ids: Collection[str]) -> dict[str, ContactFacts]:
        """Read some contacts with all values of their attributes."""
        with self._scope.reading() as connection:
            return facts_of(connection, list(contact_ids))

    def sample(self, most: int) -> ContactSample:
        """List contacts that may be learned from: all, or every so manieth of them in the order of their ids.

        Args:
            most: at most so many.
        """
        table, refusing = ContactTable, self._refusals()
        counting = self._scope.select(func.count(), of=table).where(*_allowing(table.consent, refusing))
        with self._scope.reading() as connection:
            learnable = int(connection.scalar(counting))
            step = max(1, -(-learnable // most))
            every = self._every_so_manieth(step, refusing) if step > 1 else self._everybody(refusing)
            return ContactSample(list(connection.scalars(every)), learnable)

    def _everybody(self, refusing: list[str]) -> AnySelect:
        table = ContactTable
        every = self._scope.select(table.contact_id).where(*_allowing(table.consent, refusing))
        return every.order_by(table.contact_id)

    def _every_so_manieth(self, step: int, refusing: list[str]) -> AnySelect:
        """Go from one contact to the next so many further on: a tenth of the time of numbering all of them."""
        table, beyond = ContactTable, ContactTable.__table__.alias()
        first = self._scope.select(table.account_id, func.min(table.contact_id).label("contact_id"))
        here = first.where(*_allowing(table.consent, refusing)).group_by(table.account_id).cte(recursive=True)
        further = (
            self._scope.select(beyond.c.contact_id, of=beyond)
            .where(beyond.c.contact_id > here.c.contact_id, *_allowing(beyond.c.consent, refusing))
            .order_by(beyond.c.contact_id)
            .limit(1)
            .offset(step - 1)
        )
        places = here.union_all(
            self._scope.select(here.c.account_id, further.scalar_subquery(), of=here).where(
                here.c.contact_id.is_not(None)
            )
        )
        found = self._scope.select(places.c.contact_id).where(places.c.contact_id.is_not(None))
        return found.order_by(places.c.contact_id)

    def _refusals(self) -> list[str]:
        with self._scope.reading() as connection:
            return refusals(connection)

    def daily_counts(self, contact_ids: Collection[str], *, until: Microseconds) -> list[DailyCount]:
        """Count events of contacts by type, day, and who made them; only those before an instant."""
        day = (EventTable.occurred_at // DAY).label("day")
        columns = (EventTable.type, day, EventTable.human)
        found = Counter[tuple[str, int, int | None]]()
        for statement in self._of(contact_ids, *columns, func.count()):
            with self._scope.reading() as connection:
                grouped = statement.where(EventTable.occurred_at < until).group_by(*columns)
                for type_, at, human, count in connection.execute(grouped):
                    found[type_, at, human] += count
        return [
            DailyCount(type_, at, None if human is None else bool(human), count)
            for (type_, at, human), count in found.items()
        ]

    def daily_orders(
        self, contact_ids: Collection[str], types: Collection[str], *, until: Microseconds
    ) -> list[DailyCount]:
        """Count as `daily_counts` does, all events of one contact, type and instant as one."""
        table, found = EventTable, Counter[tuple[str, int, int | None]]()
        columns = (table.account_id, table.contact_id, table.type, table.occurred_at, table.human)
        for statement in self._of(contact_ids, *columns):
            mine = statement.where(table.type.in_(sorted(types)), table.occurred_at < until).distinct().subquery()
            by = (mine.c.type, mine.c.occurred_at // DAY, mine.c.human)
            with self._scope.reading() as connection:
                grouped = self._scope.select(*by, func.count(), of=mine).group_by(*by)
                for type_, at, human, count in connection.execute(grouped):
                    found[type_, at, human] += count
        return [DailyCount(*key[:2], None if key[2] is None else bool(key[2]), count) for key, count in found.items()]

    def repeated_events(self, contact_ids: Collection[str]) -> int:
        """Count the events that another one equals in all but its id."""
        table = EventTable
        alike = (
            table.account_id, table.contact_id, table.type, table.occurred_at, table.value, table.currency,
            table.message_id, table.campaign_id, table.item, table.properties,
        )  # fmt: skip
        total = 0
        for statement in self._of(contact_ids, table.account_id, func.count().label("alike")):
            groups = statement.group_by(*alike).having(func.count() > 1).subquery()
            surplus = self._scope.select(func.sum(groups.c.alike - 1), of=groups)
            with self._scope.reading() as connection:
                total += int(connection.scalar(surplus) or 0)
        return total

    def shared_addresses(self) -> int:
        """Count the e-mail addresses that came to another contact while the one before still exists."""
        table, before, now = IdentityMergeTable, aliased(ContactTable), aliased(ContactTable)
        statement = (
            self._scope.select(func.count(table.key_hash.distinct()), of=table)
            .join(before, and_(before.account_id == table.account_id, before.contact_id == table.from_contact_id))
            .join(now, and_(now.account_id == table.account_id, now.contact_id == table.to_contact_id))
            .where(table.kind == EMAIL, not_(table.from_contact_id == table.to_contact_id))
        )
        with self._scope.reading() as connection:
            return int(connection.scalar(statement))

    def _of(self, contact_ids: Collection[str], *columns: object) -> Iterator[AnySelect]:
        """Begin a SELECT of the events of each thousand of some contacts."""
        for part in batches(sorted(contact_ids), BATCH):
            yield self._scope.select(*columns, of=EventTable).where(EventTable.contact_id.in_(part))


def _allowing(consent: Any, refusing: Collection[str]) -> list[ColumnElement[bool]]:
    """Leave out whoever denied profiling."""
    return [or_(consent.is_(None), consent.not_in(refusing))] if refusing else []

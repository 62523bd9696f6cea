"""Assignments of experiments: committed before anybody is answered, never changed afterwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.errors import StoreUnavailable
from shared.store.pasts import perhaps_erased
from shared.store.schema import CLUSTERED, Instant, KeyText, StoreTable
from shared.store.scope import BATCH, AccountConnection, Scope, batches


class AssignmentTable(StoreTable):
    """Which contact of an experiment got which arm and instant, with which chance; written once, before the answer."""

    __tablename__ = "assignments"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    campaign_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    arm: Mapped[str]
    propensity: Mapped[float]
    send_at: Mapped[Instant]
    policy_at: Mapped[Instant]
    default_send_at: Mapped[Instant]
    engagement: Mapped[str]
    version: Mapped[str]
    assigned_at: Mapped[Instant]


class AssignmentRow(NamedTuple):
    """One contact of an experiment. Field order is the order of the store's columns."""

    campaign_id: str
    contact_id: str
    arm: str
    """`treatment`, `control` or `exploration`."""
    propensity: float
    """Chance with which this instant was chosen for this contact, over all arms."""
    send_at: Microseconds
    """When the contact is sent to, or would have been: the control's is the default."""
    policy_at: Microseconds
    """What the model would have chosen."""
    default_send_at: Microseconds
    engagement: str
    """What counts as an answer; empty where only activity is known."""
    version: str
    assigned_at: Microseconds


_COLUMNS = tuple(getattr(AssignmentTable, name) for name in AssignmentRow._fields)


@dataclass(frozen=True, slots=True)
class Assignments:
    """The experiments of one account."""

    _scope: Scope

    def add(
        self, campaign: str, rows: Sequence[AssignmentRow], *, since: int | None = None
    ) -> dict[str, AssignmentRow]:
        """Keep assignments in one transaction; a contact that has one keeps it.

        Args:
            campaign: of all rows.
            rows: one a contact.
            since: the account's count of erasures from before anything was read of the contacts.

        Returns:
            What holds, by contact id; committed.

        Raises:
            StoreUnavailable: some may have been erased since; nothing is kept, asking again is right.
        """
        if not rows:
            return {}
        # Always in key order: two writers that wait for each other's keys would be a deadlock (PostgreSQL).
        ordered = sorted(rows, key=lambda row: row.contact_id)
        with self._scope.writing() as connection:
            ids = [row.contact_id for row in ordered]
            if perhaps_erased(connection, ids, since=since):
                raise StoreUnavailable("Contacts were erased while this was answered; ask again.")
            connection.insert_missing(AssignmentTable, [row._asdict() for row in ordered])
            held = self._of(connection, campaign, ids)
        return {row.contact_id: row for row in held}

    def of_campaign(self, campaign: str, *, at_once: int = BATCH) -> Iterator[AssignmentRow]:
        """List the assignments of a campaign by contact id, a page at a time: no read lasts as long as the listing.

        Args:
            campaign: its id.
            at_once: how many are held in memory.
        """
        table = AssignmentTable
        mine = self._scope.select(*_COLUMNS).where(table.campaign_id == campaign).order_by(table.contact_id)
        page = mine.limit(at_once)
        while True:
            with self._scope.reading() as connection:
                rows = [AssignmentRow(*row) for row in connection.execute(page)]
            yield from rows
            if len(rows) < at_once:
                return
            page = mine.where(table.contact_id > rows[-1].contact_id).limit(at_once)

    def campaigns(self, limit: int, *, after: str | None = None) -> list[AssignmentRow]:
        """List campaigns by id, each by the assignment of its first contact: one seek a campaign, however large it is.

        Args:
            limit: at most so many.
            after: the last campaign seen.
        """
        table, found = AssignmentTable, list[AssignmentRow]()
        with self._scope.reading() as connection:
            while len(found) < limit:
                statement = self._scope.select(*_COLUMNS).order_by(table.campaign_id, table.contact_id).limit(1)
                if after is not None:
                    statement = statement.where(table.campaign_id > after)
                row = connection.execute(statement).first()
                if row is None:
                    break
                found.append(AssignmentRow(*row))
                after = found[-1].campaign_id
        return found

    def _of(self, connection: AccountConnection, campaign: str, contact_ids: Sequence[str]) -> list[AssignmentRow]:
        found = []
        for part in batches(contact_ids, BATCH):
            statement = self._scope.select(*_COLUMNS).where(
                AssignmentTable.campaign_id == campaign,
                AssignmentTable.contact_id.in_(part),
            )
            found += [AssignmentRow(*row) for row in connection.execute(statement)]
        return found

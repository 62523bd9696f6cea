"""Holdouts of an account: made, released, and what a report of them counts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, or_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.engagement import EXPORTED_BY_LINE
from shared.contracts.holdout import Holdout
from shared.contracts.rows import Microseconds
from shared.errors import Conflict, NotFound
from shared.store.contact_facts import ContactTable
from shared.store.events import EventTable
from shared.store.outcomes import Outcomes
from shared.store.schema import Instant, KeyText, OptionalInstant, StoreTable
from shared.store.scope import Scope

CHUNK = 10_000
"""Rows held at once."""
MAX_ACTIVE = 20
"""Each contact of each answer is looked at once for each of them."""


class HoldoutTable(StoreTable):
    """Shares of contacts for whom nothing is predicted aloud; who they are follows from salt and id."""

    __tablename__ = "holdouts"

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    salt: Mapped[str]
    share: Mapped[float]
    capability: Mapped[str]
    outcome: Mapped[str]
    created_at: Mapped[Instant]
    until: Mapped[OptionalInstant]
    released_at: Mapped[OptionalInstant]


COLUMNS = tuple(getattr(HoldoutTable, name) for name in Holdout._fields)


class ContactReached(NamedTuple):
    """What a contact did that is counted, within a stretch of time."""

    contact_id: str
    events: int
    value: float | None
    """The sum of their values; None: none has one."""
    currency: str | None
    """The least and the greatest of their currencies, joined where they differ; None: no value has one."""
    without_currency: int
    """How many have a value that names no currency."""


@dataclass(frozen=True, slots=True)
class Holdouts:
    """The holdouts of one account."""

    _scope: Scope

    def create(self, holdout: Holdout) -> None:
        """Begin to hold contacts out.

        Raises:
            Conflict: there is one of that name, released or not, or there are many already.
            UnknownOutcome: the outcome is not defined: nobody would be held out.
        """
        if holdout.outcome:
            Outcomes(self._scope).require(holdout.capability, holdout.outcome)
        with self._scope.writing(alone=True) as connection:
            active = self._scope.select(func.count(), of=HoldoutTable).where(_unreleased(holdout.created_at))
            if connection.scalar(active) >= MAX_ACTIVE:
                raise Conflict(f"{MAX_ACTIVE} holdouts are active already; release one first.", max_holdouts=MAX_ACTIVE)
            try:
                connection.insert(HoldoutTable, [holdout._asdict()])
            except IntegrityError as error:
                raise Conflict(f"There is a holdout {holdout.name} already; names are used once.") from error
            detail = {"share": holdout.share, "capability": holdout.capability, "outcome": holdout.outcome}
            connection.audit("holdout.created", holdout.name, at=holdout.created_at, **detail, until=holdout.until)

    def all(self) -> list[Holdout]:
        """List all, the newest first."""
        statement = self._scope.select(*COLUMNS).order_by(HoldoutTable.created_at.desc(), HoldoutTable.name)
        with self._scope.reading() as connection:
            return [Holdout(*row) for row in connection.execute(statement)]

    def find(self, name: str) -> Holdout | None:
        """Find one by its name, released or not."""
        statement = self._scope.select(*COLUMNS).where(HoldoutTable.name == name)
        with self._scope.reading() as connection:
            row = connection.execute(statement).first()
        return None if row is None else Holdout(*row)

    def release(self, name: str, *, at: Microseconds) -> Holdout:
        """End a holdout: from now on its contacts are answered like all others. One that has ended stays as it is.

        Raises:
            NotFound: there is none of that name.
        """
        with self._scope.writing() as connection:
            mine = (HoldoutTable.name == name, _unreleased(at))
            released = self._scope.update(HoldoutTable).where(*mine).values(released_at=at)
            if connection.execute(released).rowcount:
                connection.audit("holdout.released", name, at=at)
            found = connection.execute(self._scope.select(*COLUMNS).where(HoldoutTable.name == name)).first()
        if found is None:
            raise NotFound("There is no holdout of this name in this account; GET /holdouts lists them.")
        return Holdout(*found)

    def active(
        self, capability: str | None = None, outcome: str = "", *, at: Microseconds | None = None
    ) -> tuple[Holdout, ...]:
        """List those that hold contacts out, by name.

        Args:
            capability: only those about this question; None: all.
            outcome: its name, "" where the capability has none.
            at: now; None: when somebody acts, and where that is not known those that may have ended by themselves
                count as well.
        """
        at = self._scope.acting_at if at is None else at
        statement = self._scope.select(*COLUMNS).where(_unreleased(at)).order_by(HoldoutTable.name)
        with self._scope.reading() as connection:
            found = [Holdout(*row) for row in connection.execute(statement)]
        return tuple(one for one in found if capability is None or one.covers(capability, outcome))

    def has_events(self, type_: str) -> bool:
        """Whether the account has an event of a type."""
        statement = self._scope.select(EventTable.type).where(EventTable.type == type_).limit(1)
        with self._scope.reading() as connection:
            return connection.execute(statement).first() is not None

    def population(self, until: Microseconds) -> Iterator[Sequence[str]]:
        """Stream the ids of the contacts that a report is about: all but those created at an instant or later."""
        table = ContactTable
        known = or_(table.created_at.is_(None), table.created_at < until)
        statement = self._scope.select(table.contact_id).where(known)
        with self._scope.reading() as connection:
            for part in connection.stream(statement, CHUNK).partitions():
                yield [row[0] for row in part]

    def reached(
        self, types: Sequence[str], since: Microseconds, until: Microseconds
    ) -> Iterator[Sequence[ContactReached]]:
        """Stream who did something of some types from an instant on and before another; a machine's doing is none.

        Lines of one order are one.
        """
        table = EventTable
        currency = case((table.value.is_not(None), table.currency))
        first, last, named = func.min(currency), func.max(currency), func.count(currency)
        statement = (
            self._scope.select(
                table.contact_id, _times(types), func.sum(table.value), first, last, func.count(table.value) - named
            )
            .where(table.type.in_(types), table.occurred_at >= since, table.occurred_at < until, _not_by_machine())
            .group_by(table.contact_id)
        )
        with self._scope.reading() as connection:
            for part in connection.stream(statement, CHUNK).partitions():
                yield [
                    ContactReached(one, count, value, low if low == high else f"{low} {high}", unnamed)
                    for one, count, value, low, high, unnamed in part
                ]

    def reached_before(self, types: Sequence[str], at: Microseconds) -> Iterator[Sequence[str]]:
        """Stream who did something of some types before an instant."""
        table = EventTable
        mine = (table.type.in_(types), table.occurred_at < at, _not_by_machine())
        statement = self._scope.select(table.contact_id).where(*mine).group_by(table.contact_id)
        with self._scope.reading() as connection:
            for part in connection.stream(statement, CHUNK).partitions():
                yield [row[0] for row in part]


def _unreleased(at: Microseconds | None) -> ColumnElement[bool]:
    lasting = HoldoutTable.released_at.is_(None)
    if at is None:
        return lasting
    return lasting & or_(HoldoutTable.until.is_(None), HoldoutTable.until > at)


def _times(types: Sequence[str]) -> ColumnElement[int]:
    """Count events, of a type that is exported by line the distinct instants."""
    table, by_line = EventTable, sorted({*types} & {*EXPORTED_BY_LINE})
    if not by_line:
        return func.count()
    times: ColumnElement[int] = func.count(case((table.type.not_in(by_line), 1)))
    for name in by_line:
        times = times + func.count(case((table.type == name, table.occurred_at)).distinct())
    return times


def _not_by_machine() -> ColumnElement[bool]:
    return or_(EventTable.human.is_(None), EventTable.human != 0)


def by_account(rows: Iterable[Sequence[Any]]) -> dict[str, tuple[Holdout, ...]]:
    """Group holdouts by their account: rows of that and COLUMNS."""
    found = dict[str, tuple[Holdout, ...]]()
    for account, *row in rows:
        found[account] = (*found.get(account, ()), Holdout(*row))
    return found

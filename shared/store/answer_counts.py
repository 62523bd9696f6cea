"""How many predictions were answered in each hour, by capability and status: counted as they are logged."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy import BigInteger, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import HOUR, Microseconds
from shared.store.driver import AccountSession, Prepared
from shared.store.schema import CLUSTERED, Instant, KeyText, PredictionTable
from shared.store.scope import BATCH, Scope, upsert_of


class AnswerCountTable(PredictionTable):
    """Predictions of one hour; about nobody in particular, so that an erasure changes nothing of it."""

    __tablename__ = "answer_counts"
    __table_args__ = CLUSTERED

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    hour: Mapped[Instant] = mapped_column(primary_key=True)
    """Its beginning."""
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    status: Mapped[KeyText] = mapped_column(primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger)


class AnswerCount(NamedTuple):
    """Predictions of one hour, capability and status."""

    hour: Microseconds
    capability: str
    status: str
    answers: int


class Answered(Protocol):
    """What is counted of a prediction."""

    @property
    def asked_at(self) -> Microseconds:
        """When."""

    @property
    def capability(self) -> str:
        """Which question."""

    @property
    def status(self) -> str:
        """How it was answered."""


def count_answers(session: AccountSession, rows: Iterable[Answered]) -> None:
    """Add predictions to their hours; the last thing of a transaction, since all that log meet here."""
    counted = Counter((row.asked_at - row.asked_at % HOUR, row.capability, row.status) for row in rows)
    session.write(_COUNT, AnswerCount._fields, [(*key, counted[key]) for key in sorted(counted)])


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """The counted predictions of one account."""

    _scope: Scope

    def since(self, at: Microseconds) -> list[AnswerCount]:
        """List the counts of the hours that began at an instant or later, in order."""
        table = AnswerCountTable
        statement = self._scope.select(table.hour, table.capability, table.status, table.answers)
        ordered = statement.where(table.hour >= at).order_by(table.hour, table.capability, table.status)
        with self._scope.reading_predictions() as connection:
            return [AnswerCount(*row) for row in connection.execute(ordered)]

    def delete_before(self, at: Microseconds, *, limit: int = BATCH) -> int:
        """Delete at most `limit` counts of hours that began before an instant, and return how many."""
        table = AnswerCountTable
        key = (table.hour, table.capability, table.status)
        old = self._scope.select(*key).where(table.hour < at).order_by(*key).limit(limit)
        with self._scope.writing_predictions() as connection:
            return connection.execute(self._scope.delete(table).where(tuple_(*key).in_(old))).rowcount


_COUNT = Prepared(
    lambda sqlite: upsert_of(AnswerCountTable, AnswerCount._fields, sums=("answers",), sqlite=sqlite),
    columns=("account_id", *AnswerCount._fields),
)

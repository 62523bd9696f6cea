"""How models do on what happened afterwards, and how far their inputs have drifted: the last of each is kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds, whole_weeks
from shared.store.held_out import HeldOut
from shared.store.pasts import facts_of
from shared.store.prediction_tables import LOGGED_WEEK, LatestPredictionTable, PredictionLogTable
from shared.store.schema import KEY_TEXT, Instant, KeyText, LongText, StoreTable
from shared.store.scope import BATCH, AccountConnection, Scope, batches
from shared.timeline import ContactFacts

Document = Mapping[str, Any]


class LoggedProbability(NamedTuple):
    """What is needed of a logged prediction to compare it with what happened."""

    contact_id: str
    cutoff: Microseconds
    asked_at: Microseconds
    request_id: str
    version: str
    probability: float | None
    segment: str | None


class ModelQualityTable(StoreTable):
    """What the last comparison of a model's predictions with what happened found; counts and figures, no contact."""

    __tablename__ = "model_quality"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    measured_at: Mapped[Instant]
    document: Mapped[LongText]


class ModelDriftTable(StoreTable):
    """How far the inputs of a version were from its reference in the last round of scoring; counts, no contact."""

    __tablename__ = "model_drift"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[KeyText] = mapped_column(primary_key=True)
    measured_at: Mapped[Instant]
    document: Mapped[LongText]


@dataclass(frozen=True, slots=True)
class Quality:
    """Live quality and drift of the models of one account."""

    _scope: Scope

    def put(self, capability: str, outcome: str, document: Document, *, at: Microseconds) -> None:
        """Keep what a comparison found, in place of what the one before found."""
        key = {"capability": capability, "outcome": outcome}
        self._put(ModelQualityTable, key, document, at)

    def find(self, capability: str, outcome: str) -> Document | None:
        """Read what the last comparison found; None: there was none."""
        return self._find(ModelQualityTable, capability=capability, outcome=outcome)

    def measured_at(self, capability: str, outcome: str) -> Microseconds | None:
        """Return when the last comparison was; None: there was none."""
        table = ModelQualityTable
        statement = self._scope.select(table.measured_at).where(
            table.capability == capability, table.outcome == outcome
        )
        with self._scope.reading() as connection:
            return connection.execute(statement).scalar()

    def put_drift(self, capability: str, outcome: str, version: str, document: Document, *, at: Microseconds) -> None:
        """Keep how far a version has drifted, in place of what the round before found."""
        key = {"capability": capability, "outcome": outcome, "version": version}
        self._put(ModelDriftTable, key, document, at)

    def drift(self, capability: str, outcome: str, version: str) -> Document | None:
        """Read how far a version has drifted; None: nobody has looked yet."""
        return self._find(ModelDriftTable, capability=capability, outcome=outcome, version=version)

    def facts(self, contact_ids: Sequence[str]) -> dict[str, ContactFacts]:
        """Read what is known of some contacts, all values of their attributes; those who are not there are missing."""
        found: dict[str, ContactFacts] = {}
        with self._scope.reading() as connection:
            for part in batches(sorted(contact_ids), BATCH):
                found |= facts_of(connection, part)
        return found

    def logged_predictions(
        self,
        capability: str,
        outcome: str,
        *,
        since: Microseconds,
        at: Microseconds | None = None,
        rows: int = 5_000,
    ) -> Iterator[list[LoggedProbability]]:
        """Stream the logged predictions of a question, by contact, then cutoff, then when they were asked.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            since: cutoffs before it are left out.
            at: now; None: when somebody acts.
            rows: held at once.

        Yields:
            All rows of some contacts, those that were answered and those held back as controls; bounded memory. What
            is withheld of a contact that is still held out is not told: means of few would tell it.
        """
        table, held = PredictionLogTable, HeldOut.of(self._scope, at=at).about(capability, outcome)
        key = (table.contact_id, table.cutoff, table.asked_at, table.request_id)
        mine = (table.capability == capability, table.outcome == outcome)
        with self._scope.reading_predictions() as connection:
            weeks = list(_logged_weeks(connection, *mine, since=since))
            for first, end in _contact_ranges(connection, capability, outcome):
                statement = (
                    connection.select(*key, table.version, table.probability, table.segment, table.withheld_probability)
                    .where(*mine, LOGGED_WEEK.in_(weeks), table.contact_id >= first, table.cutoff >= since)
                    .where(table.status.in_(("ok", "control")))
                    .order_by(*key)
                )
                if end is not None:
                    statement = statement.where(table.contact_id < end)
                read: list[LoggedProbability] = []
                for part in connection.stream(statement, rows).partitions():
                    read += [_logged(row[:-1], row[-1], held) for row in part]
                    last = read[-1].contact_id
                    ended = next((place for place in range(len(read), 0, -1) if read[place - 1].contact_id != last), 0)
                    if ended:
                        yield read[:ended]
                        read = read[ended:]
                if read:
                    yield read

    def _put(self, table: type[Any], key: Mapping[str, str], document: Document, at: Microseconds) -> None:
        row = {**key, "measured_at": at, "document": json.dumps(document, allow_nan=False)}
        with self._scope.writing() as connection:
            connection.upsert(table, [row])

    def _find(self, table: type[Any], **key: str) -> Document | None:
        mine = [getattr(table, name) == value for name, value in key.items()]
        with self._scope.reading() as connection:
            text = connection.execute(self._scope.select(table.document).where(*mine)).scalar()
        return None if text is None else json.loads(text)


def _logged(row: Sequence[Any], withheld: float | None, held: HeldOut) -> LoggedProbability:
    one = LoggedProbability(*row)
    return one if withheld is None or held.holds(one.contact_id) else one._replace(probability=withheld)


def _logged_weeks(connection: AccountConnection, *mine: ColumnElement[bool], since: Microseconds) -> Iterator[int]:
    """List the weeks in which a question was asked: the log is found by week, then contact."""
    week: int | None = whole_weeks(since) - 1
    while week is not None:
        later = connection.select(LOGGED_WEEK).where(*mine, week < LOGGED_WEEK).order_by(LOGGED_WEEK).limit(1)
        week = connection.scalar(later)
        if week is not None:
            yield week


def _contact_ranges(connection: AccountConnection, capability: str, outcome: str) -> Iterator[tuple[str, str | None]]:
    """Cut all contact ids into ranges of about as many contacts as are sorted at once; the last has no end."""
    table, first = LatestPredictionTable, ""
    mine = (table.capability == capability, table.outcome == outcome)
    while True:
        later = connection.select(table.contact_id).where(*mine, table.contact_id >= first).order_by(table.contact_id)
        end = connection.scalar(later.offset(BATCH).limit(1))
        yield first, end
        if end is None:
            return
        first = end

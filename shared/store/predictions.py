"""Predictions of an account: the log, and the latest of each contact."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, SelectBase, bindparam, delete, select, tuple_

from shared.contracts.rows import DAY, Microseconds
from shared.store.erasures import perhaps_erased
from shared.store.prediction_tables import LatestPredictionTable, PredictionLogTable
from shared.store.prepared import IDS, Prepared, among_ids
from shared.store.rows import PredictionRow
from shared.store.scope import BATCH, Scope, batches, predictions_of, queue
from shared.store.statements import insert_missing, upsert

NEAR_DAYS = 7
"""How far a stored score may lie from the instant for which a past score is wanted."""


class Predictions(Scope):
    """The predictions of one account."""

    def log_predictions(self, rows: Sequence[PredictionRow], *, since: int | None = None) -> int:
        """Log predictions and keep each contact's latest, in one transaction.

        An erasure deletes predictions once it is committed, and after whoever writes some: so it either is seen
        here, or sees what is written here.

        Args:
            rows: any number; the latest is the one with the latest cutoff, then the latest asked.
            since: the account's count of erasures from before anything was read of the contacts; those that may
                have been erased since are left out. None: nothing was read.

        Returns:
            How many were left out.
        """
        if not rows:
            return 0
        with self._predictions.writing() as connection:
            queue(connection, predictions_of(self.account), alone=False)
            with self._store.reading() as store:
                erased = perhaps_erased(store, self.account, [row.contact_id for row in rows], since=since)
            values = [{"account_id": self.account, **row._asdict()} for row in rows if row.contact_id not in erased]
            latest: dict[tuple[str, str, str], dict[str, Any]] = {}
            for value in sorted(values, key=lambda value: (value["cutoff"], value["asked_at"])):
                latest[value["contact_id"], value["capability"], value["outcome"]] = value
            insert_missing(connection, PredictionLogTable, values)
            in_key_order = [latest[key] for key in sorted(latest)]
            upsert(connection, LatestPredictionTable, in_key_order, newer=("cutoff", "asked_at"))
        return len(rows) - len(values)

    def predictions_of(self, contact_id: str) -> list[PredictionRow]:
        """List a contact's latest predictions, by capability and outcome."""
        table = LatestPredictionTable
        statement = (
            _latest()
            .where(table.account_id == self.account, table.contact_id == contact_id)
            .order_by(table.capability, table.outcome)
        )
        with self._predictions.reading() as connection:
            return [PredictionRow(*row) for row in connection.execute(statement)]

    def past_scores(
        self, capability: str, outcome: str, contact_ids: Sequence[str], *, around: Microseconds
    ) -> dict[str, int]:
        """Tell what contacts scored about an instant: the logged cutoff nearest to it within 7 days.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            contact_ids: whose; those without such a score are missing from the answer.
            around: the instant.
        """
        values = {
            "account": self.account,
            "capability": capability,
            "outcome": outcome,
            "earliest": around - NEAR_DAYS * DAY,
            "latest": around + NEAR_DAYS * DAY,
        }
        nearest: dict[str, tuple[int, int, int]] = {}
        with self._predictions.reading() as connection:
            for part in batches(contact_ids, BATCH):
                for contact_id, cutoff, asked_at, score in _SCORES.rows(connection, {**values, IDS: part}):
                    if score is not None:
                        candidate = (abs(cutoff - around), -asked_at, score)
                        nearest[contact_id] = min(candidate, nearest.get(contact_id, candidate))
        return {contact_id: score for contact_id, (_, _, score) in nearest.items()}

    def delete_predictions_before(self, at: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` logged predictions asked before an instant; the latest of each contact stays.

        Returns:
            How many were deleted.
        """
        table = PredictionLogTable
        key = tuple_(*table.__table__.primary_key)
        old = (
            select(*table.__table__.primary_key)
            .where(table.account_id == self.account, table.asked_at < at)
            .order_by(table.asked_at)
            .limit(limit)
        )
        with self._predictions.writing() as connection:
            return connection.execute(delete(table).where(key.in_(old))).rowcount


def _scores(sqlite: bool) -> SelectBase:
    table = PredictionLogTable
    return select(table.contact_id, table.cutoff, table.asked_at, table.score).where(
        table.account_id == bindparam("account"),
        among_ids(table.contact_id, sqlite=sqlite),
        table.capability == bindparam("capability"),
        table.outcome == bindparam("outcome"),
        table.cutoff.between(bindparam("earliest"), bindparam("latest")),
    )


_SCORES = Prepared(_scores)


def _latest() -> Select[Any]:
    return select(*(LatestPredictionTable.__table__.c[name] for name in PredictionRow._fields))

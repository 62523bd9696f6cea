"""Segments of an account: what it calls them, and who is in them by the latest prediction."""

from collections.abc import Sequence

from sqlalchemy import SelectBase, bindparam, delete, select

from shared.contracts.rows import Microseconds
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.prepared import IDS, Prepared, among_ids
from shared.store.rows import PredictionRow
from shared.store.scope import BATCH, Scope, batches
from shared.store.statements import upsert
from shared.store.tables import SegmentNameTable


class Segments(Scope):
    """The segments of one account."""

    def segment_names(self) -> dict[str, str]:
        """Tell what the account calls its segments, by id; those never renamed are missing."""
        with self._store.reading() as connection:
            return {row[0]: row[1] for row in _NAMES.rows(connection, {"account": self.account})}

    def name_segment(self, segment_id: str, name: str | None, *, at: Microseconds) -> None:
        """Call a segment by a name, whatever training calls it.

        Args:
            segment_id: its id.
            name: None: what training calls it, again.
            at: now.
        """
        table = SegmentNameTable
        with self._writing() as connection:
            if name is None:
                mine = (table.account_id == self.account, table.segment_id == segment_id)
                connection.execute(delete(table).where(*mine))
            else:
                row = {"account_id": self.account, "segment_id": segment_id, "name": name, "renamed_at": at}
                upsert(connection, table, [row])
            self._audit(connection, "segment.renamed", segment_id, at=at, name=name)

    def contacts_of_segment(self, segment_id: str, *, limit: int, after: str | None = None) -> list[PredictionRow]:
        """List who is in a segment by the latest prediction, by contact id.

        Args:
            segment_id: its id.
            limit: at most so many.
            after: contact id of the last row seen.
        """
        table = LatestPredictionTable
        statement = (
            select(*(table.__table__.c[name] for name in PredictionRow._fields))
            .where(table.account_id == self.account, table.segment == segment_id)
            .order_by(table.contact_id)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(table.contact_id > after)
        with self._predictions.reading() as connection:
            return [PredictionRow(*row) for row in connection.execute(statement)]

    def latest_of(
        self, capability: str, outcome: str, contact_ids: Sequence[str]
    ) -> dict[str, tuple[Microseconds, str]]:
        """Tell the cutoff and the body of the latest prediction about contacts; those never asked about are missing.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            contact_ids: whose.
        """
        values = {"account": self.account, "capability": capability, "outcome": outcome}
        found: dict[str, tuple[Microseconds, str]] = {}
        with self._predictions.reading() as connection:
            for part in batches(contact_ids, BATCH):
                for contact_id, cutoff, body in _LATEST.rows(connection, {**values, IDS: part}):
                    found[contact_id] = (cutoff, body)
        return found


def _names(_: bool) -> SelectBase:
    table = SegmentNameTable
    return select(table.segment_id, table.name).where(table.account_id == bindparam("account"))


def _latest(sqlite: bool) -> SelectBase:
    table = LatestPredictionTable
    return select(table.contact_id, table.cutoff, table.body).where(
        table.account_id == bindparam("account"),
        among_ids(table.contact_id, sqlite=sqlite),
        table.capability == bindparam("capability"),
        table.outcome == bindparam("outcome"),
    )


_NAMES, _LATEST = Prepared(_names), Prepared(_latest)

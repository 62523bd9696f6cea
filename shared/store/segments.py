"""Segments of an account: what it calls them, and who is in them by the latest prediction."""

from dataclasses import dataclass

from sqlalchemy import ForeignKey, SelectBase
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.store.driver import Prepared
from shared.store.held_out import HeldOut
from shared.store.prediction_tables import COLUMNS, LatestPredictionTable, PredictionRow
from shared.store.schema import KEY_TEXT, Instant, KeyText, StoreTable
from shared.store.scope import Scope, select_by_parameter


class SegmentNameTable(StoreTable):
    """What the account calls a segment; a name that training gave lies in the catalogue."""

    __tablename__ = "segment_names"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    segment_id: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[str]
    renamed_at: Mapped[Instant]


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one account."""

    _scope: Scope

    def names(self) -> dict[str, str]:
        """Return what the account calls its segments, by id; those never renamed are missing."""
        with self._scope.reading() as connection:
            return {row[0]: row[1] for row in connection.read(_NAMES, {})}

    def rename(self, segment_id: str, name: str | None, *, at: Microseconds) -> None:
        """Call a segment by a name, whatever training calls it.

        Args:
            segment_id: its id.
            name: None: what training calls it, again.
            at: now.
        """
        table = SegmentNameTable
        with self._scope.writing() as connection:
            if name is None:
                mine = table.segment_id == segment_id
                connection.execute(self._scope.delete(table).where(mine))
            else:
                row = {"segment_id": segment_id, "name": name, "renamed_at": at}
                connection.upsert(table, [row])
            connection.audit("segment.renamed", segment_id, at=at, name=name)

    def members(
        self, segment_id: str, *, limit: int, after: str | None = None, at: Microseconds | None = None
    ) -> list[PredictionRow]:
        """List who is in a segment by the latest prediction, by contact id, without who is held out now.

        Args:
            segment_id: its id.
            limit: at most so many; fewer only at the end.
            after: contact id of the last row seen.
            at: now; None: when somebody acts.
        """
        held = HeldOut.of(self._scope, at=at)
        kept: list[PredictionRow] = []
        while True:
            rows = self._read_members(segment_id, limit=limit, after=after)
            kept += held.listed(rows, by_segment=True)
            if len(rows) < limit or len(kept) >= limit:
                return kept[:limit]
            after = rows[-1].contact_id

    def _read_members(self, segment_id: str, *, limit: int, after: str | None) -> list[PredictionRow]:
        table = LatestPredictionTable
        statement = (
            self._scope.select(*COLUMNS).where(table.segment == segment_id).order_by(table.contact_id).limit(limit)
        )
        if after is not None:
            statement = statement.where(table.contact_id > after)
        with self._scope.reading_predictions() as connection:
            return [PredictionRow(*row) for row in connection.execute(statement)]


def _names(_: bool) -> SelectBase:
    return select_by_parameter(SegmentNameTable.segment_id, SegmentNameTable.name)


_NAMES = Prepared(_names)

"""The ranked list: the latest predictions in order, and who of them has reached the outcome since."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select

from shared.contracts.outcome import Flag
from shared.contracts.rows import Microseconds
from shared.store.facts import facts_of
from shared.store.prediction_tables import LatestPredictionTable
from shared.store.rows import PredictionRow
from shared.store.scope import BATCH, Scope, batches
from shared.store.tables import EventTable

Place = tuple[int | None, str]
"""Score and contact id of the last row seen."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of an account's latest predictions are listed."""

    capability: str
    outcome: str
    """Its name, "" where the capability has none."""
    status: str = "ok"
    ranked: bool = True
    """By score, then contact id; False: by contact id, for predictions without a score."""
    ascending: bool = False
    """Lowest score first."""
    band: str | None = None
    min_score: int | None = None
    segment: str | None = None
    """Only contacts whose latest segment it is."""
    updated_since: Microseconds | None = None
    """Only what was asked at this instant or later."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What tells that a contact has reached an outcome after it was predicted."""

    types: Sequence[str] = field(default_factory=tuple)
    reopened_by: Sequence[str] = field(default_factory=tuple)
    """Types that open the question again."""
    flag: Flag | None = None


class Ranking(Scope):
    """The latest predictions of one account as a list."""

    def latest_predictions(
        self, capability: str, outcome: str, *, limit: int, band: str | None = None, after: Place | None = None
    ) -> list[PredictionRow]:
        """List the predictions with a score, highest first."""
        return self.listed_predictions(Wanted(capability, outcome, band=band), limit=limit, after=after)

    def listed_predictions(self, wanted: Wanted, *, limit: int, after: Place | None = None) -> list[PredictionRow]:
        """List contacts' latest predictions; equal scores are ordered by contact id.

        Args:
            wanted: which, and in which order.
            limit: at most so many.
            after: where the page before ended.
        """
        table = LatestPredictionTable
        listed = self._wanted(wanted)
        score: tuple[Any, ...] = ()
        if wanted.ranked:
            score = (table.score if wanted.ascending else table.score.desc(),)
        statement = _rows().where(*listed).order_by(*score, table.contact_id).limit(limit)
        if after is not None:
            statement = statement.where(*_beyond(after, wanted))
        with self._predictions.reading() as connection:
            return [PredictionRow(*row) for row in connection.execute(statement)]

    def statuses(self, capability: str, outcome: str) -> dict[str, int]:
        """Count the latest predictions of a question by status; reads all of them."""
        table = LatestPredictionTable
        statement = select(table.status, func.count()).where(*self._question(capability, outcome))
        with self._predictions.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(statement.group_by(table.status))}

    def reached_since(self, rows: Sequence[PredictionRow], ending: Ending) -> set[str]:
        """Find the contacts that have reached the outcome, though their latest prediction does not know it yet.

        Args:
            rows: of one question, any number; two indexed reads a thousand.
            ending: what tells it; a machine's event does not.
        """
        reached = set[str]()
        for part in batches(rows, BATCH):
            if ending.types:
                reached |= self._ended(part, ending)
            if ending.flag is not None:
                reached |= self._flagged([row.contact_id for row in part], ending.flag)
        return reached

    def _ended(self, rows: Sequence[PredictionRow], ending: Ending) -> set[str]:
        known = {row.contact_id: row for row in rows}
        event = EventTable
        statement = select(event.contact_id, event.type, event.occurred_at, event.recorded_at).where(
            event.account_id == self.account,
            event.contact_id.in_(list(known)),
            event.type.in_([*ending.types, *ending.reopened_by]),
            or_(event.human.is_(None), event.human != 0),
        )
        ended: dict[str, Microseconds] = {}
        begun: dict[str, Microseconds] = {}
        with self._reading() as connection:
            for contact_id, type_, at, recorded_at in connection.execute(statement):
                row = known[contact_id]
                if type_ not in ending.types:
                    begun[contact_id] = max(at, begun.get(contact_id, at))
                elif at >= row.cutoff or recorded_at > row.asked_at:  # the prediction knew of all others
                    ended[contact_id] = max(at, ended.get(contact_id, at))
        return {contact_id for contact_id, at in ended.items() if begun.get(contact_id, at) <= at}

    def _flagged(self, contact_ids: Sequence[str], flag: Flag) -> set[str]:
        with self._reading() as connection:
            facts = facts_of(connection, self.account, contact_ids)
        return {contact_id for contact_id, one in facts.items() if flag.holds(one.attributes)}

    def _question(self, capability: str, outcome: str) -> tuple[ColumnElement[bool], ...]:
        table = LatestPredictionTable
        return (table.account_id == self.account, table.capability == capability, table.outcome == outcome)

    def _wanted(self, wanted: Wanted) -> list[ColumnElement[bool]]:
        table = LatestPredictionTable
        listed = [*self._question(wanted.capability, wanted.outcome), table.status == wanted.status]
        listed.append(table.score.is_not(None) if wanted.ranked else table.score.is_(None))
        if wanted.band is not None:
            listed.append(table.band == wanted.band)
        if wanted.min_score is not None:
            listed.append(table.score >= wanted.min_score)
        if wanted.updated_since is not None:
            listed.append(table.asked_at >= wanted.updated_since)
        if wanted.segment is not None:
            theirs = LatestPredictionTable.__table__.alias()
            members = select(theirs.c.contact_id).where(
                theirs.c.account_id == self.account, theirs.c.segment == wanted.segment
            )
            listed.append(table.contact_id.in_(members))
        return listed


def _beyond(after: Place, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    table = LatestPredictionTable
    score, contact_id = after
    if not wanted.ranked or score is None:
        return (table.contact_id > contact_id,)
    beyond, least = (
        (table.score > score, table.score >= score) if wanted.ascending else (table.score < score, table.score <= score)
    )
    return (least, or_(beyond, table.contact_id > contact_id))


def _rows() -> Select[Any]:
    columns = LatestPredictionTable.__table__.c
    return select(*(columns[name] for name in PredictionRow._fields))

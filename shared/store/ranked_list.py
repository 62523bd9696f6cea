"""The latest predictions as a list: by score, then probability, or by contact id where there is no score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_

from shared.contracts.rows import Microseconds
from shared.store.prediction_tables import COLUMNS, LatestPredictionTable, PredictionRow
from shared.store.scope import AccountConnection, AnySelect


class ListPlace(NamedTuple):
    """Where a row lies in the list."""

    score: int | None
    probability: float | None
    contact_id: str


def place_of(row: PredictionRow) -> ListPlace:
    """Return where a row lies."""
    return ListPlace(row.score, row.probability, row.contact_id)


@dataclass(frozen=True, slots=True)
class PredictionFilter:
    """Which of an account's latest predictions are listed."""

    capability: str
    outcome: str
    """Its name, "" where the capability has none."""
    status: str = "ok"
    ranked: bool = True
    """By score, then probability, then contact id; False: by contact id, for predictions without a score."""
    ascending: bool = False
    """Lowest score first."""
    band: str | None = None
    min_score: int | None = None
    segment: str | None = None
    """Only contacts whose latest segment it is."""
    updated_since: Microseconds | None = None
    """Only what was asked at this instant or later."""


def question(capability: str, outcome: str) -> tuple[ColumnElement[bool], ...]:
    """Say that a latest prediction is about a question."""
    table = LatestPredictionTable
    return (table.capability == capability, table.outcome == outcome)


def read_rows(
    connection: AccountConnection, wanted: PredictionFilter, *, limit: int, after: ListPlace | None
) -> list[PredictionRow]:
    """Read rows of the list.

    Their places come from the index first: it knows all that is asked, and who does not fit costs no row.

    Args:
        connection: of the predictions.
        wanted: which, and in which order.
        limit: at most so many.
        after: where the part before ended.
    """
    table, places = LatestPredictionTable, _chosen(connection, wanted, limit=limit, after=after).subquery()
    statement = (
        connection.select(*COLUMNS, of=table)
        .join(places, table.contact_id == places.c.contact_id)
        .where(*question(wanted.capability, wanted.outcome))
        .order_by(*_order(wanted))
    )
    return [PredictionRow(*row) for row in connection.execute(statement)]


def read_rows_at(
    connection: AccountConnection, wanted: PredictionFilter, places: Sequence[ListPlace]
) -> list[PredictionRow]:
    """Read the rows at places of the list, in their order; one that fits no longer is left out."""
    table = LatestPredictionTable
    ids = [place.contact_id for place in places]
    mine = (*question(wanted.capability, wanted.outcome), table.contact_id.in_(ids), table.status == wanted.status)
    found = {
        row.contact_id: PredictionRow(*row) for row in connection.execute(connection.select(*COLUMNS).where(*mine))
    }
    return [found[contact_id] for contact_id in ids if contact_id in found]


def read_places(
    connection: AccountConnection, wanted: PredictionFilter, *, limit: int, after: ListPlace | None
) -> list[ListPlace]:
    """Read where rows lie, without what they hold."""
    return [ListPlace(*row) for row in connection.execute(_chosen(connection, wanted, limit=limit, after=after))]


def count_rows(connection: AccountConnection, wanted: PredictionFilter) -> int:
    """Count the rows of the list, in the index alone."""
    fits = connection.select(func.count(), of=LatestPredictionTable).where(*_fits(connection, wanted))
    return int(connection.scalar(fits))


def _chosen(
    connection: AccountConnection, wanted: PredictionFilter, *, limit: int, after: ListPlace | None
) -> AnySelect:
    table = LatestPredictionTable
    statement = connection.select(table.score, table.probability, table.contact_id).where(*_fits(connection, wanted))
    if after is not None:
        statement = statement.where(*_beyond(after, wanted))
    return statement.order_by(*_order(wanted)).limit(limit)


def _order(wanted: PredictionFilter) -> tuple[Any, ...]:
    table = LatestPredictionTable
    if not wanted.ranked:
        # Who has no prediction has no probability either: named here, it leads to the index, in whose order they lie.
        return (table.contact_id,) if wanted.status == "ok" else (table.probability, table.contact_id)
    if wanted.ascending:
        return (table.score, table.probability.asc().nulls_first(), table.contact_id)
    return (table.score.desc(), table.probability.desc().nulls_last(), table.contact_id)


def _fits(connection: AccountConnection, wanted: PredictionFilter) -> list[ColumnElement[bool]]:
    table = LatestPredictionTable
    fits = [*question(wanted.capability, wanted.outcome), table.status == wanted.status]
    fits.append(table.score.is_not(None) if wanted.ranked else table.score.is_(None))
    if not wanted.ranked and wanted.status != "ok":
        # Nobody without an answer has a probability; said here, the index gives them in the order of their ids.
        fits.append(table.probability.is_(None))
    if wanted.band is not None:
        fits.append(table.band == wanted.band)
    if wanted.min_score is not None:
        fits.append(table.score >= wanted.min_score)
    if wanted.updated_since is not None:
        fits.append(table.asked_at >= wanted.updated_since)
    if wanted.segment is not None:
        theirs = LatestPredictionTable.__table__.alias()
        members = connection.select(theirs.c.contact_id).where(theirs.c.segment == wanted.segment)
        fits.append(table.contact_id.in_(members))
    return fits


def _beyond(after: ListPlace, wanted: PredictionFilter) -> tuple[ColumnElement[bool], ...]:
    table = LatestPredictionTable
    score, probability, contact_id = after
    if not wanted.ranked or score is None:
        return (table.contact_id > contact_id,)
    beyond, least = (
        (table.score > score, table.score >= score) if wanted.ascending else (table.score < score, table.score <= score)
    )
    same_score = and_(table.score == score, _later(probability, contact_id, ascending=wanted.ascending))
    return (least, or_(beyond, same_score))


def _later(probability: float | None, contact_id: str, *, ascending: bool) -> ColumnElement[bool]:
    """Say what comes after a place among equal scores: who has no probability is the lowest."""
    table = LatestPredictionTable
    if probability is None:
        same = and_(table.probability.is_(None), table.contact_id > contact_id)
        return or_(same, table.probability.is_not(None)) if ascending else same
    same = and_(table.probability == probability, table.contact_id > contact_id)
    if ascending:
        return or_(table.probability > probability, same)
    return or_(table.probability < probability, table.probability.is_(None), same)

"""Predictions of an account: the log, the latest of each contact, and these as a ranked list."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, SelectBase, bindparam, func, or_, tuple_

from shared.contracts.outcome import Flag
from shared.contracts.prediction import Prediction
from shared.contracts.rows import DAY, HOUR, Microseconds, whole_weeks
from shared.errors import StoreUnavailable
from shared.store.driver import AccountSession, Prepared, Rows, Values
from shared.store.events import EventTable
from shared.store.held_out import HeldOut
from shared.store.model_tables import ShadowPredictionTable
from shared.store.pasts import PastsWanted, facts_of, perhaps_erased_now, read_pasts
from shared.store.prediction_tables import (
    COLUMNS,
    LATEST_FIELDS,
    LOGGED_WEEK,
    AnswerCount,
    AnswerCountTable,
    LatestPredictionTable,
    PredictionLogTable,
    PredictionRow,
)
from shared.store.ranked_list import (
    ListPlace,
    PredictionFilter,
    count_rows,
    place_of,
    question,
    read_places,
    read_rows,
    read_rows_at,
)
from shared.store.scope import (
    BATCH,
    IDS,
    Insert,
    Scope,
    among_ids,
    batches,
    in_line,
    insert_of,
    predictions_of,
    select_by_parameter,
    upsert_of,
)
from shared.timeline import PastRows


class RequestReads(NamedTuple):
    """What a call reads of its contacts."""

    rows: PastRows
    """Facts and events."""
    erasures: int
    """The account's count of erasures in the same snapshot: what `log` takes as `since`."""
    newest_event_at: Microseconds | None
    """Of the account, in the same snapshot."""
    past_scores: dict[str, int]
    """By contact what was logged for the cutoff nearest to the instant asked about, at most 7 days from it."""


NEAR_DAYS = 7
"""How far a stored score may lie from the instant for which a past score is wanted."""


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


@dataclass(frozen=True, slots=True)
class ReachedBy:
    """What tells that a contact has reached an outcome after it was predicted."""

    types: Sequence[str] = field(default_factory=tuple)
    reopened_by: Sequence[str] = field(default_factory=tuple)
    """Types that open the question again."""
    flag: Flag | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of one account."""

    _scope: Scope

    def log(self, rows: Sequence[PredictionRow], *, since: int | None = None) -> int:
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
        with self._scope.direct_predictions.writing() as session:
            if not self._scope.predictions.is_sqlite:
                session.read(_IN_LINE, {"line": predictions_of(self._scope.account)})
            erased = perhaps_erased_now(self._scope.direct, [row.contact_id for row in rows], since=since)
            kept = sorted((row for row in rows if row.contact_id not in erased), key=_written_order)
            latest = {(row.contact_id, row.capability, row.outcome): row for row in kept}
            session.write(_LOG, PredictionRow._fields, kept)
            session.write(_KEEP, PredictionRow._fields, list(latest.values()))
            _count_answers(session, kept)
        return len(rows) - len(kept)

    @property
    def counts(self) -> AnswerCounts:
        """Return how many there were in each hour."""
        return AnswerCounts(self._scope)

    def of_contact(self, contact_id: str) -> list[PredictionRow]:
        """List a contact's latest predictions, by capability and outcome; of one that is held out nothing but that."""
        table = LatestPredictionTable
        statement = (
            self._scope.select(*COLUMNS).where(table.contact_id == contact_id).order_by(table.capability, table.outcome)
        )
        with self._scope.reading_predictions() as connection:
            rows = [PredictionRow(*row) for row in connection.execute(statement)]
        held = HeldOut.of(self._scope)
        return [_withheld(row, held) for row in rows]

    def latest_of(
        self, capability: str, outcome: str, contact_ids: Sequence[str]
    ) -> dict[str, tuple[Microseconds, str]]:
        """Return the cutoff and the body of the latest prediction about contacts; those never asked about are missing.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            contact_ids: whose.
        """
        values = {"capability": capability, "outcome": outcome, IDS: contact_ids}
        (found,) = self._scope.direct_predictions.read((_LATEST, values))
        return {contact_id: (cutoff, body) for contact_id, cutoff, body in found}

    def latest_groups(self, contact_ids: Sequence[str]) -> dict[str, list[tuple[str, str, str | None, str | None]]]:
        """Return where the latest predictions about contacts have put them, in one statement.

        Args:
            contact_ids: whose.

        Returns:
            By contact: capability, outcome, band and segment of each; who has neither, or is held out now, is missing.
        """
        (found,) = self._scope.direct_predictions.read((_LATEST_GROUPS, {IDS: contact_ids, "status": "ok"}))
        held, listed = HeldOut.of(self._scope), dict[str, list[tuple[str, str, str | None, str | None]]]()
        for contact_id, capability, outcome, band, segment in found:
            if not (held.holdouts and held.about(capability, outcome).holds(contact_id)):
                listed.setdefault(contact_id, []).append((capability, outcome, band, segment))
        return listed

    def request_reads(
        self, capability: str, outcome: str, wanted: PastsWanted, *, around: Microseconds
    ) -> RequestReads:
        """Read all that a call needs of its contacts: one round trip, and one more where predictions lie apart.

        Args:
            capability: a line of the capability table.
            outcome: its name, "" where the capability has none.
            wanted: the contacts, each once, and how much of their pasts.
            around: the instant of which past scores are wanted.

        Raises:
            StoreUnavailable: the pasts could not be read; without past scores the rest is answered.
        """
        scores = _scores_around(capability, outcome, wanted.contact_ids, around)
        if self._scope.predictions is self._scope.store and self._scope.open is None:
            *found, scored = self._scope.direct.read(*wanted.calls(), scores)
            return RequestReads(*wanted.read_from(found), _nearest(scored, around))
        read = read_pasts(self._scope.direct, wanted)
        try:
            (scored,) = self._scope.direct_predictions.read(scores)
        except StoreUnavailable:
            scored = []
        return RequestReads(*read, _nearest(scored, around))

    def first_probabilities(
        self, capability: str, outcome: str, window: tuple[Microseconds, Microseconds]
    ) -> Iterator[Sequence[tuple[str, float | None]]]:
        """Stream of each answer about a question the contact and the probability, told or withheld, the first first.

        For reports alone, which say nothing of a single contact.

        Args:
            capability: a line of the capability table.
            outcome: its name; empty: all outcomes.
            window: asked from the first instant on and before the second.
        """
        table = PredictionLogTable
        known = func.coalesce(table.probability, table.withheld_probability)
        statement = self._scope.select(table.contact_id, known).where(
            table.capability == capability,
            table.asked_at >= window[0],
            table.asked_at < window[1],
            table.status.in_(("ok", "control")),
        )
        if outcome:
            statement = statement.where(table.outcome == outcome)
        with self._scope.reading_predictions() as connection:
            for part in connection.stream(statement.order_by(table.asked_at), BATCH).partitions():
                yield [(row[0], row[1]) for row in part]

    def forget_latest(self, contact_ids: Sequence[str]) -> None:
        """Delete the latest predictions of contacts that are no more; what was answered once stays in the log.

        What versions answered unseen goes too: whether their outcomes came is not known any more.
        """
        for part in batches(sorted(set(contact_ids))):
            with self._scope.writing_predictions() as connection:
                for table in (LatestPredictionTable, ShadowPredictionTable):
                    connection.execute(self._scope.delete(table).where(table.contact_id.in_(part)))

    def delete_before(self, at: Microseconds, *, limit: int = 5_000) -> int:
        """Delete at most `limit` logged predictions asked before an instant; the latest of each contact stays.

        Returns:
            How many were deleted.
        """
        table = PredictionLogTable
        key = tuple_(*table.__table__.primary_key)
        old = (
            self._scope.select(*table.__table__.primary_key)
            .where(table.asked_at < at)
            .order_by(table.asked_at)
            .limit(limit)
        )
        with self._scope.writing_predictions() as connection:
            return connection.execute(self._scope.delete(table).where(key.in_(old))).rowcount

    def ranked(
        self, capability: str, outcome: str, *, limit: int, band: str | None = None, after: ListPlace | None = None
    ) -> list[PredictionRow]:
        """List the predictions with a score, highest first."""
        return self.page(PredictionFilter(capability, outcome, band=band), limit=limit, after=after)

    def page(self, wanted: PredictionFilter, *, limit: int, after: ListPlace | None = None) -> list[PredictionRow]:
        """List contacts' latest predictions; equal scores are ordered by probability, then contact id.

        Who is held out now is not listed, also where the prediction is older than the holdout.

        Args:
            wanted: which, and in which order.
            limit: at most so many; fewer only at the end.
            after: where the page before ended.
        """
        held = HeldOut.of(self._scope)
        kept: list[PredictionRow] = []
        while True:
            with self._scope.reading_predictions() as connection:
                rows = read_rows(connection, wanted, limit=limit, after=after)
            kept += held.listed(rows, by_segment=wanted.segment is not None)
            if len(rows) < limit or len(kept) >= limit:
                return kept[:limit]
            after = place_of(rows[-1])

    def places(self, wanted: PredictionFilter, *, limit: int, after: ListPlace | None = None) -> list[ListPlace]:
        """List where contacts lie in the list, a tenth of what their predictions cost; who is held out is among them.

        Args:
            wanted: which, and in which order.
            limit: at most so many; fewer only at the end.
            after: where the part before ended.
        """
        with self._scope.reading_predictions() as connection:
            return read_places(connection, wanted, limit=limit, after=after)

    def at(self, wanted: PredictionFilter, places: Sequence[ListPlace]) -> list[PredictionRow]:
        """List the predictions at places of the list, at most BATCH, in their order; as `page` does."""
        with self._scope.reading_predictions() as connection:
            rows = read_rows_at(connection, wanted, places)
        return HeldOut.of(self._scope).listed(rows, by_segment=wanted.segment is not None)

    def count(self, wanted: PredictionFilter) -> int:
        """Count the predictions of the list as they are stored: also about who was held out since."""
        with self._scope.reading_predictions() as connection:
            return count_rows(connection, wanted)

    def statuses(self, capability: str, outcome: str) -> dict[str, int]:
        """Count the latest predictions of a question by status, held out as `control`; reads all of them."""
        return self._counts(LatestPredictionTable.status, capability, outcome, hidden="control")

    def score_counts(self, capability: str, outcome: str, version: str) -> dict[int, int]:
        """Count the contacts at each score by the latest predictions of one version, as they are listed."""
        table = LatestPredictionTable
        mine = (table.version == version, table.status == "ok", table.score.is_not(None))
        counts = self._counts(table.score, capability, outcome, *mine, hidden=None)
        counts.pop(None, None)
        return counts

    def _counts(
        self, of: Any, capability: str, outcome: str, *mine: ColumnElement[bool], hidden: str | None
    ) -> dict[Any, int]:
        """Count latest predictions by a column; those about who is held out now count as `hidden`."""
        table, held = LatestPredictionTable, HeldOut.of(self._scope).about(capability, outcome)
        where, counts = (*question(capability, outcome), *mine), Counter[Any]()
        with self._scope.reading_predictions() as connection:
            if not held.holdouts:
                grouped = self._scope.select(of, func.count()).where(*where).group_by(of)
                return {row[0]: row[1] for row in connection.execute(grouped)}
            every = self._scope.select(of, table.status, table.contact_id).where(*where)
            for part in connection.stream(every, BATCH).partitions():
                counts.update(hidden if row[1] == "ok" and held.holds(row[2]) else row[0] for row in part)
        return dict(counts)

    def reached_since(self, rows: Sequence[PredictionRow], ending: ReachedBy) -> set[str]:
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

    def _ended(self, rows: Sequence[PredictionRow], ending: ReachedBy) -> set[str]:
        known = {row.contact_id: row for row in rows}
        event = EventTable
        statement = self._scope.select(event.contact_id, event.type, event.occurred_at, event.recorded_at).where(
            event.contact_id.in_(list(known)),
            event.type.in_([*ending.types, *ending.reopened_by]),
            or_(event.human.is_(None), event.human != 0),
        )
        ended: dict[str, Microseconds] = {}
        begun: dict[str, Microseconds] = {}
        with self._scope.reading() as connection:
            for contact_id, type_, at, recorded_at in connection.execute(statement):
                row = known[contact_id]
                if type_ not in ending.types:
                    begun[contact_id] = max(at, begun.get(contact_id, at))
                elif at >= row.cutoff or recorded_at > row.asked_at:  # the prediction knew of all others
                    ended[contact_id] = max(at, ended.get(contact_id, at))
        return {contact_id for contact_id, at in ended.items() if begun.get(contact_id, at) <= at}

    def _flagged(self, contact_ids: Sequence[str], flag: Flag) -> set[str]:
        with self._scope.reading() as connection:
            facts = facts_of(connection, contact_ids)
        return {contact_id for contact_id, one in facts.items() if flag.holds(one.attributes)}


def _count_answers(session: AccountSession, rows: Iterable[PredictionRow]) -> None:
    """Add predictions to their hours; the last thing of a transaction, since all that log meet here."""
    counted = Counter((row.asked_at - row.asked_at % HOUR, row.capability, row.status) for row in rows)
    session.write(_COUNT, AnswerCount._fields, [(*key, counted[key]) for key in sorted(counted)])


def _scores(sqlite: bool) -> SelectBase:
    table = PredictionLogTable
    return select_by_parameter(table.contact_id, table.cutoff, table.asked_at, table.score).where(
        among_ids(table.contact_id, sqlite=sqlite),
        table.capability == bindparam("capability"),
        table.outcome == bindparam("outcome"),
        LOGGED_WEEK.in_([bindparam(name) for name in _WEEKS]),
        table.cutoff.between(bindparam("earliest"), bindparam("latest")),
    )


def _latest(sqlite: bool) -> SelectBase:
    table = LatestPredictionTable
    return select_by_parameter(table.contact_id, table.cutoff, table.body).where(
        among_ids(table.contact_id, sqlite=sqlite),
        table.capability == bindparam("capability"),
        table.outcome == bindparam("outcome"),
    )


def _latest_groups(sqlite: bool) -> SelectBase:
    table = LatestPredictionTable
    return select_by_parameter(table.contact_id, table.capability, table.outcome, table.band, table.segment).where(
        among_ids(table.contact_id, sqlite=sqlite),
        table.status == bindparam("status"),
        or_(table.band.is_not(None), table.segment.is_not(None)),
    )


def _kept(sqlite: bool) -> Insert:
    return upsert_of(LatestPredictionTable, LATEST_FIELDS, newer=("cutoff", "asked_at"), sqlite=sqlite)


_NAMES = ("account_id", *PredictionRow._fields)
_WEEKS = ("first_week", "second_week", "third_week")
"""All that lie at most NEAR_DAYS from an instant."""
_SCORES, _LATEST, _LATEST_GROUPS = Prepared(_scores), Prepared(_latest), Prepared(_latest_groups)
_LOG = Prepared(lambda sqlite: insert_of(PredictionLogTable, sqlite=sqlite).on_conflict_do_nothing(), columns=_NAMES)
_COUNT = Prepared(
    lambda sqlite: upsert_of(AnswerCountTable, AnswerCount._fields, sums=("answers",), sqlite=sqlite),
    columns=("account_id", *AnswerCount._fields),
)
_KEEP = Prepared(_kept, columns=("account_id", *LATEST_FIELDS))
_IN_LINE = Prepared(lambda _: in_line(bindparam("line"), alone=False))
_written_order = attrgetter("contact_id", "capability", "outcome", "cutoff", "asked_at")
"""In the order of the keys, so that neighbours are written together; of one key the latest request comes last."""


def _scores_around(
    capability: str, outcome: str, contact_ids: Collection[str], around: Microseconds
) -> tuple[Prepared, Values]:
    near = {"earliest": around - NEAR_DAYS * DAY, "latest": around + NEAR_DAYS * DAY}
    weeks = {name: whole_weeks(near["earliest"]) + number for number, name in enumerate(_WEEKS)}
    return _SCORES, {"capability": capability, "outcome": outcome, IDS: contact_ids, **near, **weeks}


def _nearest(rows: Rows, around: Microseconds) -> dict[str, int]:
    nearest: dict[str, tuple[int, int, int]] = {}
    for contact_id, cutoff, asked_at, score in rows:
        if score is not None:
            candidate = (abs(cutoff - around), -asked_at, score)
            nearest[contact_id] = min(candidate, nearest.get(contact_id, candidate))
    return {contact_id: score for contact_id, (_, _, score) in nearest.items()}


def _withheld(row: PredictionRow, held: HeldOut) -> PredictionRow:
    """Put `control` in the place of a prediction about somebody who is held out."""
    holdout = held.holdout_of(row)
    if holdout is None or row.status != "ok":
        return row
    body = Prediction(contact_id=row.contact_id, status="control", detail=holdout.detail).wire({}).decode()
    row = row._replace(status="control", body=body, probability=None, score=None)
    return row._replace(band=None, source=None, segment=None)

"""The tables of predictions: the log, and the latest of each contact."""

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Index, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import WEEK, Microseconds
from shared.store.schema import CLUSTERED, Instant, KeyText, LongText, OptionalKeyText, PredictionTable

_LISTED = (
    *("account_id", "capability", "outcome", "score", "probability", "contact_id"),
    *("status", "band", "asked_at", "version"),
)
"""In the order of the list, and all that it is filtered and counted by: what is left out is passed by in the index."""


_HAS_SEGMENT = text("segment IS NOT NULL")


class PredictionLogTable(PredictionTable):
    """Every prediction that was answered, in the order of time: a call writes whole pages, one after the other.

    Past scores have an index by week, since one by contact would touch a page for each contact that is asked about.
    """

    __tablename__ = "prediction_log"

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    asked_at: Mapped[Instant] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    request_id: Mapped[KeyText] = mapped_column(primary_key=True)
    cutoff: Mapped[Instant] = mapped_column(primary_key=True)
    version: Mapped[str]
    status: Mapped[str]
    probability: Mapped[float | None]
    score: Mapped[int | None]
    band: Mapped[str | None]
    source: Mapped[str | None]
    body: Mapped[LongText]
    segment: Mapped[OptionalKeyText]
    """Id of the segment that the prediction tells, where the capability has segments."""
    withheld_probability: Mapped[float | None]
    """Of a contact that is held out (status `control`); reports, live quality and the person's own export read it."""


LOGGED_WEEK: ColumnElement[int] = PredictionLogTable.cutoff // literal_column(str(WEEK), BigInteger)
"""Of the cutoff, as the index has it; of an instant, `whole_weeks` counts the same."""


Index(
    "ix_prediction_log_past",
    *(PredictionLogTable.account_id, PredictionLogTable.capability, PredictionLogTable.outcome, LOGGED_WEEK),
    *(PredictionLogTable.contact_id, PredictionLogTable.cutoff, PredictionLogTable.asked_at, PredictionLogTable.score),
)


class LatestPredictionTable(PredictionTable):
    """The newest prediction of each contact, kept whatever the retention of the log; a row is written over in place."""

    __tablename__ = "latest_predictions"
    __table_args__: Any = (
        Index("ix_latest_predictions_listed", *_LISTED),
        Index(
            "ix_latest_predictions_segment",
            *("account_id", "segment", "contact_id"),
            sqlite_where=_HAS_SEGMENT,
            postgresql_where=_HAS_SEGMENT,
        ),
    )

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[str]
    cutoff: Mapped[Instant]
    asked_at: Mapped[Instant]
    request_id: Mapped[KeyText]
    status: Mapped[str]
    probability: Mapped[float | None]
    score: Mapped[int | None]
    band: Mapped[str | None]
    source: Mapped[str | None]
    body: Mapped[LongText]
    segment: Mapped[OptionalKeyText]


class PredictionRow(NamedTuple):
    """A prediction as it was answered."""

    contact_id: str
    capability: str
    outcome: str
    version: str
    cutoff: Microseconds
    asked_at: Microseconds
    request_id: str
    status: str
    probability: float | None
    score: int | None
    band: str | None
    source: str | None
    body: str
    """The prediction as it was sent, JSON."""
    segment: str | None = None
    """Id of the segment that it tells; None where the capability has none."""
    withheld_probability: float | None = None
    """Of a contact that is held out; kept in the log alone, and never read back as part of a row."""


LATEST_FIELDS = PredictionRow._fields[:-1]
"""What is kept as a contact's latest prediction: nothing of what is withheld."""
COLUMNS = tuple(LatestPredictionTable.__table__.c[name] for name in LATEST_FIELDS)


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

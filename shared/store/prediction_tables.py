"""The tables of the predictions database, apart from the store so that its writer never waits for this one."""

from typing import Any, NamedTuple

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.rows import Microseconds
from shared.store.schema import CLUSTERED, Instant, KeyText, LongText, OptionalKeyText, PredictionTable


class PredictionLogTable(PredictionTable):
    """Every prediction that was answered; clustered so that a contact's past scores are one seek."""

    __tablename__ = "prediction_log"
    __table_args__: Any = (Index(None, "account_id", "asked_at"), CLUSTERED)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    cutoff: Mapped[Instant] = mapped_column(primary_key=True)
    asked_at: Mapped[Instant] = mapped_column(primary_key=True)
    request_id: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[str]
    status: Mapped[str]
    probability: Mapped[float | None]
    score: Mapped[int | None]
    band: Mapped[str | None]
    source: Mapped[str | None]
    body: Mapped[LongText]
    segment: Mapped[OptionalKeyText]
    """Id of the segment that the prediction tells, where the capability has segments."""


class LatestPredictionTable(PredictionTable):
    """The newest prediction of each contact, kept whatever the retention of the log."""

    __tablename__ = "latest_predictions"
    __table_args__: Any = (
        Index("ix_latest_predictions_ranked", "account_id", "capability", "outcome", "score", "contact_id"),
        Index("ix_latest_predictions_segment", "account_id", "segment", "contact_id"),
        CLUSTERED,
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

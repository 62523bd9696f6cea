"""Tables of models: the catalogue, what answers, what answers beside it, unseen, and what both answered."""

from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.store.schema import (
    CLUSTERED,
    KEY_TEXT,
    Instant,
    KeyText,
    LongText,
    OptionalKeyText,
    OptionalLongText,
    PredictionTable,
    StoreTable,
)


class ChampionTable(StoreTable):
    """Which version answers: the one place that decides it."""

    __tablename__ = "champions"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[str]
    digest: Mapped[str]
    promoted_at: Mapped[Instant]
    previous_version: Mapped[str | None]
    previous_digest: Mapped[str | None]


class PromotionTable(StoreTable):
    """Every promotion and rollback, in order."""

    __tablename__ = "promotions"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    promoted_at: Mapped[Instant]
    version: Mapped[str]
    digest: Mapped[str]
    replaced_version: Mapped[OptionalKeyText]
    reason: Mapped[LongText]


class VersionTable(StoreTable):
    """The catalogue: what was trained, with figures and report, readable without the registry."""

    __tablename__ = "versions"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[KeyText] = mapped_column(primary_key=True)
    digest: Mapped[str]
    kind: Mapped[str]
    grade: Mapped[str]
    trained_at: Mapped[Instant]
    horizon_days: Mapped[int | None]
    run_id: Mapped[str]
    figures: Mapped[LongText]
    report: Mapped[LongText]
    card: Mapped[LongText]
    input_drift: Mapped[OptionalLongText]
    """Counted over the last round of scoring, JSON; None: not counted yet."""


class PlotTable(StoreTable):
    """Pictures of a version's report."""

    __tablename__ = "plots"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[KeyText] = mapped_column(primary_key=True)
    name: Mapped[KeyText] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class ShadowTable(StoreTable):
    """Which version answers beside the champion, unseen, and what was found when both were compared."""

    __tablename__ = "shadows"

    account_id: Mapped[str] = mapped_column(KEY_TEXT, ForeignKey("accounts.name"), primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[str]
    digest: Mapped[str]
    share: Mapped[float]
    since: Mapped[Instant]
    comparison: Mapped[OptionalLongText]
    """JSON; None: not compared yet."""


class ShadowPredictionTable(PredictionTable):
    """What a shadowing version and the champion answered about the same contact; once a contact and day."""

    __tablename__ = "shadow_predictions"
    __table_args__: Any = (Index(None, "account_id", "asked_at"), CLUSTERED)

    account_id: Mapped[KeyText] = mapped_column(primary_key=True)
    capability: Mapped[KeyText] = mapped_column(primary_key=True)
    outcome: Mapped[KeyText] = mapped_column(primary_key=True)
    version: Mapped[KeyText] = mapped_column(primary_key=True)
    champion_version: Mapped[KeyText] = mapped_column(primary_key=True)
    contact_id: Mapped[KeyText] = mapped_column(primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the cutoff, since 1970."""
    cutoff: Mapped[Instant]
    asked_at: Mapped[Instant]
    status: Mapped[str]
    probability: Mapped[float | None]
    champion_probability: Mapped[float | None]
    band: Mapped[str | None]
    """Where the capability has segments, the segment."""
    champion_band: Mapped[str | None]

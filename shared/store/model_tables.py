"""Tables of models: which version answers, what was promoted when, what was registered."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from shared.store.schema import (
    KEY_TEXT,
    Instant,
    KeyText,
    LongText,
    OptionalKeyText,
    OptionalLongText,
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

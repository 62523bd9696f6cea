"""Tables of the versions that answer beside a champion, unseen, and of what both answered; and how a shadow ends."""

import json
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from shared.contracts.model_name import ModelName
from shared.contracts.rows import Microseconds
from shared.store.audit import record
from shared.store.schema import (
    CLUSTERED,
    KEY_TEXT,
    Instant,
    KeyText,
    OptionalLongText,
    PredictionTable,
    StoreTable,
)
from shared.store.scope import AccountConnection


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


def end_shadow(
    connection: AccountConnection,
    capability: str,
    outcome: str,
    *,
    at: Microseconds,
    reason: str,
    version: str | None = None,
) -> bool:
    """Let no version shadow a model any more, and log it with what was found.

    Args:
        connection: of the transaction.
        capability: of the model.
        outcome: its name, "" where the capability has none.
        at: now.
        reason: why, for people.
        version: only where it is this one; None: whichever it is.

    Returns:
        Whether one did.
    """
    table = ShadowTable
    mine = [table.capability == capability, table.outcome == outcome]
    if version is not None:
        mine.append(table.version == version)
    row = connection.execute(connection.select(table.version, table.comparison).where(*mine)).first()
    if row is None:
        return False
    connection.execute(connection.delete(table).where(*mine))
    found = {} if row.comparison is None else {"comparison": json.loads(row.comparison)}
    record(
        connection,
        "model.shadow_ended",
        ModelName(capability, outcome).text,
        at=at,
        version=row.version,
        reason=reason,
        **found,
    )
    return True

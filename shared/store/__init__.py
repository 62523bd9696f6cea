"""The only place that imports sqlalchemy and alembic; opened as `open_database(settings).of(account)`."""

from shared.store.account import AccountStore
from shared.store.bulk import BULK_ROWS
from shared.store.database import Database, open_database
from shared.store.identities import Identity
from shared.store.migration import check, downgrade, migrate
from shared.store.rows import (
    Account,
    AddedEvents,
    AnswerRow,
    AssignmentRow,
    AuditRow,
    BulkCounts,
    ChampionRow,
    DeadLetterRow,
    EventCount,
    EventTypeCount,
    KeyRow,
    PredictionRow,
    PromotionRow,
    SourceRow,
    SourceSecretRow,
    StoredContact,
    VersionRow,
)
from shared.store.sources import active_secrets

__all__ = [
    "BULK_ROWS",
    "Account",
    "AccountStore",
    "AddedEvents",
    "AnswerRow",
    "AssignmentRow",
    "AuditRow",
    "BulkCounts",
    "ChampionRow",
    "Database",
    "DeadLetterRow",
    "EventCount",
    "EventTypeCount",
    "Identity",
    "KeyRow",
    "PredictionRow",
    "PromotionRow",
    "SourceRow",
    "SourceSecretRow",
    "StoredContact",
    "VersionRow",
    "active_secrets",
    "check",
    "downgrade",
    "migrate",
    "open_database",
]

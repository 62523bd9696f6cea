"""The only place that imports sqlalchemy and alembic; opened as `open_database(settings).of(account)`."""

from shared.store.account import AccountStore
from shared.store.bulk import BULK_ROWS
from shared.store.database import Database, open_database
from shared.store.migration import check, downgrade, migrate
from shared.store.rows import (
    Account,
    AddedEvents,
    AnswerRow,
    AssignmentRow,
    AuditRow,
    BulkCounts,
    ChampionRow,
    EventCount,
    EventTypeCount,
    KeyRow,
    PredictionRow,
    PromotionRow,
    StoredContact,
    VersionRow,
)

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
    "EventCount",
    "EventTypeCount",
    "KeyRow",
    "PredictionRow",
    "PromotionRow",
    "StoredContact",
    "VersionRow",
    "check",
    "downgrade",
    "migrate",
    "open_database",
]

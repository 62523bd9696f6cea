"""The only place that imports sqlalchemy and alembic; opened as `open_database(settings).of(account)`."""

from shared.store.account import AccountStore
from shared.store.bulk import BULK_ROWS
from shared.store.database import Database, open_database
from shared.store.deliveries import ENDED
from shared.store.delivery_rows import (
    AttemptResult,
    AttemptRow,
    DeliveryRow,
    DeliveryState,
    DueDelivery,
    SecretRow,
    SubscriptionCounts,
    SubscriptionRow,
    SubscriptionState,
)
from shared.store.identities import Identity
from shared.store.migration import check, downgrade, is_migrated, migrate
from shared.store.pace import Pace
from shared.store.ranking import Ending, Place, Wanted
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
    "ENDED",
    "Account",
    "AccountStore",
    "AddedEvents",
    "AnswerRow",
    "AssignmentRow",
    "AttemptResult",
    "AttemptRow",
    "AuditRow",
    "BulkCounts",
    "ChampionRow",
    "Database",
    "DeadLetterRow",
    "DeliveryRow",
    "DeliveryState",
    "DueDelivery",
    "Ending",
    "EventCount",
    "EventTypeCount",
    "Identity",
    "KeyRow",
    "Pace",
    "Place",
    "PredictionRow",
    "PromotionRow",
    "SecretRow",
    "SourceRow",
    "SourceSecretRow",
    "StoredContact",
    "SubscriptionCounts",
    "SubscriptionRow",
    "SubscriptionState",
    "VersionRow",
    "Wanted",
    "active_secrets",
    "check",
    "downgrade",
    "is_migrated",
    "migrate",
    "open_database",
]

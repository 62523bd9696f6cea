"""The only place that imports sqlalchemy and alembic; opened as `open_database(settings).of(account)`.

An `AccountStore` has one attribute a subject: `store.contacts.put(...)`, `store.events.add(...)`.
"""

from shared.store.assignments import AssignmentRow
from shared.store.attribution import ReportLease, ReportRow, TouchRow
from shared.store.audit import AuditRow
from shared.store.batches import OPEN_STATES, BatchEnd, Batches, BatchPartRow, BatchRow, BatchState, FinishedPlan, Lease
from shared.store.bulk_pacing import BulkPacing
from shared.store.contacts import BulkCounts, StoredContact
from shared.store.data_report import AccountChanges, DailyCount, KeptReport
from shared.store.database import AccountStore, Database, open_database
from shared.store.dead_letters import DeadLetterRow
from shared.store.decisions import AddedDecisions, Choose, Held, Recent
from shared.store.deliveries import ENDED, Backlog
from shared.store.delivery_tables import (
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
from shared.store.events import BULK_ROWS, AddedEvents, EventCount, EventTypeUse
from shared.store.idempotency import IdempotencyRow
from shared.store.identities import Identity
from shared.store.import_tables import WORKED_ON, ImportLease, ImportLost, ImportRow, ImportState
from shared.store.item_list import ItemFilter, ItemPlace
from shared.store.item_tables import ItemCatalogue, ItemRow
from shared.store.items import BulkItems, ChangedItems
from shared.store.keys import KeyRow
from shared.store.message_variants import MessageChange, StoredMessage
from shared.store.migration import MigrationProgress, check, downgrade, is_migrated, migrate
from shared.store.model_commands import CommandKind, CommandLease, CommandState, ModelCommandRow, ModelCommands
from shared.store.models import ChampionRow, PromotionRow, VersionRow
from shared.store.pasts import ContactGroup, PastsWanted
from shared.store.prediction_tables import AnswerCount, PredictionRow
from shared.store.predictions import ReachedBy, RequestReads
from shared.store.quality import LoggedProbability
from shared.store.ranked_list import ListPlace, PredictionFilter, place_of
from shared.store.schema import Account
from shared.store.shadows import ShadowPrediction, ShadowRow
from shared.store.sources import SourceRow, SourceSecretRow, active_secrets

__all__ = [
    "BULK_ROWS",
    "ENDED",
    "OPEN_STATES",
    "WORKED_ON",
    "Account",
    "AccountChanges",
    "AccountStore",
    "AddedDecisions",
    "AddedEvents",
    "AnswerCount",
    "AssignmentRow",
    "AttemptResult",
    "AttemptRow",
    "AuditRow",
    "Backlog",
    "BatchEnd",
    "BatchPartRow",
    "BatchRow",
    "BatchState",
    "Batches",
    "BulkCounts",
    "BulkItems",
    "BulkPacing",
    "ChampionRow",
    "ChangedItems",
    "Choose",
    "CommandKind",
    "CommandLease",
    "CommandState",
    "ContactGroup",
    "DailyCount",
    "Database",
    "DeadLetterRow",
    "DeliveryRow",
    "DeliveryState",
    "DueDelivery",
    "EventCount",
    "EventTypeUse",
    "FinishedPlan",
    "Held",
    "IdempotencyRow",
    "Identity",
    "ImportLease",
    "ImportLost",
    "ImportRow",
    "ImportState",
    "ItemCatalogue",
    "ItemFilter",
    "ItemPlace",
    "ItemRow",
    "KeptReport",
    "KeyRow",
    "Lease",
    "ListPlace",
    "LoggedProbability",
    "MessageChange",
    "MigrationProgress",
    "ModelCommandRow",
    "ModelCommands",
    "PastsWanted",
    "PredictionFilter",
    "PredictionRow",
    "PromotionRow",
    "ReachedBy",
    "Recent",
    "ReportLease",
    "ReportRow",
    "RequestReads",
    "SecretRow",
    "ShadowPrediction",
    "ShadowRow",
    "SourceRow",
    "SourceSecretRow",
    "StoredContact",
    "StoredMessage",
    "SubscriptionCounts",
    "SubscriptionRow",
    "SubscriptionState",
    "TouchRow",
    "VersionRow",
    "active_secrets",
    "check",
    "downgrade",
    "is_migrated",
    "migrate",
    "open_database",
    "place_of",
]

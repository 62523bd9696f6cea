"""Rows from outside, from a request or a file, turned into the records that the store keeps."""

from shared.ingest.batch import Batch, Reject
from shared.ingest.facts import NOT_SCALAR
from shared.ingest.identity import email_hash, event_identity
from shared.ingest.plan import Findings, Plan, PlannedColumn, Use
from shared.ingest.planning import ColumnMissing, plan_file, subject_of
from shared.ingest.row_batches import contact_batches, decision_batches, event_batches, item_batches
from shared.ingest.rows import canonical, contact_row, decision_row, event_row, item_change, named_messages
from shared.ingest.table import Options

__all__ = [
    "NOT_SCALAR",
    "Batch",
    "ColumnMissing",
    "Findings",
    "Options",
    "Plan",
    "PlannedColumn",
    "Reject",
    "Use",
    "canonical",
    "contact_batches",
    "contact_row",
    "decision_batches",
    "decision_row",
    "email_hash",
    "event_batches",
    "event_identity",
    "event_row",
    "item_batches",
    "item_change",
    "named_messages",
    "plan_file",
    "subject_of",
]

"""Rows from outside, from a request or a file, turned into the records that the store keeps."""

from shared.ingest.files import Batch, Reject, read_contacts, read_events
from shared.ingest.identity import email_hash, event_identity
from shared.ingest.rows import canonical, contact_row, event_row

__all__ = [
    "Batch",
    "Reject",
    "canonical",
    "contact_row",
    "email_hash",
    "event_identity",
    "event_row",
    "read_contacts",
    "read_events",
]

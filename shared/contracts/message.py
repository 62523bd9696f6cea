"""What is told to those who subscribed: the types of messages and why one is told."""

from typing import Any, Literal, NamedTuple, get_args

from shared.contracts.rows import Microseconds

MessageType = Literal[
    "score.band_changed",
    "churn_risk.band_changed",
    "segment.entered",
    "segment.left",
    "send_time.changed",
    "batch.completed",
    "model.promoted",
    "data.insufficient",
]
MESSAGE_TYPES: tuple[MessageType, ...] = get_args(MessageType)
TEST_TYPE = "subscription.test"
"""Sent on demand only, to the one subscription that is tried out."""
Cause = Literal["events", "time", "model"]
"""New events of the contact, the passing of time, or another champion."""


class Message(NamedTuple):
    """Something that happened and is to be told."""

    message_id: str
    """Stable: the same happening has the same id, so that telling it twice in the store is telling it once."""
    type: str
    occurred_at: Microseconds
    data: dict[str, Any]
    """JSON; what the receiver gets as `data`."""
    contact_id: str | None = None
    cause: Cause | None = None

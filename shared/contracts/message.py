"""What is told to those who subscribed: the types of messages and why one is told."""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from shared.capabilities import TABLE
from shared.contracts.rows import Microseconds

MESSAGE_TYPES: tuple[str, ...] = (
    *(kind for line in TABLE for kind in line.tells),
    "batch.completed",
    "model.promoted",
    "data.insufficient",
)
"""Of the capabilities, in the order of the table, and of the account as a whole."""
if TYPE_CHECKING:
    MessageType = str
else:
    # A type of the wire: only pydantic reads it, and a type checker sees plain text.
    MessageType: Any = Literal[MESSAGE_TYPES]
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

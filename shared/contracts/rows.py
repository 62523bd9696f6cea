"""The records that ingestion hands to the store: plain, validated, cheap to make by the million.

Instants are integers: microseconds since 1970-01-01T00:00:00Z. They read into numpy without parsing, compare
the same on every database, and cannot be naive.
"""

from typing import Any, NamedTuple

Microseconds = int
SECOND: Microseconds = 1_000_000
HOUR: Microseconds = 3_600 * SECOND
DAY: Microseconds = 86_400 * SECOND
ALWAYS: Microseconds = -(2**62)
"""`valid_from` of a value that holds at any cutoff (a static attribute)."""


TAKEN_AWAY = ""
"""Text of a contact that is known no longer; None would leave what is stored."""


class EventRow(NamedTuple):
    """A dated fact about a contact; never changes. Field order is the order of the store's columns."""

    contact_id: str
    event_id: str
    """The given id, else `~` and a hash of everything that tells two facts apart; unique per contact."""
    type: str
    occurred_at: Microseconds
    recorded_at: Microseconds
    value: float | None = None
    currency: str | None = None
    message_id: str | None = None
    campaign_id: str | None = None
    item: str | None = None
    properties: str | None = None
    """A JSON object as text, or None."""
    human: int | None = None
    """1 a person, 0 a machine, None unknown."""


class AttributeRow(NamedTuple):
    """One value of one attribute and the instant from which it holds."""

    name: str
    value: Any
    """A JSON scalar: str, int, float, bool or None."""
    valid_from: Microseconds | None
    """None: undated; the store puts the contact's `created_at` and marks the value as not dated."""


class ContactRow(NamedTuple):
    """What one import line or one PUT says about a contact; None leaves what is stored as it is."""

    contact_id: str
    created_at: Microseconds | None = None
    timezone: str | None = None
    """`TAKEN_AWAY`: none from now on."""
    consent: dict[str, str] | None = None
    """For example {"profiling": "denied"}."""
    email_hash: str | None = None
    """Keyed hash of the normalised address; the address itself is never kept."""
    attributes: tuple[AttributeRow, ...] = ()

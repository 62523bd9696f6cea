"""A message for a subscription, and the HTTP call that carries it; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from shared.errors import ForetellError

MAX_BODY: Final = 20_000
"""Bytes of a body, as Standard Webhooks advises."""
JSON: Final = "application/json"


class UnsupportedMessage(ForetellError):
    """A message cannot be written for this receiver; a retry would change nothing."""

    status = 422
    code = "not-tellable"
    title = "Not tellable"


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message as receivers read it."""

    type: str
    timestamp: str
    """When it happened, ISO 8601."""
    data: Mapping[str, Any]

    @property
    def contact_id(self) -> str:
        """The contact that it is about.

        Raises:
            UnsupportedMessage: it is not about a contact.
        """
        found = self.data.get("contact_id")
        if not isinstance(found, str) or not found:
            raise UnsupportedMessage(
                f"A message of type {self.type} is not about a contact, so there is no record to write to."
            )
        return found


@dataclass(frozen=True, slots=True)
class HttpCall:
    """What is sent."""

    method: str
    url: str
    """Already percent-encoded."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": JSON})


def json_bytes(value: Any) -> bytes:
    """Return a body as compact JSON.

    Raises:
        UnsupportedMessage: it is too large, or not JSON.
    """
    try:
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:  # half a character, or not a number
        raise UnsupportedMessage("A value of the message cannot be written as JSON.") from error
    if len(body) > MAX_BODY:
        raise UnsupportedMessage(f"The body has more than {MAX_BODY} bytes; let the template say less.")
    return body


def joined(url: str, path: str) -> str:
    """Append a path to a URL that may have a path itself.

    >>> joined("https://a.example/base/", "/crm/v3")
    'https://a.example/base/crm/v3'
    """
    return url.rstrip("/") + path


def path_segment(value: str) -> str:
    """Encode a value as one segment of a path.

    >>> path_segment("a/b c"), path_segment("..")
    ('a%2Fb%20c', '%2E%2E')
    """
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def facts(message: OutboundMessage) -> dict[str, str | int | float | None]:
    """Return the scalar facts of a message by name: what a field of a CRM can hold.

    Returns:
        Only the facts of this type. `segment` and `segment_id` are the contact's present segment.
    """
    data = message.data
    known: dict[str, Any] = {
        name: data[name]
        for name in ("capability", "outcome", "previous_band", "band", "score", "previous_score", "probability",
                     "trend", "cutoff", "cause", "send_at", "slot", "previous_slot", "timezone", "median_on", "low_on",
                     "high_on", "within_7_days", "last_order_on", "expected_value", "currency")
        if name in data
    }  # fmt: skip
    if "reasons" in data:
        known["reasons"] = "; ".join(reason["text"] for reason in data["reasons"])
    if "model" in data:
        known.update(version=data["model"]["version"], grade=data["model"]["grade"])
    if message.type in ("segment.entered", "segment.left"):
        now = data["segment"] if message.type == "segment.entered" else data["next_segment"]
        known.update(segment=None if now is None else now["name"], segment_id=None if now is None else now["id"])
    return {**known, "told_at": message.timestamp}


FACTS: Final = (
    "capability", "outcome", "previous_band", "band", "score", "previous_score", "probability", "trend", "cutoff",
    "cause", "send_at", "slot", "previous_slot", "timezone", "reasons", "version", "grade", "segment", "segment_id",
    "median_on", "low_on", "high_on", "within_7_days", "last_order_on", "expected_value", "currency", "told_at",
)  # fmt: skip
"""Their names."""

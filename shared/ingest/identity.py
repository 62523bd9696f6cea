"""What makes an event the same event, and a contact recognisable by its address without keeping it."""

import hashlib
import hmac
from binascii import b2a_base64
from collections.abc import Iterable

import numpy as np

from shared.contracts.rows import Microseconds
from shared.values.addresses import normal_address

PREFIX = "~"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_CHARACTERS = 22
"""Of 16 bytes in base64, without padding."""
LATER_FIELDS = ("currency", "message_id", "campaign_id", "item")
"""Fields that did not count at first: an event with none of them keeps the id of that time."""


def event_identity(
    contact_id: str,
    type_: str,
    occurred_at: Microseconds,
    value: float | None,
    *,
    currency: str | None,
    message_id: str | None,
    campaign_id: str | None,
    item: str | None,
    properties: str | None,
) -> str:
    """Derive the id of an event that was sent without one: the same fact again is the same event.

    All that distinguishes two facts counts: two lines of one order differ by `item`, two deliveries in one second
    by `message_id`. Each part says its length or cannot contain the separator, so no two facts share an encoding.

    Args:
        contact_id: whose event.
        type_: its type.
        occurred_at: its instant.
        value: its amount; -0.0 is 0.0.
        currency: of the amount.
        message_id: the message that it belongs to.
        campaign_id: the campaign that it belongs to.
        item: what it is about.
        properties: canonical JSON, or None.

    Returns:
        `~` and 22 characters: 16 bytes of BLAKE2b, URL-safe base64.
    """
    later = (currency, message_id, campaign_id, item)
    before = "" if later == (None, None, None, None) else "".join(map(later_part, later))
    encoded = f"{before}{sized(contact_id)}{sized(type_)}{occurred_at};{amount_text(value)};{properties or ''}"
    digest = hashlib.blake2b(encoded.encode(), digest_size=16).digest()
    return PREFIX + b2a_base64(digest)[:_CHARACTERS].translate(_URL_SAFE).decode()


def sized(part: str) -> str:
    """Write a text after its length, so that where it ends is clear."""
    return f"{len(part)}:{part}"


def later_part(part: str | None) -> str:
    """Write one of the four fields that count since later: whether it is there, and what it is."""
    return "-" if part is None else f"+{sized(part)}"


def amount_text(value: float | None) -> str:
    """Write an amount so that equal ones are equal text."""
    return "" if value is None else repr(value + 0.0)


def identities(encoded: Iterable[bytes]) -> list[str]:
    """Derive the ids of many events.

    Args:
        encoded: each event, as `event_identity` encodes it.
    """
    empty, digests = hashlib.blake2b(digest_size=16), []
    for event in encoded:
        state = empty.copy()
        state.update(event)
        digests.append(state.digest())
    # With two bytes of nothing behind each, the base64 of all of them is made at once: 24 characters for each.
    padded = np.zeros((len(digests), 18), dtype=np.uint8)
    padded[:, :16] = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 16)
    letters = b2a_base64(padded.tobytes(), newline=False).translate(_URL_SAFE)
    text = letters.decode()
    return [PREFIX + text[start : start + _CHARACTERS] for start in range(0, len(text), 24)]


def email_hash(address: str, key: bytes) -> str:
    """Hash an e-mail address so that only who has the key can recognise it.

    Args:
        address: as written; hashed in its normal spelling, so that case, space, a name beside it and the script of its
            domain do not matter.
        key: the installation's identity key.

    Returns:
        HMAC-SHA256, 64 hexadecimal digits.
    """
    return hmac.new(key, normal_address(address).encode(), hashlib.sha256).hexdigest()


def decision_identity(*parts: str | float | None) -> str:
    """Derive the id of a decision that was imported without one: the same decision again is the same.

    Args:
        parts: all by which two decisions differ, in a fixed order.

    Returns:
        `~` and 22 characters, as of an event.
    """
    encoded = "".join("-" if part is None else f"+{len(text := str(part))}:{text}" for part in parts)
    digest = hashlib.blake2b(encoded.encode(), digest_size=16).digest()
    return PREFIX + b2a_base64(digest)[:_CHARACTERS].translate(_URL_SAFE).decode()

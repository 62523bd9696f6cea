"""What makes an event the same event, and a contact recognisable by its address without keeping it."""

import hashlib
import hmac
from binascii import b2a_base64

from shared.contracts.rows import Microseconds
from shared.values.addresses import normal_address

PREFIX = "~"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_CHARACTERS = 22
"""Of 16 bytes in base64, without padding."""
_NO_LATER_FIELDS = (None, None, None, None)


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
    amount = "" if value is None else repr(value + 0.0)
    encoded = f"{len(contact_id)}:{contact_id}{len(type_)}:{type_}{occurred_at};{amount};{properties or ''}"
    later = (currency, message_id, campaign_id, item)
    if later != _NO_LATER_FIELDS:  # else the id is that of the time before these four counted, and stored ids stay
        encoded = "".join("-" if part is None else f"+{len(part)}:{part}" for part in later) + encoded
    digest = hashlib.blake2b(encoded.encode(), digest_size=16).digest()
    return PREFIX + b2a_base64(digest)[:_CHARACTERS].translate(_URL_SAFE).decode()


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

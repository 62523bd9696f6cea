"""How a contact's id is recognised after the contact was erased: by a keyed hash, never by the id."""

import hashlib
import hmac

SHARED_BY = 3
"""An address that so many contacts were said to have is no person's: by it alone nobody is recognised."""
_BORN = {"email": "e-", "external": "x-", "anonymous": "a-"}


def born_id(identity: tuple[str, str]) -> str:
    """Make the id of a contact of whom only an identity is known.

    >>> born_id(("email", "0123456789abcdef0123456789"))
    'e-0123456789abcdef0123'
    """
    kind, key_hash = identity
    return _BORN[kind.partition(":")[0]] + key_hash[:20]


def contact_hash(contact_id: str, key: bytes) -> str:
    """Hash a contact's id so that only who has the key can recognise it.

    Args:
        contact_id: letter by letter as it was sent.
        key: the installation's identity key.

    Returns:
        HMAC-SHA256, 64 hexadecimal digits.
    """
    return hmac.new(key, contact_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

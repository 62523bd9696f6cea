"""How a contact's id is recognised after the contact was erased: by a keyed hash, never by the id."""

import hashlib
import hmac


def contact_hash(contact_id: str, key: bytes) -> str:
    """Hash a contact's id so that only who has the key can recognise it.

    Args:
        contact_id: letter by letter as it was sent.
        key: the installation's identity key.

    Returns:
        HMAC-SHA256, 64 hexadecimal digits.
    """
    return hmac.new(key, contact_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

"""What an API key looks like: `fk_<public id>_<secret><checksum>`; only the digest of a key is ever stored.

The public id finds the row, the secret carries 190 random bits, and the checksum tells a typo from a key that was
never ours before anybody asks the store. The alphabet has no `_` or `-`: a double click selects each part.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from typing import Literal, NamedTuple, get_args

from shared.errors import NotAuthenticated

Scope = Literal["predict", "ingest", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "fk_"
PUBLIC_ID_LENGTH = 10
SECRET_LENGTH = 32
CHECKSUM_LENGTH = 6

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rf"fk_([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + CHECKSUM_LENGTH}}})")


class NewKey(NamedTuple):
    """A key that was just made; the text is shown once and then forgotten."""

    text: str
    public_id: str
    digest: bytes


def new_key() -> NewKey:
    """Make a random key.

    Returns:
        The text for the client, the public id and the digest for the store.
    """
    public_id = random_text(PUBLIC_ID_LENGTH)
    body = f"{PREFIX}{public_id}_{random_text(SECRET_LENGTH)}"
    text = body + _checksum(body)
    return NewKey(text, public_id, digest_of(text))


def public_id_of(text: str) -> str:
    """Read the public id, after a look at shape and checksum.

    Raises:
        NotAuthenticated: not shaped like a key, or mistyped; says which.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise NotAuthenticated("This is not a Foretell key. One starts with fk_ and is 52 characters long.")
    if not hmac.compare_digest(_checksum(text[:-CHECKSUM_LENGTH]), text[-CHECKSUM_LENGTH:]):
        raise NotAuthenticated("This key is mistyped or cut short: its checksum does not fit. Copy it again.")
    return match.group(1)


def digest_of(text: str) -> bytes:
    """Hash a key for the store (SHA-256; the key is random, so no slow hash is needed)."""
    return hashlib.sha256(text.encode()).digest()


def matches(text: str, digest: bytes) -> bool:
    """Compare a key with a stored digest in constant time."""
    return hmac.compare_digest(digest_of(text), digest)


def allows(scopes: tuple[str, ...], scope: str) -> bool:
    """Tell whether a key with these scopes may do what the scope covers; `admin` covers everything."""
    return scope in scopes or "admin" in scopes


def random_text(length: int) -> str:
    """Draw digits and letters, 5.95 bits each, from the system's source of chance."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)

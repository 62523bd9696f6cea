"""Secrets that are stored encrypted: those of webhooks in both directions."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import SettingsRefused


class Seal:
    """Seals and opens secrets with a key derived from the installation's identity key (HKDF-SHA256, RFC 5869)."""

    def __init__(self, identity_key: bytes) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"foretell sealed secrets").derive(identity_key)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, secret: str) -> str:
        """Encrypt a secret; the same one twice gives two texts."""
        return self._fernet.encrypt(secret.encode()).decode()

    def opened(self, sealed: str) -> str:
        """Decrypt what `seal` made.

        Raises:
            SettingsRefused: it was sealed with another identity key.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise SettingsRefused(
                "A stored secret was sealed with another FORETELL_IDENTITY_KEY: set the one it was made with."
            ) from error

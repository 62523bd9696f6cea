"""Where a list goes on: opaque to clients, signed, and good only for the list that it was made for."""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from shared.errors import BadRequest

_MAC_BYTES = 12


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads cursors with one key."""

    key: bytes

    def made(self, purpose: str, place: Any) -> str:
        """Write a place down.

        Args:
            purpose: account, list and filters; a cursor is refused for any other.
            place: JSON-serialisable, whatever the list needs to go on.
        """
        payload = json.dumps(place, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mac(purpose, payload) + payload).decode().rstrip("=")

    def read(self, purpose: str, text: str) -> Any:
        """Read a place back.

        Raises:
            BadRequest: not one of ours, or made for another list.
        """
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, payload)):
            raise _refused()
        return json.loads(payload)

    def _mac(self, purpose: str, payload: bytes) -> bytes:
        message = b"cursor\n" + purpose.encode() + b"\n" + payload
        return hmac.new(self.key, message, hashlib.sha256).digest()[:_MAC_BYTES]


def _refused() -> BadRequest:
    return BadRequest(
        "The cursor is not valid for this list. Send next_cursor exactly as the last page gave it, with the same "
        "filters, or leave it out to begin again.",
        errors=[{"pointer": "/query/cursor", "detail": "not valid for this list"}],
    )

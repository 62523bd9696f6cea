"""SendGrid as a sender: a key pair of its own, and requests signed with it."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Sender:
    """Signs as SendGrid does."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def secret(self) -> str:
        """What SendGrid shows as its verification key."""
        encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self.key.public_key().public_bytes(*encoding)).decode()

    def signed(self, items: Sequence[Mapping[str, Any]] | bytes, *, age: int = 0) -> dict[str, Any]:
        """Make body and headers, as `gateway.ask` takes them."""
        body = items if isinstance(items, bytes) else json.dumps(items).encode()
        stamp = str(int(time.time()) - age)
        signature = self.key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            "Content-Type": "application/json",
        }
        return {"data": body, "headers": headers}


def _item(number: int, event: str = "open", **more: Any) -> dict[str, Any]:
    return {
        "email": f"person{number}@example.com",
        "timestamp": int(time.time()) - 60,
        "event": event,
        "sg_event_id": f"event-{number}",
        "sg_message_id": f"message-{number}.filter0001",
        **more,
    }


@pytest.fixture
def item() -> Any:
    """Make an item: `item(3, "click", url=...)`."""
    return _item


@pytest.fixture
def sendgrid() -> Sender:
    return Sender()


@pytest.fixture
def add_source(gateway: Any, sendgrid: Sender) -> Any:
    """Make a source through the API; gives its path."""

    async def add(account: str = "acme", **more: Any) -> str:
        asked = {"name": "mail", "provider": "sendgrid", "secrets": [sendgrid.secret], **more}
        status, source, _ = await gateway.request("POST", "/sources", gateway.key(account), json=asked)
        assert status == 201, source
        return f"/webhooks/{source['provider']}/{source['id']}"

    return add

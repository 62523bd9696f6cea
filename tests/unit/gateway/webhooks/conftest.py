"""What the tests of the providers share: their samples, requests as they come, and refusal."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.webhooks.provider import Credentials, Incoming, Provider, SignedRequest, WebhookRefused

SAMPLES = Path(__file__).parent / "samples"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

MakeRequest = Callable[..., SignedRequest]
Translate = Callable[..., list[Incoming]]


@pytest.fixture(scope="session")
def samples() -> Mapping[str, Mapping[str, Any]]:
    """Give each provider's samples by name: items as `Provider.items` takes them out of a request."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SAMPLES.glob("*.json"))}


@pytest.fixture
def arrived() -> MakeRequest:
    """Make a request that comes at noon."""

    def make(
        body: bytes, headers: Mapping[str, str] | None = None, *, at: datetime = NOON, url: str = ""
    ) -> SignedRequest:
        return SignedRequest(body, headers or {}, url or "https://foretell.example/webhooks/p/s-1", "POST", at)

    return make


@pytest.fixture
def translated(samples: Mapping[str, Mapping[str, Any]]) -> Translate:
    """Translate a sample of a provider."""

    def translate(provider: Provider, name: str, **changes: Any) -> list[Incoming]:
        item = {**samples[provider.name][name], **changes}
        return list(provider.translate(item, received_at=NOON))

    return translate


@pytest.fixture
def refused() -> Callable[..., str]:
    """Demand that a request is refused, and tell the sentence; no secret may stand in it."""

    def refuse(provider: Provider, request: SignedRequest, credentials: Credentials) -> str:
        with pytest.raises(WebhookRefused) as caught:
            provider.verify(request, credentials)
        for secret in credentials.secrets:
            assert not secret or secret not in caught.value.detail
        return caught.value.detail

    return refuse

"""A flood of webhooks is sent away before it is held in memory."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from anyio import CapacityLimiter

from gateway.metrics import GatewayMetrics
from gateway.rate_limits import RateLimits
from gateway.webhooks.failure_limits import FailureLimits
from gateway.webhooks.provider import SignedRequest
from gateway.webhooks.receiver import TooBusy, WebhookQueue
from shared.settings import GatewaySettings


async def test_beyond_what_may_wait_a_provider_has_to_come_again() -> None:
    nobody: Any = None
    metrics = GatewayMetrics()
    failures = FailureLimits(RateLimits(GatewaySettings(signing_key="k" * 32, identity_key="k" * 32), metrics), 60)
    receiver: Any = SimpleNamespace(source_cache=SimpleNamespace(has_usable_key=lambda _: True))
    reception = WebhookQueue(receiver, nobody, metrics, CapacityLimiter(1), failures, most_waiting=0)
    request = SignedRequest(b"[]", {}, "https://a.example", "POST", datetime(2026, 6, 1, tzinfo=UTC))

    with pytest.raises(TooBusy) as refused:
        await reception.take("sendgrid", "src_1", request, {})

    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 5)

"""A flood of webhooks is sent away before it is held in memory."""

from datetime import UTC, datetime
from typing import Any

import pytest
from anyio import CapacityLimiter

from gateway.metrics import GatewayMetrics
from gateway.webhooks.provider import SignedRequest
from gateway.webhooks.reception import Reception, TooBusy


async def test_beyond_what_may_wait_a_provider_is_asked_to_come_again() -> None:
    nobody: Any = None
    reception = Reception(nobody, nobody, GatewayMetrics(), CapacityLimiter(1), most_waiting=0)
    request = SignedRequest(b"[]", {}, "https://a.example", "POST", datetime(2026, 6, 1, tzinfo=UTC))

    with pytest.raises(TooBusy) as refused:
        await reception.take("sendgrid", "src_1", request, {})

    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 5)

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BodyTooSlow
from shared.http.middleware import BodyLimit, RequestContext
from shared.http.telemetry import RequestMetrics


async def test_a_body_that_dawdles_is_refused_instead_of_holding_its_connection() -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with suppress(BodyTooSlow):
            await receive()
        await Response()(scope, receive, send)

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    limit = BodyLimit(app, max_bytes=100, within_seconds=0.01)
    await limit({"type": "http", "method": "POST", "path": "/", "headers": []}, never, send)

    assert sent[0]["status"] == 408
    assert b"body-too-slow" in sent[1]["body"]


async def test_waiting_for_the_client_to_leave_has_no_deadline() -> None:
    messages = [{"type": "http.request", "body": b"{}"}]
    left = asyncio.Event()

    async def receive() -> Any:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asyncio.get_running_loop().call_later(0.05, left.set)
        assert (await receive())["type"] == "http.disconnect"

    await BodyLimit(app, max_bytes=100, within_seconds=0.01)({"type": "http", "headers": []}, receive, app)


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await Request(scope, receive).body()

    async def left() -> Any:
        return {"type": "http.disconnect"}

    with caplog.at_level(logging.INFO):
        await RequestContext(app, metrics=RequestMetrics())(
            {"type": "http", "method": "POST", "path": "/", "headers": []}, left, left
        )

    assert [(record.getMessage(), record.status) for record in caplog.records] == [("request.answered", 499)]

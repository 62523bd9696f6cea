from types import TracebackType
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request
from starlette.types import Message

from gateway.auth import Caller
from gateway.metrics import GatewayMetrics
from gateway.upstream import Upstreams
from shared.capabilities import TABLE
from shared.errors import UpstreamUnavailable
from shared.settings import GatewaySettings

SETTINGS = GatewaySettings(signing_key="s" * 32, identity_key="i" * 32, upstream="http://127.0.0.1:1")
CALLER = Caller("acme", ("predict",), "id")


class Failing:
    """A client whose every request ends with the same error."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def request(self, *_: Any, **__: Any) -> "Failing":
        self.asked += 1
        return self

    async def __aenter__(self) -> None:
        raise self.error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


def request(method: str, path: str) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "state": {"facts": {}},
    }
    return Request(scope, receive)


async def test_a_silent_machine_is_left_alone_after_two_calls_of_one_request() -> None:
    client = Failing(aiohttp.ConnectionTimeoutError("silent"))
    upstreams = Upstreams(SETTINGS, client, GatewayMetrics())  # type: ignore[arg-type]

    for _ in range(3):
        with pytest.raises(UpstreamUnavailable):
            await upstreams.answer(TABLE[0], request("POST", "/score"), CALLER, "r")

    assert client.asked == 2


async def test_a_connection_that_was_not_made_in_time_is_tried_once_more_whatever_the_request() -> None:
    client = Failing(aiohttp.ConnectionTimeoutError("busy"))
    upstreams = Upstreams(SETTINGS, client, GatewayMetrics())  # type: ignore[arg-type]

    with pytest.raises(UpstreamUnavailable):
        await upstreams.answer(TABLE[0], request("POST", "/segments"), CALLER, "r")

    assert client.asked == 2


async def test_what_may_have_been_done_is_not_sent_twice() -> None:
    client = Failing(aiohttp.ServerDisconnectedError())
    upstreams = Upstreams(SETTINGS, client, GatewayMetrics())  # type: ignore[arg-type]

    with pytest.raises(UpstreamUnavailable):
        await upstreams.answer(TABLE[0], request("POST", "/segments"), CALLER, "r")

    assert client.asked == 1


async def test_a_prediction_is_requested_once_more_after_a_dead_connection() -> None:
    client = Failing(aiohttp.ServerDisconnectedError())
    upstreams = Upstreams(SETTINGS, client, GatewayMetrics())  # type: ignore[arg-type]

    with pytest.raises(UpstreamUnavailable):
        await upstreams.answer(TABLE[0], request("POST", "/score"), CALLER, "r")

    assert client.asked == 2

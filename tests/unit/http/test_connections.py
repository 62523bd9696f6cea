"""What one answer writes to its connection, and when."""

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from shared.http.connections import ConnectionLimits, bounded
from shared.http.telemetry import ConnectionMetrics

Pieces = list[bytes]
LENGTH = {"content-length": "10"}


class FakeTransport(asyncio.Transport):
    """Keeps each write as one piece."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8_000)})
        self.pieces: Pieces = []
        self.closed = asyncio.Event()

    def write(self, data: Any) -> None:
        if data:
            self.pieces.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.pieces.append(b"".join(list_of_data))

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture
async def pieces_of() -> Callable[..., Any]:
    """What is written for one request after which the connection ends, write by write."""

    async def pieces(app: ASGIApp, method: bytes = b"GET", *, before: bytes = b"") -> Pieces:
        config = uvicorn.Config(
            app, http=bounded(ConnectionLimits(), ConnectionMetrics(CollectorRegistry())), ws="none", log_config=None
        )
        config.load()
        transport = FakeTransport()
        connection: Any = config.http_protocol_class(config=config, server_state=ServerState(), app_state={})  # type: ignore[operator]
        connection.connection_made(transport)
        connection.data_received(before + method + b" / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        await asyncio.wait_for(transport.closed.wait(), 60)
        connection.connection_lost(None)
        return transport.pieces

    return pieces


async def parts(*texts: str) -> Any:
    for text in texts:
        yield text


async def test_head_and_body_of_an_answer_are_one_write(pieces_of: Any) -> None:
    (whole,) = await pieces_of(PlainTextResponse("hello"))

    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert whole.endswith(b"\r\n\r\nhello")


async def test_an_empty_body_of_known_length_holds_no_head_back(pieces_of: Any) -> None:
    (head,) = await pieces_of(Response())

    assert head.endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")


async def test_an_answer_to_head_is_its_head(pieces_of: Any) -> None:
    (head,) = await pieces_of(PlainTextResponse("hello"), b"HEAD")

    assert b"content-length: 5\r\n" in head
    assert head.endswith(b"\r\n\r\n")


async def test_the_head_of_a_stream_without_length_waits_for_nothing(pieces_of: Any) -> None:
    head, *rest = await pieces_of(StreamingResponse(parts("one", "two")))

    assert b"transfer-encoding: chunked\r\n" in head
    assert rest == [b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"]


async def test_a_head_waits_for_the_first_part_alone(pieces_of: Any) -> None:
    first, second = await pieces_of(StreamingResponse(parts("12345", "67890"), headers=LENGTH))

    assert first.endswith(b"\r\n\r\n12345")
    assert second == b"67890"


async def test_the_head_of_an_answer_that_breaks_off_is_still_written(pieces_of: Any) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        raise ZeroDivisionError

    (head,) = await pieces_of(broken)

    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_request_that_was_answered_leaves_nothing_to_the_garbage_collector(pieces_of: Any) -> None:
    requests: list[weakref.ref[Any]] = []
    left = list[bool]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        requests.append(weakref.ref(receive.__self__))
        left.append(requests[0]() is not None)
        await PlainTextResponse("hello")(scope, receive, send)

    gc.disable()
    try:
        await pieces_of(app, before=b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    finally:
        gc.enable()

    assert left == [True, False]

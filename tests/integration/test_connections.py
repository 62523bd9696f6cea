"""Connections with real sockets: what is too large, too slow or too many ends, and harms nobody else."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.serving.connections import Limits, bounded
from shared.serving.metrics import ConnectionMetrics

QUICK = Limits(
    connections=20, per_address=0, head_seconds=0.15, rest_seconds=0.1, write_seconds=0.2, linger_seconds=0.5
)
HEAD = b"GET /x HTTP/1.1\r\nhost: a\r\n"


@dataclass
class Running:
    """A server, and what its app saw."""

    port: int
    registry: CollectorRegistry
    seen: list[Any]
    gate: asyncio.Event

    async def connect(self) -> "Wire":
        return Wire(*await asyncio.open_connection("127.0.0.1", self.port))

    async def say(self, text: bytes) -> tuple[int, Any]:
        """Send over a connection of its own and return status and body."""
        async with contextlib.aclosing(await self.connect()) as wire:
            wire.writer.write(text)
            return await wire.answer()

    def refused(self, cause: str) -> float:
        return self.registry.get_sample_value("foretell_connections_refused_total", {"cause": cause}) or 0.0

    def open(self) -> float:
        return self.registry.get_sample_value("foretell_connections") or 0.0


@dataclass
class Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, Any]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await self.reader.readexactly(length)
        return int(head.split()[1]), json.loads(body) if b"problem+json" in head else body

    async def rest(self) -> bytes:
        """Read until the other side ends."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5)
        except ConnectionError:
            return b""

    async def aclose(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def app_of(seen: list[Any], gate: asyncio.Event) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        seen.append((scope["path"], dict(scope["headers"])))
        answer: Response = PlainTextResponse("fine")
        if scope["path"] == "/read":
            answer = PlainTextResponse(str(len(await request.body())))
        elif scope["path"] == "/wait":
            await gate.wait()
        elif scope["path"] == "/large":
            answer = PlainTextResponse("x" * 20_000_000)
        await answer(scope, receive, send)

    return app


class QuietServer(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def served(limits: Limits) -> AsyncIterator[Running]:
    registry, seen, gate = CollectorRegistry(), list[Any](), asyncio.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    http = bounded(limits, ConnectionMetrics(registry))
    config = uvicorn.Config(
        app_of(seen, gate), http=http, ws="none", log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0)
    try:
        yield Running(listener.getsockname()[1], registry, seen, gate)
    finally:
        gate.set()
        server.should_exit = True
        await serving
        listener.close()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with served(QUICK) as one:
        yield one


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (HEAD + b"x: " + b"y" * 100_000, 431, "headers-too-large"),
        (HEAD + b"y" * 100_000, 431, "headers-too-large"),
        (HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(5_000)), 431, "headers-too-large"),
        (HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(101)) + b"\r\n", 431, "headers-too-large"),
        (b"GET /" + b"y" * 9_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "url-too-long"),
        (b"GET /" + b"y" * 100_000, 414, "url-too-long"),
        (b"GET /x?" + b"y" * 9_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "url-too-long"),
        (b"\x16\x03\x01 hello\r\n\r\n", 400, "malformed-request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed-request"),
    ],
    ids=["value", "value-no-end", "name-no-end", "fields-no-end", "fields", "url", "url-no-end", "query", "tls", "h2"],
)
async def test_a_head_that_is_too_large_or_none_is_refused_with_a_problem(
    running: Running, sent: bytes, status: int, code: str
) -> None:
    answered = await running.say(sent)

    assert (answered[0], answered[1]["code"], answered[1]["status"]) == (status, code, status)
    assert running.seen == []
    assert running.refused(code) == 1


async def test_a_head_as_large_as_browsers_and_proxies_send_is_taken(running: Running) -> None:
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 250) for number in range(90))

    assert await running.say(b"GET /" + b"y" * 8_000 + b" HTTP/1.1\r\n" + fields + b"\r\n") == (200, b"fine")


CHUNKED = b"POST /read HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (HEAD, b"x: y\r\n" * 100),
        (HEAD, b"y" * 1_000),
        (HEAD + b"x:", b" " * 1_000),
        (b"", b"\r\n" * 500),
        (CHUNKED + b"1;", b"e" * 1_000),
        (CHUNKED + b"0\r\n", b"t: u\r\n" * 100),
        (CHUNKED + b"0\r\nt: ", b"u" * 1_000),
        (CHUNKED, b"0" * 1_000),
    ],
    ids=["fields", "name", "spaces", "empty lines", "chunk extension", "trailers", "trailer", "chunk size"],
)
async def test_what_has_no_end_is_refused_after_some_kilobytes(running: Running, begun: bytes, piece: bytes) -> None:
    wire = await running.connect()
    answer = asyncio.create_task(wire.answer())
    sent = len(begun)
    wire.writer.write(begun)
    while not answer.done() and sent < 200_000:
        await wire.writer.drain()
        await asyncio.sleep(0.001)
        wire.writer.write(piece)
        sent += len(piece)

    status, told = await answer
    assert (status, told["code"]) in [(431, "headers-too-large"), (400, "malformed-request")]
    assert sent < 100_000
    await wire.aclose()


@pytest.mark.parametrize("begun", [HEAD, b"GET", b"GET /x HTTP/1.1\r\nhos", b"\r\n"])
async def test_half_a_head_is_told_and_closed(running: Running, begun: bytes) -> None:
    wire = await running.connect()
    wire.writer.write(begun)

    status, answer = await wire.answer()

    assert (status, answer["code"]) == (408, "headers-too-slow")
    assert await wire.rest() == b""
    await wire.aclose()


async def test_a_head_a_byte_at_a_time_has_no_more_time_than_any_other(running: Running) -> None:
    wire = await running.connect()
    began = asyncio.get_running_loop().time()
    with contextlib.suppress(ConnectionError):
        for byte in HEAD * 1_000:
            wire.writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
            if wire.reader.at_eof() or wire.reader._buffer:  # type: ignore[attr-defined]
                break

    assert asyncio.get_running_loop().time() - began < 1
    assert (await wire.answer())[0] == 408
    await wire.aclose()


async def test_a_connection_that_says_nothing_is_closed_without_a_word(running: Running) -> None:
    wire = await running.connect()

    assert await wire.rest() == b""
    assert running.refused("idle") == 1
    await wire.aclose()


async def test_an_idle_connection_lives_on_between_requests_for_a_while(running: Running) -> None:
    wire = await running.connect()
    answers = []
    for _ in range(3):
        wire.writer.write(HEAD + b"\r\n")
        answers.append(await wire.answer())
        await asyncio.sleep(0.2)  # longer than a head may take

    assert answers == [(200, b"fine")] * 3
    await wire.aclose()


async def test_the_second_head_of_a_connection_has_its_own_time(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write(HEAD + b"\r\n")
    first = await wire.answer()
    wire.writer.write(HEAD)

    assert (first[0], (await wire.answer())[0]) == (200, 408)
    await wire.aclose()


async def test_pipelined_requests_are_answered_in_order_and_a_bad_one_comes_last(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write((HEAD + b"\r\n") * 3 + HEAD + b"x: " + b"y" * 40_000 + b"\r\n\r\n")

    answers = [await wire.answer() for _ in range(3)]

    assert answers == [(200, b"fine")] * 3
    assert await wire.rest() == b""
    await wire.aclose()


async def test_trailers_never_become_headers_of_the_request(running: Running) -> None:
    answer = await running.say(CHUNKED + b"3;e=1\r\nabc\r\n0\r\nforetell-call: forged\r\n\r\n")

    assert answer == (200, b"3")
    assert b"foretell-call" not in running.seen[0][1]


async def test_who_waits_for_100_is_told_to_go_on(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write(b"POST /read HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
    told = await wire.reader.readuntil(b"\r\n\r\n")
    wire.writer.write(b"abc")

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert await wire.answer() == (200, b"3")
    await wire.aclose()


async def test_a_body_that_nobody_reads_does_not_keep_a_connection(running: Running) -> None:
    wire = await running.connect()
    wire.writer.write(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n")
    answer = await wire.answer()
    began = asyncio.get_running_loop().time()
    with contextlib.suppress(ConnectionError):
        while asyncio.get_running_loop().time() - began < 3 and not wire.reader.at_eof():
            wire.writer.write(b"x" * 1_000)
            await asyncio.sleep(0.02)

    assert answer == (200, b"fine")
    assert asyncio.get_running_loop().time() - began < 2
    await wire.aclose()


async def test_a_client_that_does_not_read_its_answer_is_cut_off(running: Running) -> None:
    wire = await running.connect()
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    wire.writer.write(HEAD.replace(b"/x", b"/large") + b"\r\n")

    while not running.refused("slow-reader"):
        await asyncio.sleep(0.01)

    while running.open():
        await asyncio.sleep(0.01)
    await wire.aclose()


async def test_where_there_is_no_room_the_longest_idle_connection_makes_some(running: Running) -> None:
    wires = [await running.connect() for _ in range(21)]

    assert await wires[0].rest() == b""
    wires[-1].writer.write(HEAD + b"\r\n")
    assert await wires[-1].answer() == (200, b"fine")
    assert running.open() <= 20
    assert running.refused("evicted") == 1
    for wire in wires:
        await wire.aclose()


async def test_where_all_are_busy_a_new_one_is_told_to_come_later(running: Running) -> None:
    wires = [await running.connect() for _ in range(20)]
    for wire in wires:
        wire.writer.write(HEAD.replace(b"/x", b"/wait") + b"\r\n")
    while len(running.seen) < 20:
        await asyncio.sleep(0.01)

    status, answer = await running.say(HEAD + b"\r\n")
    running.gate.set()
    answers = [await wire.answer() for wire in wires]

    assert (status, answer["code"], answer["retry_after_seconds"]) == (503, "too-many-connections", 1)
    assert answers == [(200, b"fine")] * 20
    for wire in wires:
        await wire.aclose()


async def test_an_address_takes_no_more_than_its_share() -> None:
    async with served(Limits(connections=20, per_address=3, linger_seconds=0.2)) as running:
        wires = [await running.connect() for _ in range(3)]
        for wire in wires:
            wire.writer.write(HEAD.replace(b"/x", b"/wait") + b"\r\n")
        while len(running.seen) < 3:
            await asyncio.sleep(0.01)

        refused = await running.say(HEAD + b"\r\n")
        await wires[0].aclose()
        while running.open() > 2:
            await asyncio.sleep(0.01)
        taken = await running.say(HEAD + b"\r\n")
        for wire in wires:
            await wire.aclose()

    assert (refused[0], taken) == (503, (200, b"fine"))


async def test_after_all_that_nothing_is_left_open(running: Running) -> None:
    for sent in (HEAD + b"\r\n", HEAD + b"y" * 100_000, b"nonsense\r\n\r\n"):
        await running.say(sent)

    while running.open():
        await asyncio.sleep(0.01)
    assert running.open() == 0

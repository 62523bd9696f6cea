"""A server with bounded connections on a real socket, and a client that says any bytes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.connections import ConnectionLimits, bounded
from shared.http.telemetry import ConnectionMetrics
from tests.socket_server import on_a_socket

QUICK = ConnectionLimits(
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
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 60)
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await self.reader.readexactly(length)
        return int(head.split()[1]), json.loads(body) if b"problem+json" in head else body

    async def rest(self) -> bytes:
        """Read until the other side ends."""
        try:
            return await asyncio.wait_for(self.reader.read(), 60)
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


@contextlib.asynccontextmanager
async def served(limits: ConnectionLimits) -> AsyncIterator[Running]:
    registry, seen, gate = CollectorRegistry(), list[Any](), asyncio.Event()
    http = bounded(limits, ConnectionMetrics(registry))
    async with on_a_socket(app_of(seen, gate), http=http, lifespan="off") as port:
        try:
            yield Running(port, registry, seen, gate)
        finally:
            gate.set()

"""A small balancer that obeys `/readyz`: each request goes to a replica that says that it is ready."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 60.0
NOBODY = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Balancer:
    """Passes requests on, one connection each; a replica that refuses the connection costs nobody a request."""

    def __init__(self, replicas: Sequence[int], port: int = 0) -> None:
        self.replicas = list(replicas)
        self.ready: list[int] = []
        self.port = port
        self._turn = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Balancer"]:
        """Listen while the context is open, on a free port unless one is set."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        looking = asyncio.create_task(self._look())
        try:
            yield self
        finally:
            looking.cancel()
            server.close()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            ready = await asyncio.gather(*(self._is_ready(port) for port in self.replicas))
            self.ready = [port for port, is_ready in zip(self.replicas, ready, strict=True) if is_ready]
            await asyncio.sleep(LOOK_SECONDS)

    async def _is_ready(self, port: int) -> bool:
        request = b"GET /readyz HTTP/1.1\r\nhost: balancer\r\nconnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(30):
                return (await self._asked(port, request)).startswith(b"HTTP/1.1 200")
        except (OSError, TimeoutError):
            return False

    async def _asked(self, port: int, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
            body = await reader.readexactly(length)
            request = b"\r\n".join([lines[0], b"connection: close", *lines[1:]]) + body
            writer.write(await self._answer(request))
            await writer.drain()
        writer.close()

    async def _answer(self, request: bytes) -> bytes:
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while asyncio.get_running_loop().time() < until:
            for _ in range(len(self.ready)):
                self._turn += 1
                try:
                    return await self._asked(self.ready[self._turn % len(self.ready)], request) or NOBODY
                except (ConnectionRefusedError, ZeroDivisionError):
                    continue
                except OSError:
                    return NOBODY
            await asyncio.sleep(0.05)
        return NOBODY

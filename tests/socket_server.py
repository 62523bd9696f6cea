"""A real server on a real socket in the loop of a test, which ends at once."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

LONGEST_SECONDS = 1.0
"""How long an answer that is under way is waited for."""


class QuickServer(uvicorn.Server):
    """Leaves the signals to pytest, and ends when it has to: uvicorn looks for that every tenth of a second only,
    and waits as long again for connections that are closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ends = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.ends.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_SECONDS):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(0.001)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


def listening() -> socket.socket:
    """Listen on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio does so for sockets that it makes itself; else an answer in two parts waits 40 ms for the client.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextlib.asynccontextmanager
async def on_a_socket(app: Any, **options: Any) -> AsyncIterator[int]:
    """Serve an app on a free port; further options are those of uvicorn."""
    listener = listening()
    server = QuickServer(uvicorn.Config(app, log_config=None, ws="none", **options))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0)
    try:
        yield listener.getsockname()[1]
    finally:
        server.ends.set()
        await serving
        listener.close()

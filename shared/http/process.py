"""How an app becomes a process: one worker, uvloop, JSON telemetry, limited connections, small memory, a clean end."""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette

from shared.environment import block_training_libraries
from shared.errors import SettingsRefused
from shared.http import telemetry
from shared.http.connections import ConnectionLimits, bounded
from shared.http.telemetry import shown_metrics
from shared.settings import SigningSettings, read

SHUTDOWN_SECONDS = 10
KEEP_ALIVE_SECONDS = 5
PRIVATE_UMASK = 0o077
"""Whatever a process writes (cache, artifacts, databases) is for its own user."""
OTHER_FILES = 200
"""Files that a process opens beside its connections, at most."""
Kind = TypeVar("Kind", bound=SigningSettings)


class Server(uvicorn.Server):
    """Says for a while that it is about to end, before it stops to listen: whoever obeys `/readyz` goes elsewhere."""

    def __init__(self, app: Starlette, config: uvicorn.Config, drain_seconds: float = 0.0) -> None:
        """Serve an app.

        Args:
            app: its `state.draining` turns true.
            config: of uvicorn.
            drain_seconds: how long requests are still taken.
        """
        super().__init__(config)
        self._app = app
        self._app.state.draining = False
        self._drain_seconds = drain_seconds

    async def main_loop(self) -> None:
        """Serve until a signal to stop, then for the time of draining."""
        await super().main_loop()
        self._app.state.draining = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._drain_seconds
        while loop.time() < until and not self.force_exit:
            await asyncio.sleep(0.05)


def server(app: Starlette, settings: SigningSettings, *, host: str, port: int) -> Server:
    """Make the server of an app; `state.metrics.connections` counts them.

    Args:
        app: what answers.
        settings: how many connections, and how long the end takes.
        host: address to listen on.
        port: the same; 0: a free one.
    """
    limits = ConnectionLimits(_connections(settings.max_connections), settings.max_connections_per_address)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=bounded(limits, app.state.metrics.connections),
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return Server(app, config, settings.drain_seconds)


def run(
    name: str, kind: type[Kind], create_app: Callable[[Kind], FastAPI], *, arguments: Sequence[str] | None = None
) -> None:
    """Serve until the process gets a signal to stop.

    Args:
        name: of the service, in every log line.
        kind: of the settings, read from the environment.
        create_app: called with them once the libraries of training are blocked; `state.metrics` is what it counts.
        arguments: of the command line; None: those of the process.

    Raises:
        SystemExit: with 2 and one sentence on stderr, when the command line or a setting is wrong.
    """
    os.umask(PRIVATE_UMASK)
    keep_memory_small()
    block_training_libraries()
    parser = argparse.ArgumentParser(description=f"Serve {name}.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    given = parser.parse_args(arguments)
    try:
        settings = read(kind)
    except SettingsRefused as error:
        parser.exit(2, f"{name}: {error.detail}\n")
    telemetry.configure(settings.log_level, name)
    app = create_app(settings)
    freeze_loaded()
    try:
        with shown_metrics(app.state.metrics.registry, settings):
            server(app, settings, host=given.host, port=given.port).run()
    except SettingsRefused as error:
        parser.exit(2, f"{name}: {error.detail}\n")


@contextlib.contextmanager
def beside(app: Starlette, settings: SigningSettings, *, host: str, port: int) -> Iterator[int]:
    """Serve an app from a thread, for a process whose work is another.

    Args:
        app: what answers.
        settings: as for `server`.
        host: address to listen on.
        port: the same; 0: a free one.

    Yields:
        The port.

    Raises:
        OSError: it is taken.
    """
    aside = server(app, settings, host=host, port=port)
    listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    thread = threading.Thread(target=aside.run, args=([listener],), name="health", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        aside.should_exit = aside.force_exit = True
        thread.join()
        listener.close()


def _connections(wanted: int) -> int:
    """Let this process open so many, or as many as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, soft - OTHER_FILES))


ARENAS = 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_TRIM_BYTES, _MMAP_BYTES = 1 << 24, 1 << 22
"""A call about 1,000 stored contacts takes and frees some 30 MB: given back at once, they cost a sixth of its time."""


def keep_memory_small() -> None:
    """Give freed memory back to the system: threads share two arenas of glibc; elsewhere nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in (
            (_M_ARENA_MAX, ARENAS),
            (_M_TRIM_THRESHOLD, _TRIM_BYTES),
            (_M_MMAP_THRESHOLD, _MMAP_BYTES),
        ):
            mallopt(option, value)


def freeze_loaded() -> None:
    """Let the garbage collector pass over what is loaded by now, which is there for good."""
    gc.collect()
    gc.freeze()

"""The one way in which an app becomes a process: one worker, uvloop, JSON logs, a graceful end."""

import argparse
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import uvicorn
from fastapi import FastAPI

from shared.errors import SettingsRefused
from shared.serving import logs
from shared.serving.lean import block_training_libraries, collect_rarely, keep_memory_small
from shared.serving.metrics import shown_metrics
from shared.settings import Settings, read

SHUTDOWN_SECONDS = 10
PRIVATE_UMASK = 0o077
"""Whatever a process writes (cache, artifacts, databases) is for its own user."""
Kind = TypeVar("Kind", bound=Settings)


def run(
    name: str, kind: type[Kind], create_app: Callable[[Kind], FastAPI], *, arguments: Sequence[str] | None = None
) -> None:
    """Serve until the process is told to stop.

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
    logs.configure(settings.log_level, name)
    app = create_app(settings)
    collect_rarely()
    try:
        with shown_metrics(app.state.metrics.registry, settings):
            uvicorn.run(
                app,
                host=given.host,
                port=given.port,
                loop="uvloop",
                http="httptools",
                ws="none",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
    except SettingsRefused as error:
        parser.exit(2, f"{name}: {error.detail}\n")

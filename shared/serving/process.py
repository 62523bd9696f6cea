"""The one way in which an app becomes a process: one worker, uvloop, JSON logs, a graceful end."""

import argparse
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI

from shared.serving import logs
from shared.serving.lean import block_training_libraries, collect_rarely, keep_memory_small

SHUTDOWN_SECONDS = 10


def run(name: str, create_app: Callable[[], FastAPI], *, level: str, arguments: Sequence[str] | None = None) -> None:
    """Serve until the process is told to stop.

    Args:
        name: of the service, in every log line.
        create_app: called once the libraries of training are blocked.
        level: of the log.
        arguments: of the command line; None: those of the process.
    """
    keep_memory_small()
    block_training_libraries()
    parser = argparse.ArgumentParser(description=f"Serve {name}.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    given = parser.parse_args(arguments)
    logs.configure(level, name)
    app = create_app()
    collect_rarely()
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

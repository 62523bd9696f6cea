"""Logs as JSON lines (an event name, its facts as fields), and the metrics that every process counts."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from traceback import extract_tb

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server
from pythonjsonlogger.orjson import OrjsonFormatter

from shared.errors import SettingsRefused
from shared.settings import Settings

QUIET = ("uvicorn.access", "uvicorn.error", "asyncio")


def configure(level: str, service: str) -> None:
    """Send the process's log to standard output, one JSON object a line.

    Args:
        level: DEBUG, INFO, WARNING or ERROR.
        service: put into every line.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        OrjsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "message": "event"},
            static_fields={"service": service},
            timestamp="at",
        )
    )
    # Nobody reads where a line was written nor by which thread, and finding that out took a fifth of writing it.
    logging._srcfile = None  # as the documentation of `logging` advises
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def trail(error: BaseException) -> dict[str, object]:
    """Describe an unexpected error without its message, which may carry a payload.

    Returns:
        The class's name and the lines it came through, the innermost last.
    """
    frames = extract_tb(error.__traceback__)
    lines = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return {"error": type(error).__name__, "trail": lines}


BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ConnectionMetrics:
    """Connections of a server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("foretell_connections", "Connections that are open.", registry=registry)
        self.refused = Counter(
            "foretell_connections_refused_total",
            "Connections that were refused or closed for what they did, by cause.",
            ["cause"],
            registry=registry,
        )


class RequestMetrics:
    """Requests by route and status; shared by the gateway and the services."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.connections = ConnectionMetrics(self.registry)
        self.requests = Counter(
            "foretell_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "foretell_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.requests_of, self.seconds_of = cache(self.requests.labels), cache(self.seconds.labels)


@contextmanager
def shown_metrics(registry: CollectorRegistry, settings: Settings) -> Iterator[None]:
    """Show a process's metrics to Prometheus on a port that no client reaches, while the block runs.

    They count all accounts together, so no account's key may open them; a thread of its own answers, also while
    the process is too busy for anything else.

    Args:
        registry: what is counted.
        settings: host and port; without a port they are shown nowhere.

    Raises:
        SettingsRefused: nothing can listen there.
    """
    if settings.metrics_port is None:
        yield
        return
    host, port = settings.metrics_host, settings.metrics_port
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsRefused(
            f"FORETELL_METRICS_PORT is wrong: nothing can listen on {host}:{port} ({error.strerror})."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What a process counts about itself, in its own registry, shown at `/metrics` of a port of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from shared.errors import SettingsRefused
from shared.settings import Settings

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


class ServiceMetrics(RequestMetrics):
    """What a prediction service counts on top."""

    def __init__(self) -> None:
        super().__init__()
        self.predictions = Counter(
            "foretell_predictions_total", "Contacts answered, by status.", ["status"], registry=self.registry
        )
        self.champion_loads = Counter(
            "foretell_champion_loads_total", "Champions that were loaded.", registry=self.registry
        )
        self.champion_failures = Counter(
            "foretell_champion_failures_total",
            "Champions that were not loaded, by cause: unavailable (tried again) or refused.",
            ["cause"],
            registry=self.registry,
        )
        self.champion_poll_failures = Counter(
            "foretell_champion_poll_failures_total", "Polls of the champion rows that failed.", registry=self.registry
        )
        self.clock_skew = Gauge(
            "foretell_clock_skew_seconds",
            "How far the caller's clock was behind this one at its last call, the way included.",
            registry=self.registry,
        )
        self.models = Gauge("foretell_models", "Models kept in memory.", registry=self.registry)
        self.log_queued = Gauge(
            "foretell_prediction_log_queued", "Predictions waiting to be logged.", registry=self.registry
        )
        self.log_dropped = Counter(
            "foretell_prediction_log_dropped_total", "Predictions never logged.", registry=self.registry
        )
        self.log_failures = Counter(
            "foretell_prediction_log_failures_total", "Batches the log could not write.", registry=self.registry
        )

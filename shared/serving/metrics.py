"""What a prediction service counts beside its requests."""

from prometheus_client import Counter, Gauge

from shared.http.telemetry import RequestMetrics


class ServiceMetrics(RequestMetrics):
    """Champions, predictions and their log."""

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
        self.shadow_predictions = Counter(
            "foretell_shadow_predictions_total",
            "Contacts that a shadowing version answered beside the champion.",
            registry=self.registry,
        )
        self.shadow_dropped = Counter(
            "foretell_shadow_dropped_total",
            "Contacts that a shadowing version was to answer and did not, under pressure.",
            registry=self.registry,
        )
        self.shadow_failures = Counter(
            "foretell_shadow_failures_total",
            "Failures of shadowing versions, by cause: unavailable (tried again), refused, raised, or poll.",
            ["cause"],
            registry=self.registry,
        )

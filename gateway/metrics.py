"""The gateway's own metrics, beside those of every process."""

from prometheus_client import Counter, Gauge

from shared.http.telemetry import RequestMetrics


class GatewayMetrics(RequestMetrics):
    """Forwarding, metering and ingestion."""

    def __init__(self) -> None:
        super().__init__()
        self.upstream_answers = Counter(
            "foretell_upstream_answers_total",
            "Forwarded requests, by how they ended.",
            ["capability", "ended"],
            registry=self.registry,
        )
        self.upstream_circuit = Gauge(
            "foretell_upstream_circuit_open",
            "1 while a service is left alone since it does not answer.",
            ["capability"],
            registry=self.registry,
        )
        self.upstream_skew = Gauge(
            "foretell_upstream_clock_skew_seconds",
            "How far a service's clock is ahead of this one, as its last readiness or refusal showed.",
            ["capability"],
            registry=self.registry,
        )
        self.contacts_served = Counter(
            "foretell_contacts_served_total",
            "Contacts that the services answered for.",
            ["capability"],
            registry=self.registry,
        )
        self.webhooks = Counter(
            "foretell_webhooks_total",
            "What webhooks said, by provider and what became of it; `refused` counts whole requests.",
            ["provider", "became"],
            registry=self.registry,
        )
        self.repeats = Counter(
            "foretell_repeated_requests_total",
            "Requests whose idempotency key was used before, by what they were told.",
            ["told"],
            registry=self.registry,
        )
        self.refused_by_quota = Counter(
            "foretell_quota_refusals_total",
            "Requests refused since a quota was used up.",
            ["policy"],
            registry=self.registry,
        )
        self.limits_alone = Counter(
            "foretell_limits_alone_total",
            "Requests counted in this process alone, since Redis was away.",
            registry=self.registry,
        )
        self.ingested = Counter(
            "foretell_ingested_total",
            "Contacts, events and items taken in, by what became of them.",
            ["kind", "status"],
            registry=self.registry,
        )

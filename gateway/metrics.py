"""What the gateway counts, beside what every process counts."""

from prometheus_client import Counter

from shared.serving.metrics import RequestMetrics


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
        self.ingested = Counter(
            "foretell_ingested_total",
            "Contacts and events taken in, by what became of them.",
            ["kind", "status"],
            registry=self.registry,
        )

"""Metrics are shown to who collects them, and to no client."""

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.errors import SettingsRefused
from shared.http.telemetry import shown_metrics
from shared.settings import Settings


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("things_total", "Things.", registry=made).inc(3)
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_they_are_shown_on_their_own_port_while_the_process_lives(registry: CollectorRegistry) -> None:
    settings = Settings(metrics_port=free_port())
    url = f"http://127.0.0.1:{settings.metrics_port}/metrics"

    with shown_metrics(registry, settings), urllib.request.urlopen(url, timeout=30) as answer:
        shown = answer.read()

    assert b"things_total 3.0" in shown
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=30)


def test_a_taken_port_is_a_sentence(registry: CollectorRegistry) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(metrics_port=taken.getsockname()[1])

        with (
            pytest.raises(SettingsRefused, match="FORETELL_METRICS_PORT is wrong: nothing can listen"),
            shown_metrics(registry, settings),
        ):
            pass

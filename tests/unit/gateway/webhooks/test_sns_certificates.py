"""Certificates of Amazon SNS: fetched once, kept a day, never more than a few."""

import pytest

from gateway.webhooks.sns import KEPT, FetchedCertificates
from shared.errors import UpstreamUnavailable

URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{}.pem"


class Fetching:
    """A fetch that writes down what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 0.0

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return b"pem of " + url.encode()

    def monotonic(self) -> float:
        return self.now


def test_a_certificate_is_fetched_once_a_day() -> None:
    fetching = Fetching()
    source = FetchedCertificates(fetching, fetching.monotonic)

    first = source.certificate(URL.format(1))
    again = source.certificate(URL.format(1))
    fetching.now = 86_400.0
    source.certificate(URL.format(1))

    assert first == again
    assert fetching.asked == [URL.format(1), URL.format(1)]


def test_few_certificates_are_kept() -> None:
    fetching = Fetching()
    source = FetchedCertificates(fetching, fetching.monotonic)

    for number in range(KEPT + 1):
        source.certificate(URL.format(number))
    source.certificate(URL.format(KEPT))
    source.certificate(URL.format(0))

    assert fetching.asked == [URL.format(number) for number in [*range(KEPT + 1), 0]]


def test_a_failed_fetch_is_not_kept() -> None:
    asked: list[str] = []

    def fail_once(url: str) -> bytes:
        asked.append(url)
        if len(asked) == 1:
            raise UpstreamUnavailable("away")
        return b"pem"

    clock = Fetching()
    source = FetchedCertificates(fail_once, clock.monotonic)

    for _ in range(2):
        with pytest.raises(UpstreamUnavailable):
            source.certificate(URL.format(1))
    assert len(asked) == 1  # it has a rest
    clock.now = 30.0
    assert source.certificate(URL.format(1)) == b"pem"

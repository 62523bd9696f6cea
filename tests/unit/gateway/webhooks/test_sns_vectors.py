"""Amazon SNS: messages that Amazon really signed, published with its SDK for Ruby (see vectors/sns.json)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.webhooks.provider import Credentials
from gateway.webhooks.providers.ses import AmazonSes

VECTORS = Path(__file__).parent / "vectors"
MESSAGES = json.loads((VECTORS / "sns.json").read_text(encoding="utf-8"))["messages"]
THEN = datetime(2022, 7, 28, 21, 25, tzinfo=UTC)
EVERY = pytest.mark.parametrize("message", MESSAGES, ids=["SHA1", "SHA256"])


class Published:
    """The certificate that Amazon had then."""

    def certificate(self, url: str) -> bytes:
        return (VECTORS / url.rsplit("/", 1)[1]).read_bytes()


def listed(message: dict[str, Any]) -> Credentials:
    return Credentials([], {"topics": [message["TopicArn"]]})


@EVERY
def test_what_amazon_signed_is_believed(arrived: Any, message: dict[str, Any]) -> None:
    AmazonSes(Published()).verify(arrived(json.dumps(message).encode(), at=THEN), listed(message))


@EVERY
def test_with_one_letter_changed_it_is_not(arrived: Any, refused: Any, message: dict[str, Any]) -> None:
    forged = json.dumps({**message, "Message": "Hello World"}).encode()

    assert "does not fit" in refused(AmazonSes(Published()), arrived(forged, at=THEN), listed(message))


@EVERY
def test_after_an_hour_it_is_not(arrived: Any, refused: Any, message: dict[str, Any]) -> None:
    late = datetime(2022, 7, 28, 22, 30, tzinfo=UTC)

    assert "older" in refused(AmazonSes(Published()), arrived(json.dumps(message).encode(), at=late), listed(message))

"""Klaviyo: signatures, events as its API gives them, and what is refused."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.webhooks.provider import Credentials, IncomingEvent, ItemRefused, Recipient, Signals, SignedRequest
from gateway.webhooks.providers.klaviyo import Klaviyo
from shared.errors import BadRequest

# Klaviyo publishes no vector: body and timestamp are of its guide, the signature was made with
# `openssl dgst -sha256 -hmac` over the body followed by the timestamp.
KEY = "klaviyo-test-secret"
WEBHOOK = "a8b890458b4bbfaa26d961471b83c101d6de23bd826e7e5173a15310985ec3cb"
BODY = (
    b'{"data":[{"external_id":"4L3cwQae2TX","topic":"event:klaviyo.sent_sms"}],'
    b'"meta":{"klaviyo_webhook_id":"' + WEBHOOK.encode() + b'"}}'
)
TIMESTAMP = "Thu, 04 Jan 2024 18:05:25 GMT"
SIGNATURE = "5aa0e720d80b3a04ca04baf3c65cdfe31da57504af69fee8da29c35d45f0596b"
THEN = datetime(2024, 1, 4, 18, 5, 25, tzinfo=UTC)
PROFILE = "01GDDKASAP8TKDDA2GRZDSVP4H"

SignedFor = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> SignedFor:
    """Make a signed request, with what a test wants changed."""

    def make(
        body: bytes = BODY,
        *,
        at: datetime = THEN,
        signature: str = SIGNATURE,
        timestamp: str = TIMESTAMP,
        webhook: str = WEBHOOK,
    ) -> SignedRequest:
        headers = {"klaviyo-signature": signature, "klaviyo-timestamp": timestamp, "klaviyo-webhook-id": webhook}
        request: SignedRequest = arrived(body, {name: one for name, one in headers.items() if one}, at=at)
        return request

    return make


def signature_of(body: bytes, timestamp: str = TIMESTAMP) -> str:
    """Sign as Klaviyo documents it, independently of the code under test."""
    return hmac.digest(KEY.encode(), body + timestamp.encode(), hashlib.sha256).hex()


def test_a_signed_request_is_believed(signed: SignedFor) -> None:
    Klaviyo().verify(signed(), Credentials([KEY]))


@pytest.mark.parametrize(
    "timestamp",
    ["2024-01-04T18:05:25+00:00", "2024-01-04T18:05:25.123Z", "2024-01-04T18:05:25", "1704391525", TIMESTAMP],
)
def test_the_timestamp_is_read_in_each_form_it_was_seen_in(signed: SignedFor, timestamp: str) -> None:
    request = signed(timestamp=timestamp, signature=signature_of(BODY, timestamp).upper())

    Klaviyo().verify(request, Credentials([KEY]))


@pytest.mark.parametrize("secrets", [["another", KEY], [KEY, "another"]])
def test_while_keys_are_exchanged_either_is_enough(signed: SignedFor, secrets: list[str]) -> None:
    Klaviyo().verify(signed(), Credentials(secrets))


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY[:-1]},
        {"body": BODY.replace(b"sms", b"SMS")},
        {"timestamp": "Thu, 04 Jan 2024 18:05:26 GMT"},
        {"timestamp": "yesterday"},
        {"timestamp": "0001-01-01T00:00:00+23:59"},
        {"timestamp": "Mon, 99 Jan 99999999999999999999 00:00:00 GMT"},
        {"signature": SIGNATURE[::-1]},
        {"signature": f"sha256={SIGNATURE}"},
        {"signature": "ü" * 64},
        {"signature": ""},
        {"timestamp": ""},
        {"webhook": ""},
        {"webhook": "another"},
        {"webhook": "é"},
        {"at": THEN + timedelta(seconds=301)},
        {"at": THEN - timedelta(seconds=301)},
    ],
)
def test_what_is_forged_stale_or_incomplete_is_refused(signed: SignedFor, refused: Any, changed: Any) -> None:
    refused(Klaviyo(), signed(**changed), Credentials([KEY]))


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"7", b'{"meta": []}', b'{"meta": {}}', b'{"meta": {"klaviyo_webhook_id": 7}}']
)
def test_a_signed_body_without_its_webhooks_id_is_refused(signed: SignedFor, refused: Any, body: bytes) -> None:
    refused(Klaviyo(), signed(body, signature=signature_of(body)), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[], ["the key of another source"]])
def test_another_key_or_none_is_refused(signed: SignedFor, refused: Any, secrets: list[str]) -> None:
    refused(Klaviyo(), signed(), Credentials(secrets))


def test_the_events_are_taken_out_of_data(signed: SignedFor) -> None:
    assert Klaviyo().items(signed()) == [{"external_id": "4L3cwQae2TX", "topic": "event:klaviyo.sent_sms"}]


@pytest.mark.parametrize("body", [b"[]", b'{"data": {}}', b"{}", b"null"])
def test_a_body_without_a_list_of_events_cannot_be_read(signed: SignedFor, body: bytes) -> None:
    with pytest.raises(BadRequest):
        Klaviyo().items(signed(body))


def test_a_delivered_message_is_an_event_of_the_profile(translated: Any) -> None:
    assert translated(Klaviyo(), "delivered") == [
        IncomingEvent(
            receipt="4L3cwQae2TX",
            recipient=Recipient(email="sarah.mason@klaviyo-demo.com", external_id=PROFILE),
            type="email_delivered",
            occurred_at=THEN,
            message_id="01HJ5",
            campaign_id="01HJ5",
            properties={"campaign": "New Year"},
        )
    ]


def test_an_open_keeps_klaviyos_own_judgement(translated: Any) -> None:
    (said,) = translated(Klaviyo(), "opened")

    assert (said.type, said.campaign_id, said.signals) == ("email_opened", "XYZ", Signals(machine="machine_open"))


def test_a_click_keeps_its_link_without_the_query(translated: Any) -> None:
    (said,) = translated(Klaviyo(), "clicked")

    assert (said.type, said.item, said.signals) == ("email_clicked", "https://shop.example/sale", Signals())
    assert said.occurred_at == THEN + timedelta(seconds=2)
    assert said.recipient == Recipient(external_id=PROFILE)


def test_a_bounce_without_a_profile_is_of_the_address(translated: Any) -> None:
    (said,) = translated(Klaviyo(), "bounced")

    assert said.recipient == Recipient(email="sarah.mason@klaviyo-demo.com")
    assert (said.type, said.properties) == ("email_bounced", {"bounce": "Hard"})


def test_an_order_of_a_connected_shop_has_its_value(translated: Any) -> None:
    (said,) = translated(Klaviyo(), "ordered")

    assert (said.type, said.value, said.currency) == ("order_placed", 49.9, "USD")


@pytest.mark.parametrize(
    ("topic", "type_"),
    [
        ("event:klaviyo.marked_email_as_spam", "email_complained"),
        ("event:klaviyo.unsubscribed_from_email_marketing", "email_unsubscribed"),
        ("event:klaviyo.subscribed_to_email_marketing", "email_resubscribed"),
        ("event:klaviyo.email_opened", "email_opened"),
        ("event:klaviyo.received_sms", "sms_replied"),
        ("event:klaviyo.opened_push", "push_opened"),
        ("event:klaviyo.submitted_review", "submitted_review"),
        ("event:api.active_on_site", "active_on_site"),
    ],
)
def test_topics_have_our_names(translated: Any, topic: str, type_: str) -> None:
    (said,) = translated(Klaviyo(), "delivered", topic=topic)

    assert said.type == type_


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "profile.updated"},
        {"topic": "event:klaviyo."},
        {"topic": None},
        {"external_id": None},
        {"payload": None},
        {"payload": []},
        {"payload": {"data": []}},
        {"payload": {"data": {"attributes": {"timestamp": "soon"}, "relationships": 7}}},
    ],
)
def test_an_item_that_cannot_be_normalized_is_refused(translated: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(Klaviyo(), "delivered", **changes)

"""Customer.io: signatures, its documented payloads, and what is refused."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    IncomingEvent,
    ItemRefused,
    Recipient,
    Signals,
    SignedRequest,
)
from gateway.webhooks.providers.customerio import CustomerIo

# Customer.io publishes no vector: made with `openssl dgst -sha256 -hmac` over v0:TIMESTAMP:BODY.
KEY = "7feecf8c1b1f4f3da0e12d6b5a94b0a4"
TIMESTAMP = "1585250200"
BODY = b'{"event_id":"01E4C4CT6YDC7Y5M7FE1GWWPQJ","object_type":"email","metric":"sent","timestamp":1585250200}'
SIGNATURE = "ccab4cf08a455adc4ed1a0d20cc4a92fe075775c958202636d64792326945f44"
THEN = datetime(2020, 3, 26, 19, 16, 40, tzinfo=UTC)
PERSON = Recipient(contact_id="0200102", email="test@example.com", external_id="d9c106000001")
DELIVERY = "RPILAgUBcRhIBqSfeiIwdIYJKxTY"

SignedFor = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> SignedFor:
    """Make a signed request, with what a test wants changed."""

    def make(
        body: bytes = BODY, *, at: datetime = THEN, signature: str = SIGNATURE, timestamp: str = TIMESTAMP
    ) -> SignedRequest:
        headers = {"x-cio-signature": signature, "x-cio-timestamp": timestamp}
        request: SignedRequest = arrived(body, {name: one for name, one in headers.items() if one}, at=at)
        return request

    return make


def test_a_signed_request_is_believed(signed: SignedFor) -> None:
    CustomerIo().verify(signed(), Credentials([KEY]))


@pytest.mark.parametrize("body", [b"", "héllo \U0001f980".encode(), b"\xff\xfe"])
def test_any_body_can_be_signed(signed: SignedFor, body: bytes) -> None:
    signature = hmac.digest(KEY.encode(), b"v0:1585250200:" + body, hashlib.sha256).hex()

    CustomerIo().verify(signed(body, signature=signature.upper()), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [["another", KEY], [KEY, "another"]])
def test_while_keys_are_exchanged_either_is_enough(signed: SignedFor, secrets: list[str]) -> None:
    CustomerIo().verify(signed(), Credentials(secrets))


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY[:-1]},
        {"body": BODY.replace(b"sent", b"open")},
        {"timestamp": "1585250201"},
        {"timestamp": "2020-03-26"},
        {"timestamp": "9" * 20},
        {"timestamp": "٣"},
        {"signature": SIGNATURE[::-1]},
        {"signature": f"v0={SIGNATURE}"},
        {"signature": SIGNATURE[:32]},
        {"signature": "ÿ" * 64},
        {"signature": ""},
        {"timestamp": ""},
        {"at": THEN + timedelta(seconds=301)},
        {"at": THEN - timedelta(seconds=301)},
    ],
)
def test_what_is_forged_stale_or_incomplete_is_refused(signed: SignedFor, refused: Any, changed: Any) -> None:
    refused(CustomerIo(), signed(**changed), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[], ["the key of another source"]])
def test_another_key_or_none_is_refused(signed: SignedFor, refused: Any, secrets: list[str]) -> None:
    refused(CustomerIo(), signed(), Credentials(secrets))


def test_a_sent_message_is_an_event_of_the_accounts_own_contact(translated: Any) -> None:
    assert translated(CustomerIo(), "sent") == [
        IncomingEvent(
            receipt="01E4C4CT6YDC7Y5M7FE1GWWPQJ",
            recipient=PERSON,
            type="email_sent",
            occurred_at=THEN,
            message_id=DELIVERY,
            campaign_id="6",
            properties={"action_id": "37"},
        )
    ]


def test_a_click_keeps_its_link_without_the_query(translated: Any) -> None:
    (said,) = translated(CustomerIo(), "clicked")

    assert (said.type, said.item, said.campaign_id) == ("email_clicked", "https://www.customer.io/docs", "9")


@pytest.mark.parametrize(
    ("name", "signals"),
    [
        ("opened", Signals()),
        ("prefetched", Signals(machine="prefetched")),
        ("human_opened", Signals(human="human_opened")),
    ],
)
def test_an_open_keeps_what_customer_io_knows_of_machines(translated: Any, name: str, signals: Signals) -> None:
    (said,) = translated(CustomerIo(), name)

    assert (said.type, said.signals) == ("email_opened", signals)


@pytest.mark.parametrize(
    ("name", "changes", "type_"),
    [
        ("sent", {"metric": "delivered"}, "email_delivered"),
        ("sent", {"metric": "human_clicked"}, "email_clicked"),
        ("sent", {"metric": "converted"}, "email_converted"),
        ("bounced", {}, "email_bounced"),
        ("sent", {"metric": "dropped"}, "email_dropped"),
        ("sent", {"metric": "failed"}, "email_dropped"),
        ("spammed", {}, "email_complained"),
        ("sent", {"metric": "unsubscribed"}, "email_unsubscribed"),
        ("unsubscribed", {}, "email_unsubscribed"),
        ("unsubscribed", {"metric": "subscribed"}, "email_resubscribed"),
        ("sms", {}, "sms_clicked"),
        ("sms", {"object_type": "push", "metric": "opened"}, "push_opened"),
        ("sms", {"object_type": "in_app", "metric": "sent"}, "in_app_sent"),
    ],
)
def test_metrics_have_our_names(translated: Any, name: str, changes: dict[str, Any], type_: str) -> None:
    (said,) = translated(CustomerIo(), name, **changes)

    assert said.type == type_


def test_without_identifiers_the_address_it_was_sent_to_counts(translated: Any) -> None:
    (said,) = translated(CustomerIo(), "bounced")

    assert said.recipient == Recipient(email="test@example.com")


def test_a_telephone_number_is_no_identity(translated: Any) -> None:
    (said,) = translated(CustomerIo(), "sms")

    assert said.recipient == Recipient(contact_id="0200102")


@pytest.mark.parametrize(
    ("name", "changes"),
    [("drafted", {}), ("preferences", {}), ("sent", {"metric": "attempted"}), ("sent", {"object_type": "slack"})],
)
def test_what_reaches_no_contact_is_passed_over(translated: Any, name: str, changes: dict[str, Any]) -> None:
    (said,) = translated(CustomerIo(), name, **changes)

    assert isinstance(said, Ignored)


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "exploded"},
        {"object_type": "fax"},
        {"event_id": None},
        {"timestamp": float("nan")},
        {"timestamp": "soon"},
        {"data": {}},
        {"data": []},
        {"data": "nobody"},
        {"data": {"identifiers": {"id": {"deep": 1}}}},
    ],
)
def test_an_item_that_cannot_be_normalized_is_refused(translated: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(CustomerIo(), "sent", **changes)

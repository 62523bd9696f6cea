"""Mailgun: signatures made by plain hmac (no vector with its key is published), samples, and what is refused."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.webhooks.provider import Credentials, IncomingEvent, ItemRefused, Recipient, Signals, SignedRequest
from gateway.webhooks.providers.mailgun import Mailgun

KEY = "key-of-mailgun-0123456789"
OTHER = "key-of-another-account-99"
TOKEN = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TIMESTAMP = "1780315200"
EVENT = {"event": "opened", "timestamp": 1780315190.5, "recipient": "ann@example.com"}

Signed = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> Signed:
    """Make a request that is signed with the key, and changed afterwards as a test wants it."""

    def make(*, key: str = KEY, at: datetime = NOON, timestamp: str = TIMESTAMP, **changes: Any) -> SignedRequest:
        proof = {
            "timestamp": timestamp,
            "token": TOKEN,
            "signature": hmac.new(key.encode(), f"{timestamp}{TOKEN}".encode(), hashlib.sha256).hexdigest(),
            **changes,
        }
        proof = {name: value for name, value in proof.items() if value is not None}
        body = json.dumps({"signature": proof, "event-data": EVENT}).encode()
        request: SignedRequest = arrived(body, at=at)
        return request

    return make


def test_a_signature_of_the_key_is_believed(signed: Signed) -> None:
    Mailgun().verify(signed(), Credentials([KEY]))


def test_the_signature_is_the_hmac_that_openssl_makes(arrived: Any) -> None:
    # printf 1780315200$TOKEN | openssl dgst -sha256 -hmac key-of-mailgun-0123456789
    signature = "60a8310701034b8b84392e9c95dbf77c3bf225f3ea5206fb1efc97631eb0a61d"
    body = json.dumps({"signature": {"timestamp": TIMESTAMP, "token": TOKEN, "signature": signature}}).encode()

    Mailgun().verify(arrived(body), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[KEY, OTHER], [OTHER, KEY], [f" {KEY}\n"]])
def test_while_keys_are_exchanged_either_is_enough(signed: Signed, secrets: list[str]) -> None:
    Mailgun().verify(signed(), Credentials(secrets))


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": None},
        {"signature": "ä" * 64},
        {"signature": ["a"]},
        {"token": TOKEN[:-1] + "1"},
        {"token": None},
        {"token": {"a": 1}},
        {"timestamp": "1780315201"},
    ],
    ids=range(9),
)
def test_a_changed_proof_is_refused(signed: Signed, refused: Any, change: dict[str, Any]) -> None:
    request = signed()
    body = json.loads(request.body)
    body["signature"].update(change)

    refused(Mailgun(), SignedRequest(json.dumps(body).encode(), {}, "", "POST", NOON), Credentials([KEY]))


@pytest.mark.parametrize(("late_hours", "believed"), [(0, True), (8, True), (12, True), (12.01, False), (-0.1, False)])
def test_a_retry_is_believed_and_a_replay_after_half_a_day_is_not(
    signed: Signed, refused: Any, late_hours: float, *, believed: bool
) -> None:
    request = signed(at=NOON + timedelta(hours=late_hours))

    if believed:
        Mailgun().verify(request, Credentials([KEY]))
    else:
        refused(Mailgun(), request, Credentials([KEY]))


@pytest.mark.parametrize("timestamp", ["", "now", "-1780315200", "1780315200.5"])
def test_a_timestamp_that_is_none_is_refused(signed: Signed, refused: Any, timestamp: str) -> None:
    refused(Mailgun(), signed(timestamp=timestamp), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[], [""], [OTHER], [KEY.upper()]])
def test_without_the_key_nobody_is_believed(signed: Signed, refused: Any, secrets: list[str]) -> None:
    refused(Mailgun(), signed(), Credentials(secrets))


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_body_cut_short_is_refused(signed: Signed, refused: Any, cut: int) -> None:
    request = signed()

    refused(Mailgun(), SignedRequest(request.body[:-cut], {}, "", "POST", NOON), Credentials([KEY]))


@pytest.mark.parametrize(
    "body", [b"event=opened&token=abc&timestamp=1&signature=x", b'--b\r\n name="token"\r\n\r\nabc']
)
def test_the_old_format_is_refused_by_its_name(arrived: Any, refused: Any, body: bytes) -> None:
    assert "old, form-encoded" in refused(Mailgun(), arrived(body), Credentials([KEY]))


def test_an_item_keeps_the_token_and_no_signature(signed: Signed) -> None:
    assert Mailgun().items(signed()) == [{"receipt": TOKEN, "event-data": EVENT}]


ANN = Recipient(email="recipient@example.com")
FIRST = "20130503182626.18666.16540@example.org"
TAGGED: Any = {"campaign_id": "my_tag_1", "properties": {"tags": ["my_tag_1"]}}
LINUX = Signals(user_agent="Mozilla/5.0 (X11; Linux x86_64)", ip="50.56.129.169")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "accepted",
            IncomingEvent(
                "token-1",
                Recipient(contact_id="c-42", email="recipient@example.com"),
                "email_sent",
                datetime(2018, 6, 22, 18, 29, 58, 641_821, tzinfo=UTC),
                FIRST,
                "spring",
                properties={"tags": ["my_tag_1", "my_tag_2"]},
            ),
        ),
        (
            "delivered",
            IncomingEvent(
                "token-2", ANN, "email_delivered", datetime(2018, 3, 19, 15, 11, 2, 908_181, tzinfo=UTC), FIRST
            ),
        ),
        (
            "temporary",
            IncomingEvent(
                "token-3",
                ANN,
                "email_deferred",
                datetime(2018, 3, 19, 15, 11, 2, 908_181, tzinfo=UTC),
                FIRST,
                "my_tag_1",
                properties={"bounce": "temporary", "reason": "generic", "status": "452", "tags": ["my_tag_1"]},
            ),
        ),
        (
            "permanent",
            IncomingEvent(
                "token-4",
                ANN,
                "email_bounced",
                datetime(2018, 3, 16, 20, 46, 35, 375_624, tzinfo=UTC),
                "20130503192659.13651.20287@example.org",
                properties={"bounce": "permanent", "reason": "suppress-bounce", "status": "605"},
            ),
        ),
        (
            "opened",
            IncomingEvent(
                "token-5",
                Recipient(contact_id="42", email="recipient@example.com"),
                "email_opened",
                datetime(2018, 3, 16, 23, 35, 39, 873_676, tzinfo=UTC),
                FIRST,
                **TAGGED,
                signals=LINUX,
            ),
        ),
        (
            "bot_open",
            IncomingEvent(
                "token-6",
                ANN,
                "email_opened",
                datetime(2022, 5, 18, 14, 17, 15, 279_025, tzinfo=UTC),
                FIRST,
                signals=Signals(machine="client-info.bot", user_agent="Mozilla/5.0"),
            ),
        ),
        (
            "clicked",
            IncomingEvent(
                "token-7",
                ANN,
                "email_clicked",
                datetime(2018, 6, 22, 18, 29, 59, 626_182, tzinfo=UTC),
                FIRST,
                "my_tag_1",
                item="https://example.com/offers/7",
                properties={"tags": ["my_tag_1", "my_tag_2"]},
                signals=LINUX,
            ),
        ),
        (
            "unsubscribed",
            IncomingEvent(
                "token-8",
                ANN,
                "email_unsubscribed",
                datetime(2013, 8, 22, 23, 23, 11, 421_473, tzinfo=UTC),
                "20130822232216.13966.79700@example.org",
            ),
        ),
        (
            "complained",
            IncomingEvent(
                "token-9",
                ANN,
                "email_complained",
                datetime(2013, 8, 22, 23, 31, 0, 49_634, tzinfo=UTC),
                "20130718032413.263EE2E0926@example.org",
            ),
        ),
        (
            "rejected",
            IncomingEvent(
                "token-10",
                ANN,
                "email_dropped",
                datetime(2018, 6, 22, 22, 2, 56, 104_692, tzinfo=UTC),
                "20180622220256.1.B31A451A2E5422BB@example.org",
            ),
        ),
    ],
)
def test_each_kind_of_event(translated: Any, name: str, expected: IncomingEvent) -> None:
    assert translated(Mailgun(), name) == [expected]


@pytest.mark.parametrize(
    "change", [{"event": "invented"}, {"event": "failed", "severity": "odd"}, {"event": "failed"}, {"recipient": 7}]
)
def test_an_event_that_says_too_little_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused, match="event-data"):
        Mailgun().translate({"receipt": TOKEN, "event-data": {**EVENT, **change}}, received_at=NOON)

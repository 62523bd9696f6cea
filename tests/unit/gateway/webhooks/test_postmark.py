"""Postmark: a secret that travels along, its published samples, and what is refused."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.provider import Credentials, Ignored, IncomingEvent, ItemRefused, Recipient, Signals
from gateway.webhooks.providers.postmark import Postmark

SECRET = "postmark:vJ3xkq8t2n"
NIL = "00000000-0000-0000-0000-000000000000"
BOUNCED = "883953f4-6105-42a2-a16a-77a8eac79483"
JOHN = Recipient(email="john@example.com")
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_7_5)"
WELCOME: Any = {"campaign_id": "welcome-email", "properties": {"stream": "outbound", "tags": ["welcome-email"]}}


def basic(text: str) -> Mapping[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    "headers", [basic(SECRET), {"authorization": f"Bearer {SECRET}"}, {"x-foretell-secret": SECRET}]
)
@pytest.mark.parametrize("secrets", [[SECRET], ["postmark:another", SECRET], [SECRET, "postmark:another"]])
def test_the_secret_is_believed_wherever_it_stands(
    arrived: Any, headers: Mapping[str, str], secrets: list[str]
) -> None:
    Postmark().verify(arrived(b"{}", headers), Credentials(secrets))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("postmark:another"),
        basic(SECRET[:-1]),
        basic(SECRET + "x"),
        basic(SECRET.swapcase()),
        basic("pöstmark:vJ3xkq8t2n"),
        {"authorization": "Basic " + SECRET},
        {"authorization": SECRET},
        {"x-foretell-secret": "ä"},
    ],
    ids=range(9),
)
def test_other_credentials_are_refused(arrived: Any, refused: Any, headers: Mapping[str, str]) -> None:
    refused(Postmark(), arrived(b"{}", headers), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [[], [""], ["other:account"]])
def test_without_its_secret_a_source_believes_nobody(arrived: Any, refused: Any, secrets: list[str]) -> None:
    refused(Postmark(), arrived(b"{}", basic(SECRET)), Credentials(secrets))


@pytest.mark.parametrize(
    ("name", "type_", "at", "told"),
    [
        (
            "delivery",
            "email_delivered",
            datetime(2026, 2, 1, 17, 28, 10, 273_539, tzinfo=UTC),
            {
                "recipient": Recipient(contact_id="c-42", email="john@example.com"),
                "campaign_id": "spring",
                "properties": {"stream": "outbound", "tags": ["welcome-email"]},
            },
        ),
        (
            "bounce",
            "email_bounced",
            datetime(2026, 11, 5, 16, 33, 54, 907_025, tzinfo=UTC),
            {
                "message_id": BOUNCED,
                "campaign_id": "Test",
                "properties": {"bounce": "HardBounce", "stream": "outbound", "tags": ["Test"]},
            },
        ),
        (
            "transient",
            "email_deferred",
            datetime(2026, 11, 5, 16, 33, 54, tzinfo=UTC),
            {"message_id": BOUNCED, "properties": {"bounce": "Transient"}},
        ),
        (
            "complaint",
            "email_complained",
            datetime(2026, 11, 5, 16, 33, 54, tzinfo=UTC),
            {"properties": {"stream": "outbound"}},
        ),
        (
            "open",
            "email_opened",
            datetime(2026, 2, 1, 13, 28, 10, 273_539, tzinfo=UTC),
            {**WELCOME, "signals": Signals(user_agent=MAC, ip="188.2.95.4")},
        ),
        (
            "click",
            "email_clicked",
            datetime(2026, 10, 25, 15, 21, 11, 906_561, tzinfo=UTC),
            {**WELCOME, "item": "https://example.com/click/me", "signals": Signals(user_agent=MAC)},
        ),
        ("unsubscribed", "email_unsubscribed", datetime(2026, 2, 1, 10, 53, 34, 416_071, tzinfo=UTC), WELCOME),
        (
            "resubscribed",
            "email_resubscribed",
            datetime(2026, 2, 1, 10, 53, 34, 416_071, tzinfo=UTC),
            {"properties": {"stream": "outbound"}},
        ),
    ],
)
def test_each_kind_of_event(translated: Any, name: str, type_: str, at: datetime, told: dict[str, Any]) -> None:
    (event,) = translated(Postmark(), name)

    always = {"receipt": event.receipt, "recipient": JOHN, "message_id": NIL}
    assert event == IncomingEvent(type=type_, occurred_at=at, **{**always, **told})


@pytest.mark.parametrize("name", ["away", "suppressed"])
def test_what_is_no_fate_of_a_message_is_ignored(translated: Any, name: str) -> None:
    (said,) = translated(Postmark(), name)

    assert isinstance(said, Ignored)


@pytest.mark.parametrize(
    ("kind", "type_"),
    [("SoftBounce", "email_bounced"), ("Unsubscribe", "email_unsubscribed"), ("SpamComplaint", "email_complained")],
)
def test_a_bounce_says_what_it_is(translated: Any, kind: str, type_: str) -> None:
    (event,) = translated(Postmark(), "bounce", Type=kind)

    assert event.type == type_


def test_the_same_event_has_the_same_receipt_and_another_has_not(translated: Any) -> None:
    (first,) = translated(Postmark(), "click")
    (again,) = translated(Postmark(), "click", UserAgent="other", Geo={"City": "Rome"})
    others = [
        translated(Postmark(), "click", OriginalLink="https://example.com/click/me?u=2")[0],
        translated(Postmark(), "click", ReceivedAt="2026-10-25T15:21:11.9065620Z")[0],
        translated(Postmark(), "click", MessageID=BOUNCED)[0],
        translated(Postmark(), "click", RecordType="Open")[0],
    ]

    assert again.receipt == first.receipt
    assert first.receipt not in {one.receipt for one in others}


@pytest.mark.parametrize(
    "change",
    [
        {"RecordType": "Inbound"},
        {"RecordType": None},
        {"MessageID": ""},
        {"Recipient": "nobody"},
        {"ReceivedAt": "now"},
    ],
)
def test_an_event_that_says_too_little_is_refused(translated: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(Postmark(), "open", **change)


def test_a_message_that_reaches_two_people_in_one_second_counts_twice(translated: Any) -> None:
    (first,) = translated(Postmark(), "delivery", Recipient="ann@example.com")
    (second,) = translated(Postmark(), "delivery", Recipient="bob@example.com")

    assert first.receipt != second.receipt

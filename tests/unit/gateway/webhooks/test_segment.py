"""The Segment specification: signatures, its documented payloads, clocks, and what is refused."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    IncomingContact,
    IncomingEvent,
    IncomingMerge,
    ItemRefused,
    Recipient,
    SignedRequest,
)
from gateway.webhooks.providers.segment import Segment

# Segment publishes no vector: made with `openssl dgst -sha1 -hmac`.
SECRET = "segment-test-secret"
BODY = b'{"type":"track","event":"Order Completed","userId":"u-1","messageId":"m-1"}'
SIGNATURE = "2e3508768b3a83153f98cef56146bca627473f73"
USER = Recipient(contact_id="97980cfea0067")

RequestFor = Callable[..., SignedRequest]


def basic(user: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}


def test_a_signed_request_is_believed(arrived: Any) -> None:
    Segment().verify(arrived(BODY, {"x-signature": SIGNATURE}), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [["another", SECRET], [SECRET, "another"]])
def test_while_secrets_are_exchanged_either_is_enough(arrived: Any, secrets: list[str]) -> None:
    Segment().verify(arrived(BODY, {"x-signature": SIGNATURE.upper()}), Credentials(secrets))
    Segment().verify(arrived(BODY, basic(f"{SECRET}:")), Credentials(secrets))


@pytest.mark.parametrize(
    "headers",
    [basic(f"{SECRET}:"), {"authorization": f"Bearer {SECRET}"}, {"x-foretell-secret": SECRET}],
)
def test_a_secret_that_comes_along_is_believed(arrived: Any, headers: dict[str, str]) -> None:
    Segment().verify(arrived(BODY, headers), Credentials([SECRET]))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY[:-1], {"x-signature": SIGNATURE}),
        (BODY.replace(b"u-1", b"u-2"), {"x-signature": SIGNATURE}),
        (BODY, {"x-signature": SIGNATURE[::-1]}),
        (BODY, {"x-signature": "é" * 40}),
        (BODY, {"x-signature": "forged", **basic(f"{SECRET}:")}),
        (BODY, basic("another:")),
        (BODY, basic(f"user:{SECRET}")),
        (BODY, basic("")),
        (BODY, {"authorization": "Basic é"}),
        (BODY, {"authorization": "Bearer"}),
        (BODY, {}),
    ],
)
def test_what_is_forged_or_comes_without_proof_is_refused(
    arrived: Any, refused: Any, body: bytes, headers: Any
) -> None:
    refused(Segment(), arrived(body, headers), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [[], ["the secret of another source"]])
def test_another_secret_or_none_is_refused(arrived: Any, refused: Any, secrets: list[str]) -> None:
    refused(Segment(), arrived(BODY, {"x-signature": SIGNATURE}), Credentials(secrets))
    refused(Segment(), arrived(BODY, basic(":")), Credentials(secrets))


def test_an_identified_visitor_is_the_contact_with_its_facts_and_without_its_name(translated: Any) -> None:
    assert translated(Segment(), "identify") == [
        IncomingContact(
            receipt="022bb90c-bbac-11e4-8dfc-aa07a5b093db",
            recipient=Recipient(
                contact_id="97980cfea0067", email="peter@example.com", anonymous_id="507f191e810c19729de860ea"
            ),
            occurred_at=datetime(2015, 2, 23, 22, 28, 55, 111000, tzinfo=UTC),
            attributes={"plan": "premium", "logins": 5},
            timezone="Europe/Amsterdam",
            created_at=datetime(2014, 11, 1, 9, tzinfo=UTC),
        )
    ]


def test_an_order_has_its_value_once(translated: Any) -> None:
    assert translated(Segment(), "order") == [
        IncomingEvent(
            receipt="order-1",
            recipient=USER,
            type="order_placed",
            occurred_at=datetime(2026, 5, 3, 10, 15, tzinfo=UTC),
            value=25.0,
            currency="USD",
            properties={"order_id": "50314b8e9bcf000000000000", "coupon": "hasbros"},
        )
    ]


def test_what_the_person_did_not_do_says_so(translated: Any) -> None:
    (said,) = translated(Segment(), "refund")

    assert (said.type, said.value, said.properties["active"]) == ("order_refunded", 30.0, False)


@pytest.mark.parametrize(
    ("name", "type_", "item"),
    [
        ("track", "course_clicked", None),
        ("viewed", "product_viewed", "507f1f77bcf86cd799439011"),
        ("clicked", "email_clicked", "https://shop.example/sale"),
        ("page", "page_viewed", "/home"),
        ("screen", "page_viewed", "Settings"),
    ],
)
def test_happenings_have_our_names(translated: Any, name: str, type_: str, item: str | None) -> None:
    (said,) = translated(Segment(), name)

    assert (said.type, said.item) == (type_, item)


def test_a_happening_knows_the_campaign_that_led_to_it(translated: Any) -> None:
    (said,) = translated(Segment(), "track")

    assert said.campaign_id == "TPS Innovation Newsletter"


@pytest.mark.parametrize(
    ("context", "campaign"),
    [(None, None), (7, None), ({"campaign": 7}, None), ({"campaign": {"name": "May"}}, "May")],
)
def test_names_are_noted_where_they_last(arrived: Any, context: Any, campaign: str | None) -> None:
    message = {"type": "screen", "name": "Settings", "context": context}

    (item,) = Segment().items(arrived(json.dumps(message).encode()))

    assert (item["page"], item["campaign"]) == ("Settings", campaign)


def test_a_click_in_a_message_knows_its_message_and_campaign(translated: Any) -> None:
    (said,) = translated(Segment(), "clicked")

    assert (said.message_id, said.campaign_id) == ("18vzF7u3z", "123")
    assert said.recipient == Recipient(contact_id="97980cfea0067", email="peter@example.com")


def test_an_address_among_the_properties_may_be_somebody_elses(translated: Any) -> None:
    (said,) = translated(Segment(), "order", properties={"email": "friend@example.com"})

    assert said.recipient == USER


def test_a_group_is_attributes_of_its_member(translated: Any) -> None:
    (said,) = translated(Segment(), "group")

    assert said.recipient == USER
    assert said.attributes == {
        "group_id": "0e8c78ea9d97a7b8185e8632",
        "group_industry": "Technology",
        "group_employees": 329,
        "group_plan": "enterprise",
    }


def test_an_alias_merges(translated: Any) -> None:
    former = "39239-239239-239239-23923"

    assert translated(Segment(), "alias") == [
        IncomingMerge(
            receipt="alias-1",
            former=Recipient(contact_id=former, anonymous_id=former),
            recipient=Recipient(contact_id="507f191e81"),
            occurred_at=datetime(2026, 5, 9, 10, 15, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize("integrations", [{"All": False}, {"Foretell": False}, {"All": False, "Mixpanel": False}])
def test_a_message_that_is_not_for_us_is_passed_over(translated: Any, integrations: dict[str, bool]) -> None:
    (said,) = translated(Segment(), "order", integrations=integrations)

    assert isinstance(said, Ignored)


def test_a_batch_is_taken_apart_and_shares_what_it_says_once(arrived: Any) -> None:
    body = {
        "batch": [{"messageId": "m-1", "timestamp": "2026-06-01T10:00:00Z"}, {"messageId": "m-2", "sentAt": "x"}, 7],
        "sentAt": "2026-06-01T10:00:01Z",
        "context": {"campaign": {"name": "May"}},
        "writeKey": "k",
    }
    shared = {
        "receivedAt": "2026-06-01T12:00:00+00:00",
        "context": {"campaign": {"name": "May"}},
        "campaign": "May",
        "page": None,
    }

    assert Segment().items(arrived(json.dumps(body).encode())) == [
        {
            **shared,
            "sentAt": "2026-06-01T10:00:01Z",
            "messageId": "m-1",
            "originalTimestamp": "2026-06-01T10:00:00Z",
        },
        {**shared, "sentAt": "x", "messageId": "m-2"},
        7,
    ]


@pytest.mark.parametrize(
    ("told", "at"),
    [
        # A clock that is two hours slow: sent at 10:00:01 by it, and received at 12:00:00.
        ({"timestamp": "2026-06-01T10:00:00Z", "sentAt": "2026-06-01T10:00:01Z"}, "2026-06-01T11:59:59+00:00"),
        ({"originalTimestamp": "2026-06-01T10:00:00Z", "sentAt": "2026-06-01T10:00:01Z"}, "2026-06-01T11:59:59+00:00"),
        ({"timestamp": "2013-06-01T10:00:00Z"}, "2013-06-01T10:00:00+00:00"),
        (
            {
                "timestamp": "2026-06-01T10:00:00Z",
                "receivedAt": "2026-06-01T11:00:00Z",
                "sentAt": "2026-06-01T10:00:01Z",
            },
            "2026-06-01T10:00:00+00:00",
        ),
        ({"sentAt": "2026-06-01T10:00:01Z"}, "2026-06-01T12:00:00+00:00"),
        ({}, "2026-06-01T12:00:00+00:00"),
    ],
)
def test_a_senders_clock_is_put_right(arrived: Any, told: dict[str, str], at: str) -> None:
    message = {"type": "track", "event": "Seen", "userId": "u", "messageId": "m", **told}
    request = arrived(json.dumps(message).encode())

    (item,) = Segment().items(request)
    (said,) = Segment().translate(item, received_at=datetime(2026, 6, 2, tzinfo=UTC))

    assert isinstance(said, IncomingEvent)
    assert said.occurred_at == datetime.fromisoformat(at)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "charge"},
        {"messageId": None},
        {"userId": None},
        {"userId": ["u"]},
        {"event": "!!!"},
        {"event": "Mail to ann@example.com"},
        {"timestamp": "soon"},
        {"timestamp": None, "originalTimestamp": "2199-01-01T00:00:00Z", "sentAt": "1971-01-01T00:00:00Z"},
        {"properties": 7},
        {"context": "here"},
        {"integrations": [1]},
    ],
)
def test_an_item_that_cannot_be_normalized_is_refused(translated: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(Segment(), "order", **changes)

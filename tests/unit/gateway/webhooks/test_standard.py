"""Standard Webhooks: what the public library signs, our own shapes, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway.webhooks.provider import (
    Credentials,
    IncomingContact,
    IncomingErasure,
    IncomingEvent,
    ItemRefused,
    Recipient,
    Signals,
    SignedRequest,
)
from gateway.webhooks.providers.standard import StandardWebhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"type": "order.placed", "timestamp": "2026-06-01T11:59:58Z", "data": {"contact_id": "c-42"}}'
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TWO_BEFORE = NOON - timedelta(seconds=2)

SignedFor = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> SignedFor:
    """Make a request that the public library signed, with what a test wants changed after it."""

    def make(*, secret: str = SECRET, at: datetime = NOON, body: str | None = None, **changed: str) -> SignedRequest:
        headers = {
            "webhook-id": "evt-1",
            "webhook-timestamp": str(int(NOON.timestamp())),
            "webhook-signature": Webhook(secret).sign("evt-1", NOON, BODY),
            **{f"webhook-{name}": value for name, value in changed.items()},
        }
        request: SignedRequest = arrived((BODY if body is None else body).encode(), headers, at=at)
        return request

    return make


def test_what_the_public_library_signs_is_believed(signed: SignedFor) -> None:
    StandardWebhooks().verify(signed(), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [[OTHER, SECRET], [SECRET, OTHER]])
def test_while_secrets_are_exchanged_either_is_enough(signed: SignedFor, secrets: list[str]) -> None:
    StandardWebhooks().verify(signed(), Credentials(secrets))


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY[:-1]},
        {"body": BODY.replace("42", "43")},
        {"id": "evt-2"},
        {"timestamp": str(int(NOON.timestamp()) + 1)},
        {"signature": "v1a,AAAA"},
        {"signature": ""},
        {"secret": OTHER},
        {"at": NOON + timedelta(seconds=301)},
        {"at": NOON - timedelta(seconds=301)},
    ],
)
def test_what_is_forged_stale_or_incomplete_is_refused(signed: SignedFor, refused: Any, changed: Any) -> None:
    refused(StandardWebhooks(), signed(**changed), Credentials([SECRET]))


def test_a_signature_of_resends_headers_does_not_count(signed: SignedFor, refused: Any, arrived: Any) -> None:
    headers = {name.replace("webhook-", "svix-"): value for name, value in signed().headers.items()}

    refused(StandardWebhooks(), arrived(BODY.encode(), headers), Credentials([SECRET]))


def test_the_item_carries_the_id_of_the_header(signed: SignedFor) -> None:
    (item,) = StandardWebhooks().items(signed())

    assert (item["webhook_id"], item["message"]["type"]) == ("evt-1", "order.placed")


def test_an_event_in_our_shape_is_taken(translated: Any) -> None:
    assert translated(StandardWebhooks(), "order") == [
        IncomingEvent(
            receipt="evt-2",
            recipient=Recipient(email="ann@example.com"),
            type="order_placed",
            occurred_at=datetime(2026, 6, 1, 8, tzinfo=UTC),
            item="boots",
            value=49.9,
            currency="EUR",
            properties={"coupon": "MAY", "first": True},
        )
    ]


def test_without_an_instant_of_its_own_an_event_has_the_messages(translated: Any) -> None:
    assert translated(StandardWebhooks(), "click") == [
        IncomingEvent(
            receipt="evt-1",
            recipient=Recipient(contact_id="c-42"),
            type="email_clicked",
            occurred_at=TWO_BEFORE,
            message_id="m-1",
            campaign_id="may",
            item="https://shop.example/sale",
            signals=Signals(user_agent="curl/8.5.0"),
        )
    ]


@pytest.mark.parametrize(
    ("human", "signals"),
    [
        (True, Signals(human="human_true")),
        (False, Signals(machine="human_false")),
        ("yes", Signals(human="human_true")),
        ("perhaps", Signals()),
    ],
)
def test_a_sender_may_judge_for_itself(samples: Any, human: Any, signals: Signals) -> None:
    item = {"webhook_id": "evt-1", "message": {**samples["standard"]["order"]["message"]}}
    item["message"]["data"] = {"contact_id": "c-42", "human": human}

    (said,) = StandardWebhooks().translate(item, received_at=NOON)

    assert isinstance(said, IncomingEvent)
    assert said.signals == signals


def test_a_contact_keeps_its_facts_and_not_its_name(translated: Any) -> None:
    assert translated(StandardWebhooks(), "contact") == [
        IncomingContact(
            receipt="evt-3",
            recipient=Recipient(contact_id="c-42", email="ann@example.com"),
            occurred_at=TWO_BEFORE,
            attributes={"plan": "pro", "seats": 5},
            timezone="Europe/Paris",
            created_at=datetime(2024, 1, 1, tzinfo=UTC),
        )
    ]


def test_a_contact_can_be_erased(translated: Any) -> None:
    assert translated(StandardWebhooks(), "erased") == [
        IncomingErasure("evt-4", Recipient(contact_id="c-42"), TWO_BEFORE)
    ]


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {"type": "order.placed"},
        {"type": "order.placed", "timestamp": "2026-06-01T11:59:58Z", "data": {}},
        {"type": "order.placed", "timestamp": "2026-06-01T11:59:58", "data": {"contact_id": "c"}},
        {"type": "order.placed", "timestamp": "2026-06-01T11:59:58Z", "data": {"email": "nobody"}},
        {"type": "order.placed", "timestamp": "2026-06-01T11:59:58Z", "data": {"contact_id": "c", "properties": 7}},
        {"type": "...", "timestamp": "2026-06-01T11:59:58Z", "data": {"contact_id": "c"}},
        {"type": "contact.updated", "timestamp": "2026-06-01T11:59:58Z", "data": {"contact_id": "c", "attributes": 7}},
    ],
)
def test_a_message_that_cannot_be_normalized_is_refused(message: Any) -> None:
    with pytest.raises(ItemRefused):
        StandardWebhooks().translate({"webhook_id": "evt-1", "message": message}, received_at=NOON)


def test_what_an_event_belongs_to_is_left_out_where_it_names_a_person(samples: Any) -> None:
    item = {"webhook_id": "evt-1", "message": {**samples["standard"]["order"]["message"]}}
    item["message"]["data"] = {"contact_id": "c-42", "campaign_id": "for ann@example.com", "item": "ann@example.com"}

    (said,) = StandardWebhooks().translate(item, received_at=NOON)

    assert isinstance(said, IncomingEvent)
    assert (said.campaign_id, said.item) == (None, None)

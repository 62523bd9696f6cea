"""Resend: the signature vector of Svix, its documented payloads, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from gateway.webhooks.provider import (
    Credentials,
    Ignored,
    IncomingContact,
    IncomingEvent,
    ItemRefused,
    Recipient,
    Signals,
    SignedRequest,
)
from gateway.webhooks.providers.resend import Resend
from shared.errors import BadRequest

# The vector of Svix's guide (docs.svix.com, verifying payloads manually), whose scheme Resend uses.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = b'{"test": 2432232314}'
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = "1614265330"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
THEN = datetime(2021, 2, 25, 15, 2, 10, tzinfo=UTC)
EMAIL = "56761188-7520-42d8-8898-ff6fc54ce618"

SignedFor = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> SignedFor:
    """Make the vector's request, with what a test wants changed."""

    def make(
        body: bytes = BODY,
        *,
        at: datetime = THEN,
        signature: str = SIGNATURE,
        timestamp: str = TIMESTAMP,
        message: str = MESSAGE,
    ) -> SignedRequest:
        headers = {"svix-id": message, "svix-timestamp": timestamp, "svix-signature": signature}
        request: SignedRequest = arrived(body, {name: one for name, one in headers.items() if one}, at=at)
        return request

    return make


def test_the_published_vector_is_believed(signed: SignedFor) -> None:
    Resend().verify(signed(), Credentials([SECRET]))


def test_what_the_public_library_signs_is_believed(signed: SignedFor) -> None:
    body = '{"name": "Zoë"}'
    signature = Webhook(OTHER).sign(MESSAGE, THEN, body)

    Resend().verify(signed(body.encode(), signature=signature), Credentials([OTHER]))


@pytest.mark.parametrize("secrets", [[OTHER, SECRET], [SECRET, OTHER], ["no base64: é", SECRET], ["whsec_", SECRET]])
def test_while_secrets_are_exchanged_either_is_enough(signed: SignedFor, secrets: list[str]) -> None:
    Resend().verify(signed(), Credentials(secrets))


@pytest.mark.parametrize("before", ["v1,AAAA ", "v1a,AAAA ", "v1 ", "v1,é ", ", ", "v2,a,b "])
def test_one_fitting_signature_of_a_list_is_enough(signed: SignedFor, before: str) -> None:
    Resend().verify(signed(signature=before + SIGNATURE), Credentials([SECRET]))


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY[:-1]},
        {"body": BODY.replace(b"4", b"5")},
        {"body": b"\xff\xfe"},
        {"body": b""},
        {"message": "msg_another"},
        {"message": "é\udcff"},
        {"timestamp": "1614265331"},
        {"timestamp": "1614265330.5"},
        {"timestamp": "nan"},
        {"signature": SIGNATURE.replace("v1,", "v1a,")},
        {"signature": SIGNATURE.removeprefix("v1,")},
        {"signature": "v1"},
        {"signature": "v1,é"},
        {"signature": "v1,"},
        {"signature": "v1," + "A" * 5_000},
        {"message": ""},
        {"timestamp": ""},
        {"signature": ""},
        {"at": THEN + timedelta(seconds=301)},
        {"at": THEN - timedelta(seconds=301)},
    ],
)
def test_what_is_forged_stale_or_incomplete_is_refused(signed: SignedFor, refused: Any, changed: Any) -> None:
    refused(Resend(), signed(**changed), Credentials([SECRET]))


@pytest.mark.parametrize("secrets", [[], [OTHER], ["whsec_"], ["not base64 é"], ["whsec_a"]])
def test_another_secret_or_none_is_refused(signed: SignedFor, refused: Any, secrets: list[str]) -> None:
    refused(Resend(), signed(), Credentials(secrets))


def test_the_item_carries_the_id_of_the_header(signed: SignedFor) -> None:
    assert Resend().items(signed()) == [{"webhook_id": MESSAGE, "message": {"test": 2432232314}}]


def test_tags_are_kept_by_name(signed: SignedFor) -> None:
    tags = b'{"data": {"tags": [{"name": "contact_id", "value": "c-42"}, {"value": 1}, 7]}}'

    (item,) = Resend().items(signed(tags))

    assert item["message"]["data"]["tags"] == {"contact_id": "c-42"}


def test_a_body_that_is_no_json_cannot_be_read(signed: SignedFor) -> None:
    with pytest.raises(BadRequest):
        Resend().items(signed(b"{"))


def test_a_message_sent_to_several_is_an_event_of_each(translated: Any) -> None:
    said = translated(Resend(), "sent")

    assert [(one.receipt, one.recipient.email, one.type) for one in said] == [
        ("msg_2W2D3qXLS5fOaPja1GDg7rF2CwB:0", "to@example.org", "email_sent"),
        ("msg_2W2D3qXLS5fOaPja1GDg7rF2CwB:1", "to2@example.org", "email_sent"),
    ]


def test_a_click_has_its_own_instant_and_signals(translated: Any) -> None:
    assert translated(Resend(), "clicked") == [
        IncomingEvent(
            receipt="msg_7",
            recipient=Recipient(contact_id="c-42", email="delivered@resend.dev"),
            type="email_clicked",
            occurred_at=datetime(2024, 11, 24, 5, 0, 57, 163000, tzinfo=UTC),
            message_id=EMAIL,
            campaign_id="may",
            item="https://resend.com/pricing",
            signals=Signals(
                user_agent="Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/15.6.1 Safari/605.1.15",
                ip="122.115.53.11",
            ),
        )
    ]


def test_a_bounce_keeps_its_kind_and_no_prose(translated: Any) -> None:
    (said,) = translated(Resend(), "bounced")

    assert (said.type, said.campaign_id) == ("email_bounced", "8b146471-e88e-4322-86af-016cd36fd216")
    assert said.properties == {"bounce": "Permanent", "bounce_kind": "Suppressed"}


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("delivered", "email_delivered"),
        ("delayed", "email_deferred"),
        ("complained", "email_complained"),
        ("opened", "email_opened"),
    ],
)
def test_types_have_our_names(translated: Any, name: str, type_: str) -> None:
    (said,) = translated(Resend(), name)

    assert (said.type, said.message_id) == (type_, EMAIL)


def test_a_contact_is_known_by_its_address_and_not_by_its_name(translated: Any) -> None:
    assert translated(Resend(), "contact") == [
        IncomingContact(
            receipt="msg_8",
            recipient=Recipient(email="steve.wozniak@gmail.com", external_id="e169aa45-1ecf-4183-9955-b1499d5701d3"),
            occurred_at=datetime(2024, 11, 17, 19, 32, 22, 980000, tzinfo=UTC),
            attributes={"unsubscribed": True},
            created_at=datetime(2024, 10, 11, 23, 47, 56, 678000, tzinfo=UTC),
        )
    ]


def test_what_reaches_no_contact_is_passed_over(translated: Any) -> None:
    (said,) = translated(Resend(), "domain")

    assert isinstance(said, Ignored)


@pytest.mark.parametrize("type_", ["email.opened", "email.clicked", "email.bounced", "email.complained"])
def test_what_one_of_several_did_is_refused_since_nobody_says_who(samples: Any, type_: str) -> None:
    item = {**samples["resend"]["sent"]}
    item["message"] = {**item["message"], "type": type_}

    with pytest.raises(ItemRefused, match="several people"):
        Resend().translate(item, received_at=THEN)


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_id": ""},
        {"message": None},
        {"message": []},
        {"message": {"type": "email.exploded"}},
        {"message": {"type": "email.opened", "created_at": "2024-11-24T05:00:57Z"}},
        {"message": {"type": "email.opened", "created_at": "2024-11-24T05:00:57", "data": {"to": ["a@b.example"]}}},
        {"message": {"type": "email.sent", "created_at": "2024-11-24T05:00:57Z", "data": {"to": [7]}}},
    ],
)
def test_an_item_that_cannot_be_normalized_is_refused(translated: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(Resend(), "opened", **changes)

"""SendGrid: its published signature vector, its published samples, and what is refused."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.webhooks.provider import Credentials, IncomingEvent, ItemRefused, Recipient, Signals, SignedRequest
from gateway.webhooks.providers.sendgrid import SendGrid

# The vector of SendGrid's own libraries (sendgrid-python, test/unit/test_eventwebhook.py): key, signature, body.
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F"
    "+g=="
)
SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
TIMESTAMP = "1600112502"
BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
THEN = datetime(2020, 9, 14, 19, 41, 42, tzinfo=UTC)
OTHER_KEY = base64.b64encode(
    ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()

SignedFor = Callable[..., SignedRequest]


@pytest.fixture
def signed(arrived: Any) -> SignedFor:
    """Make the vector's request, with what a test wants changed."""

    def make(
        body: bytes = BODY, *, at: datetime = THEN, signature: str = SIGNATURE, timestamp: str = TIMESTAMP
    ) -> SignedRequest:
        headers = {
            "x-twilio-email-event-webhook-signature": signature,
            "x-twilio-email-event-webhook-timestamp": timestamp,
        }
        request: SignedRequest = arrived(body, {name: value for name, value in headers.items() if value}, at=at)
        return request

    return make


def test_the_published_vector_is_believed(signed: SignedFor) -> None:
    SendGrid().verify(signed(), Credentials([KEY]))


def test_a_key_is_taken_with_pem_lines_and_blanks(signed: SignedFor) -> None:
    pem = f"-----BEGIN PUBLIC KEY-----\n{KEY[:64]}\n {KEY[64:]} \n-----END PUBLIC KEY-----\n"

    SendGrid().verify(signed(), Credentials([pem]))


@pytest.mark.parametrize("secrets", [[OTHER_KEY, KEY], [KEY, OTHER_KEY], ["no key at all", KEY]])
def test_while_keys_are_exchanged_either_is_enough(signed: SignedFor, secrets: list[str]) -> None:
    SendGrid().verify(signed(), Credentials(secrets))


def test_a_signature_of_a_key_of_our_own_is_believed(signed: SignedFor) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    signature = base64.b64encode(key.sign(b"1600112502[]", ec.ECDSA(SHA256()))).decode()

    SendGrid().verify(signed(b"[]", signature=signature), Credentials([public.decode()]))


@pytest.mark.parametrize("at", [0, 1, len(BODY) // 2, len(BODY) - 3, len(BODY) - 1])
def test_a_changed_byte_of_the_body_is_refused(signed: SignedFor, refused: Any, at: int) -> None:
    forged = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]

    assert "does not fit" in refused(SendGrid(), signed(forged), Credentials([KEY]))


@pytest.mark.parametrize("body", [BODY[:-2], BODY[:-1], BODY[:40], b"", BODY + b" "])
def test_a_body_cut_or_lengthened_is_refused(signed: SignedFor, refused: Any, body: bytes) -> None:
    refused(SendGrid(), signed(body), Credentials([KEY]))


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "MEUC",
        "not base64!",
        SIGNATURE + ", " + SIGNATURE,
        SIGNATURE[:-4],
        "ä" * 96,
        SIGNATURE.replace("GHQ", "GHR"),
        base64.b64encode(b"\x00" * 64).decode(),
        "A" * 5_000,
    ],
    ids=range(9),
)
def test_another_signature_is_refused(signed: SignedFor, refused: Any, signature: str) -> None:
    refused(SendGrid(), signed(signature=signature), Credentials([KEY]))


@pytest.mark.parametrize(
    "timestamp", ["", "1600112501", "16001125020", "now", "\uff11600112502", "1600112502, 1600112502"]
)
def test_another_timestamp_is_refused(signed: SignedFor, refused: Any, timestamp: str) -> None:
    refused(SendGrid(), signed(timestamp=timestamp), Credentials([KEY]))


@pytest.mark.parametrize("late_seconds", [301, -301, 86_400])
def test_a_request_too_old_or_too_far_ahead_is_refused(signed: SignedFor, refused: Any, late_seconds: int) -> None:
    refused(SendGrid(), signed(at=THEN + timedelta(seconds=late_seconds)), Credentials([KEY]))


@pytest.mark.parametrize("secrets", [[], [OTHER_KEY], ["no key"], [base64.b64encode(b"no key").decode()]])
def test_without_the_key_nobody_is_believed(signed: SignedFor, refused: Any, secrets: list[str]) -> None:
    refused(SendGrid(), signed(), Credentials(secrets))


def test_a_key_of_another_curve_is_none(signed: SignedFor, refused: Any) -> None:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    text = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    assert "P-256" in refused(SendGrid(), signed(), Credentials([text]))


def test_the_vector_becomes_an_event(signed: SignedFor) -> None:
    (item,) = SendGrid().items(signed())

    assert SendGrid().translate(item, received_at=THEN) == [
        IncomingEvent(
            receipt="ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
            recipient=Recipient(email="hello@world.com"),
            type="email_dropped",
            occurred_at=datetime(2020, 9, 14, 19, 41, 32, tzinfo=UTC),
            message_id="LRzXl_NHStOGhQ4kofSm_A",
        )
    ]


CATS: Any = {"campaign_id": "cat facts", "properties": {"tags": ["cat facts"]}}
OLD = "Mozilla/4.0 (compatible; MSIE 6.1; Windows XP)"


@pytest.mark.parametrize(
    ("name", "receipt", "type_", "told"),
    [
        ("processed", "sg_event_1", "email_sent", CATS),
        ("deferred", "sg_event_2", "email_deferred", CATS),
        (
            "delivered",
            "sg_event_3",
            "email_delivered",
            {
                "recipient": Recipient(contact_id="c-42", email="example@test.com"),
                "campaign_id": "cat facts",
                "properties": {"tags": ["cat facts", "newsletter"]},
            },
        ),
        ("open", "sg_event_4", "email_opened", {**CATS, "signals": Signals(user_agent=OLD, ip="255.255.255.255")}),
        (
            "machine_open",
            "sg_event_5",
            "email_opened",
            {
                "campaign_id": "12345",
                "signals": Signals(machine="sg_machine_open", user_agent="Mozilla/5.0", ip="17.58.0.1"),
            },
        ),
        (
            "click",
            "sg_event_6",
            "email_clicked",
            {
                "campaign_id": "f2d3c4b5",
                "item": "http://www.sendgrid.com/pricing",
                "properties": {"tags": ["cat facts"]},
                "signals": Signals(user_agent=OLD, ip="255.255.255.255"),
            },
        ),
        (
            "bounce",
            "sg_event_7",
            "email_bounced",
            {**CATS, "properties": {"bounce": "bounce", "status": "5.0.0", "tags": ["cat facts"]}},
        ),
        ("dropped", "sg_event_8", "email_dropped", {"properties": {"status": "5.0.0"}}),
        ("spamreport", "sg_event_9", "email_complained", {}),
        ("unsubscribe", "sg_event_10", "email_unsubscribed", {"message_id": None}),
        (
            "group_unsubscribe",
            "sg_event_11",
            "email_unsubscribed",
            {"properties": {"unsubscribe_group": "10"}, "signals": Signals(user_agent="Mozilla/4.0")},
        ),
        (
            "group_resubscribe",
            "sg_event_12",
            "email_resubscribed",
            {"properties": {"unsubscribe_group": "10"}, "signals": Signals(user_agent="Mozilla/4.0")},
        ),
    ],
)
def test_each_kind_of_event(translated: Any, name: str, receipt: str, type_: str, told: dict[str, Any]) -> None:
    always = {
        "recipient": Recipient(email="example@test.com"),
        "occurred_at": datetime(2017, 12, 15, 0, 59, 29, tzinfo=UTC),
        "message_id": "14c5d75ce93",
    }

    assert translated(SendGrid(), name) == [IncomingEvent(receipt=receipt, type=type_, **{**always, **told})]


@pytest.mark.parametrize("change", [{"event": "invented"}, {"sg_event_id": None}, {"email": ""}, {"timestamp": "soon"}])
def test_an_event_that_says_too_little_is_refused(translated: Any, change: dict[str, Any]) -> None:
    with pytest.raises(ItemRefused):
        translated(SendGrid(), "open", **change)

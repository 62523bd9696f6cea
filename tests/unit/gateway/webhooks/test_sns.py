"""Amazon SNS: signatures made by a key and certificate of our own, and what is refused."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.webhooks.provider import Credentials, SignedRequest
from gateway.webhooks.providers.ses import AmazonSes
from shared.errors import UpstreamUnavailable

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": "Amazon SES Email Event Notification",
    "Message": '{"eventType":"Send",\n"é":1}',
    "Timestamp": "2026-06-01T11:59:30.000Z",
}
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "Token": "2336412f37",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe.",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
    "Timestamp": "2026-06-01T11:59:30.000Z",
}
# Written out by hand, as Amazon's documentation describes them.
NOTIFICATION_SIGNED = (
    'Message\n{"eventType":"Send",\n"é":1}\n'
    "MessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
    "Subject\nAmazon SES Email Event Notification\n"
    "Timestamp\n2026-06-01T11:59:30.000Z\n"
    f"TopicArn\n{TOPIC}\n"
    "Type\nNotification\n"
)
CONFIRMATION_SIGNED = (
    "Message\nYou have chosen to subscribe.\n"
    "MessageId\n165545c9-2a5c-472c-8df2-7ff2be2b3b1b\n"
    "SubscribeURL\nhttps://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription\n"
    "Timestamp\n2026-06-01T11:59:30.000Z\n"
    "Token\n2336412f37\n"
    f"TopicArn\n{TOPIC}\n"
    "Type\nSubscriptionConfirmation\n"
)
KEY = rsa.generate_private_key(65_537, 2_048)
OTHER_KEY = rsa.generate_private_key(65_537, 2_048)
LISTED = Credentials([], {"topics": [TOPIC]})

Signed = Callable[..., SignedRequest]


def certificate(key: Any = KEY, name: str = "sns.amazonaws.com", valid_days: tuple[int, int] = (-10, 10)) -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(NOON + timedelta(days=valid_days[0]))
    signed = builder.not_valid_after(NOON + timedelta(days=valid_days[1])).sign(key, SHA256())
    return signed.public_bytes(Encoding.PEM)


class KnownCertificates:
    """A source that knows one certificate, and writes down what it was asked for."""

    def __init__(self, pem: bytes) -> None:
        self.pem = pem
        self.asked: list[str] = []

    def certificate(self, url: str) -> bytes:
        self.asked.append(url)
        return self.pem


class NoCertificates:
    """A source that cannot reach Amazon."""

    def certificate(self, url: str) -> bytes:
        raise UpstreamUnavailable("Amazon is away.")


@pytest.fixture
def signed(arrived: Any) -> Signed:
    """Make a request that was signed, and is changed afterwards as a test wants it."""

    def make(
        message: dict[str, str] = NOTIFICATION,
        text: str = NOTIFICATION_SIGNED,
        *,
        version: str = "2",
        at: datetime = NOON,
        **changes: Any,
    ) -> SignedRequest:
        signature = KEY.sign(text.encode(), PKCS1v15(), SHA256() if version == "2" else SHA1())  # noqa: S303 - version 1
        proof = {
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": URL,
        }
        told = {name: value for name, value in {**message, **proof, **changes}.items() if value is not None}
        request: SignedRequest = arrived(json.dumps(told).encode(), at=at)
        return request

    return make


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    ("message", "text"),
    [
        (NOTIFICATION, NOTIFICATION_SIGNED),
        (CONFIRMATION, CONFIRMATION_SIGNED),
        (
            {**CONFIRMATION, "Type": "UnsubscribeConfirmation"},
            CONFIRMATION_SIGNED.replace("SubscriptionConfirmation", "UnsubscribeConfirmation"),
        ),
    ],
)
def test_what_amazon_signed_is_believed(signed: Signed, message: dict[str, str], text: str, version: str) -> None:
    AmazonSes(KnownCertificates(certificate())).verify(signed(message, text, version=version), LISTED)


def test_a_notification_without_a_subject_is_signed_without_it(signed: Signed) -> None:
    text = NOTIFICATION_SIGNED.replace("Subject\nAmazon SES Email Event Notification\n", "")

    AmazonSes(KnownCertificates(certificate())).verify(signed(text=text, Subject=None), LISTED)


def test_any_listed_topic_is_enough(signed: Signed) -> None:
    both = Credentials([], {"topics": ["arn:aws:sns:eu-west-1:123456789012:other", TOPIC]})

    AmazonSes(KnownCertificates(certificate())).verify(signed(), both)


@pytest.mark.parametrize(
    "change",
    [
        {"Message": '{"eventType":"Send",\n"é":2}'},
        {"MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf325"},
        {"Subject": "Another"},
        {"Subject": None},
        {"Timestamp": "2026-06-01T11:59:31.000Z"},
        {"Signature": base64.b64encode(b"\x01" * 256).decode()},
        {"Signature": "ä"},
        {"Signature": ""},
        {"Signature": None},
        {"SignatureVersion": "1"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": 2},
        {"Type": "SubscriptionConfirmation"},
        {"Type": "Invented"},
        {"MessageId": 7},
        {"Message": None},
        {"Timestamp": "now"},
    ],
    ids=range(17),
)
def test_a_changed_message_is_refused(signed: Signed, refused: Any, change: dict[str, Any]) -> None:
    refused(AmazonSes(KnownCertificates(certificate())), signed(**change), LISTED)


@pytest.mark.parametrize(
    "settings", [{}, {"topics": []}, {"topics": None}, {"topics": TOPIC}, {"topics": [7, "other"]}]
)
def test_a_topic_that_is_not_listed_is_refused_and_nothing_is_fetched(
    signed: Signed, refused: Any, settings: dict[str, Any]
) -> None:
    source = KnownCertificates(certificate())

    refused(AmazonSes(source), signed(), Credentials([], settings))

    assert source.asked == []


@pytest.mark.parametrize(
    ("late_minutes", "believed"), [(0, True), (60, True), (66, False), (-6, False), (1_440, False)]
)
def test_a_retry_within_the_hour_is_believed_and_a_replay_is_not(
    signed: Signed, refused: Any, late_minutes: int, *, believed: bool
) -> None:
    source = KnownCertificates(certificate())
    request = signed(at=NOON + timedelta(minutes=late_minutes))

    if believed:
        AmazonSes(source).verify(request, LISTED)
    else:
        refused(AmazonSes(source), request, LISTED)
        assert source.asked == []


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL.replace("sns.eu-west-1.amazonaws.com", "evil.example"),
        URL.replace("amazonaws.com", "amazonaws.com.evil.example"),
        URL.replace("sns.", "s3."),
        URL.replace("sns.eu-west-1", "sns.eu-west-1.evil"),
        URL.replace("https://", "https://sns.eu-west-1.amazonaws.com@evil.example/"),
        URL.replace("https://", "https://user@"),
        URL.replace(".com/", ".com:8443/"),
        URL.replace(".com/", ".com/bucket/"),
        URL.replace(".pem", ".txt"),
        URL + "?a=.pem",
        URL + "#x",
        URL + "\n",
        "\\\\" + URL,
        URL.replace("/Simple", "\\Simple"),
        "https://[::1",
        "",
        None,
    ],
    ids=range(18),
)
def test_a_certificate_from_elsewhere_is_never_fetched(signed: Signed, refused: Any, url: str | None) -> None:
    source = KnownCertificates(certificate())

    refused(AmazonSes(source), signed(SigningCertURL=url), LISTED)

    assert source.asked == []


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("sns.af-south-1.amazonaws.com", "sns-signing.af-south-1.amazonaws.com"),
        ("sns.us-gov-east-1.amazonaws.com", "sns-us-gov-west-1.amazonaws.com"),
        ("sns.cn-north-1.amazonaws.com.cn", "sns-cn-north-1.amazonaws.com.cn"),
    ],
)
def test_each_region_has_certificates_of_its_name(signed: Signed, refused: Any, host: str, name: str) -> None:
    url = URL.replace("sns.eu-west-1.amazonaws.com", host)
    source = KnownCertificates(certificate(name=name))

    AmazonSes(source).verify(signed(SigningCertURL=url), LISTED)
    assert "in that region" in refused(AmazonSes(source), signed(), LISTED)


def test_a_subject_moved_into_the_id_is_refused(signed: Signed, refused: Any) -> None:
    moved = f"{NOTIFICATION['MessageId']}\nSubject\n{NOTIFICATION['Subject']}"

    assert "one line" in refused(
        AmazonSes(KnownCertificates(certificate())), signed(MessageId=moved, Subject=None), LISTED
    )


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"7"])
def test_a_body_that_is_no_object_is_refused(arrived: Any, refused: Any, body: bytes) -> None:
    refused(AmazonSes(), arrived(body), LISTED)


@pytest.mark.parametrize(
    "pem",
    [
        certificate(OTHER_KEY),
        certificate(name="evil.example"),
        certificate(name="sns.amazonaws.com.evil.example"),
        certificate(valid_days=(-10, -1)),
        certificate(valid_days=(1, 10)),
        certificate(rsa.generate_private_key(65_537, 1_024)),  # noqa: S505 - refused
        certificate(ec.generate_private_key(ec.SECP256R1())),
        b"<html>not found</html>",
        b"",
    ],
    ids=range(9),
)
def test_another_certificate_is_refused(signed: Signed, refused: Any, pem: bytes) -> None:
    refused(AmazonSes(KnownCertificates(pem)), signed(), LISTED)


def test_while_amazon_is_away_the_sender_has_to_try_again(signed: Signed) -> None:
    with pytest.raises(UpstreamUnavailable):
        AmazonSes(NoCertificates()).verify(signed(), LISTED)


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_body_cut_short_is_refused(signed: Signed, refused: Any, cut: int) -> None:
    request = signed()

    refused(AmazonSes(), SignedRequest(request.body[:-cut], {}, "", "POST", NOON), LISTED)

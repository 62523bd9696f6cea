"""Amazon SNS: what it signs, with which certificate, and how old a message may be."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from gateway.webhooks import checking
from gateway.webhooks.certificates import CertificateSource, require_certificate_address
from gateway.webhooks.provider import TOLERANCE_SECONDS, WebhookRefused

RETRIED_SECONDS: Final = 3_600
"""Amazon tries again for an hour at most, and keeps the first timestamp."""

_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Final = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_OPTIONAL: Final = "Subject"


def require_sns(message: Any, topics: Sequence[str], certificates: CertificateSource, received_at: datetime) -> None:
    """Demand a message that Amazon signed, of a listed topic, and fresh.

    The topic and the age are looked at first, so that nothing is fetched for who does not know the topic.

    Raises:
        WebhookRefused: it is none.
        UpstreamUnavailable: the certificate cannot be fetched now.
    """
    if not topics:
        raise WebhookRefused("This source lists no topics. Name the ARN of your SNS topic in its settings.")
    if not isinstance(message, dict):
        raise WebhookRefused("The body is not a message of Amazon SNS.")
    if not checking.any_same(_text(message, "TopicArn"), topics):
        raise WebhookRefused("The topic is none that this source lists.")
    checking.require_fresh(_signed_at(message), received_at, behind_seconds=RETRIED_SECONDS + TOLERANCE_SECONDS)
    signed = string_to_sign(message)
    algorithm = _algorithm(_text(message, "SignatureVersion"))
    signature = checking.decoded_base64(_text(message, "Signature"))
    if signature is None:
        raise WebhookRefused("Signature is not base64.")
    url = _text(message, "SigningCertURL")
    require_certificate_address(url)
    key = _key(certificates.certificate(url), certificate_names(url), received_at)
    try:
        key.verify(signature, signed, PKCS1v15(), algorithm)
    except InvalidSignature as error:
        raise WebhookRefused(
            "The signature does not fit: the message was changed, or Amazon did not sign it."
        ) from error


def string_to_sign(message: dict[str, Any]) -> bytes:
    r"""Write the signed fields of a message as Amazon does: each name and value on a line of its own.

    >>> string_to_sign({"Type": "Notification", "Message": "m", "MessageId": "1", "Timestamp": "t", "TopicArn": "a"})
    b'Message\nm\nMessageId\n1\nTimestamp\nt\nTopicArn\na\nType\nNotification\n'

    Raises:
        WebhookRefused: a field is missing or no text.
    """
    names = _SIGNED.get(_text(message, "Type"))
    if names is None:
        raise WebhookRefused("Type is none that Amazon SNS documents.")
    told = [name for name in names if name != _OPTIONAL or message.get(name) is not None]
    if any("\n" in _text(message, name) for name in told if name != "Message"):
        # Else a subject moved into the id would be signed just as well, and the same message told twice.
        raise WebhookRefused("A signed field beside Message has more than one line.")
    return "".join(f"{name}\n{_text(message, name)}\n" for name in told).encode("utf-8", "surrogatepass")


def certificate_names(url: str) -> set[str]:
    """Tell for which names Amazon makes the certificates of a region.

    Source: `SnsHostProvider` of aws-sdk-java-v2 (sns-message-manager).

    >>> sorted(certificate_names("https://sns.af-south-1.amazonaws.com/a.pem"))
    ['sns-signing.af-south-1.amazonaws.com', 'sns.amazonaws.com']

    Args:
        url: the certificate's address, whose host was checked.
    """
    region = urlsplit(url).netloc.split(".")[1]
    if region.startswith("cn-"):
        return {f"sns-{region}.amazonaws.com.cn"}
    if region.startswith("us-gov-"):
        return {"sns-us-gov-west-1.amazonaws.com"}
    return {"sns.amazonaws.com", f"sns-signing.{region}.amazonaws.com"}


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise WebhookRefused(f"{name} is missing, or is no text.")
    return value


def _signed_at(message: dict[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(_text(message, "Timestamp"))
    except ValueError as error:
        raise WebhookRefused("Timestamp is not an ISO 8601 time.") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _algorithm(version: str) -> HashAlgorithm:
    if version == "2":
        return SHA256()
    if version == "1":
        return SHA1()  # noqa: S303 - what Amazon signs with unless the topic says 2
    raise WebhookRefused("SignatureVersion is neither 1 nor 2.")


def _key(pem: bytes, expected: set[str], now: datetime) -> rsa.RSAPublicKey:
    """Read the key of a certificate that is Amazon SNS's, and valid now.

    Raises:
        WebhookRefused: it is not.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
        names = {str(name.value) for name in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)}
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise WebhookRefused("What SigningCertURL leads to is not a certificate.") from error
    if not valid:
        raise WebhookRefused("The certificate that signed is not valid today.")
    if names.isdisjoint(expected):
        raise WebhookRefused("The certificate that signed is not for Amazon SNS in that region.")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2_048:
        raise WebhookRefused("The certificate that signed holds no RSA key of 2048 bits.")
    return key

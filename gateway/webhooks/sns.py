"""Amazon SNS: what it signs, which certificate it signs with, where that is fetched, and how old a message may be."""

import http.client
import re
import threading
import time
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from gateway.webhooks import signatures
from gateway.webhooks.provider import TOLERANCE_SECONDS, WebhookRefused
from shared.errors import UpstreamUnavailable

TIMEOUT_SECONDS = 5.0
MAX_BYTES = 100_000
KEPT = 16
KEPT_SECONDS = 24 * 3_600.0
FETCHES = 2
"""Fetches at the same time: a URL that hangs holds no more threads."""
WAIT_SECONDS = 1.0
"""How long a thread waits for a fetch to end."""
REST_SECONDS = 30.0
"""How long a URL that failed is not fetched again."""

Value = TypeVar("Value")
_END = b"-----END CERTIFICATE-----"
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?")
_PATH = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
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


class CertificateSource(Protocol):
    """A source of the certificates of Amazon SNS."""

    def certificate(self, url: str) -> bytes:
        """Return the certificate in PEM.

        Args:
            url: as a request says it; its host was checked.

        Raises:
            UpstreamUnavailable: it cannot be had now; the sender may try again.
        """


class FetchedCertificates:
    """Certificates fetched over HTTPS, whose host name and chain the system's roots vouch for."""

    def __init__(
        self, fetch: Callable[[str], bytes] | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with none.

        Args:
            fetch: reads an address; by default over HTTPS, redirects refused.
            monotonic: seconds that never go back.
        """
        self._fetch = fetch or fetch_certificate
        self._monotonic = monotonic
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._fetches = threading.BoundedSemaphore(FETCHES)

    def certificate(self, url: str) -> bytes:
        """Return the certificate in PEM; one that was fetched within a day is not fetched again.

        Few fetches run at the same time, and after a failure none for a while: a fetch that hangs holds a thread that
        other sources need.
        """
        if (found := self._found(url)) is not None:
            return found
        if not self._fetches.acquire(timeout=WAIT_SECONDS):
            raise _unavailable()
        try:
            if (found := self._found(url)) is not None:  # by another thread, meanwhile
                return found
            return self._fetched(url)
        finally:
            self._fetches.release()

    def _found(self, url: str) -> bytes | None:
        now = self._monotonic()
        with self._lock:
            found, failed = self._kept.get(url), self._failed.get(url)
        if found is not None and now - found[0] < KEPT_SECONDS:
            return found[1]
        if failed is not None and now - failed < REST_SECONDS:
            raise _unavailable()
        return None

    def _fetched(self, url: str) -> bytes:
        try:
            pem = self._fetch(url)
        except UpstreamUnavailable:
            with self._lock:
                _keep(self._failed, url, self._monotonic())
            raise
        with self._lock:
            self._failed.pop(url, None)
            _keep(self._kept, url, (self._monotonic(), pem))
        return pem


def _keep(kept: OrderedDict[str, Value], url: str, value: Value) -> None:
    kept[url] = value
    kept.move_to_end(url)
    while len(kept) > KEPT:
        kept.popitem(last=False)


def require_amazon(url: str) -> None:
    """Check that a URL is Amazon SNS's: https, `sns.<region>.amazonaws.com`, no port, no user.

    Raises:
        WebhookRefused: it leads elsewhere.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WebhookRefused("An address in the message is none.") from None
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    # The netloc itself, not the host parsed from it: nothing may stand before or behind it.
    if not (plain and parts.scheme == "https" and port is None and _HOST.fullmatch(parts.netloc)):
        raise WebhookRefused("An address in the message does not lead to https://sns.<region>.amazonaws.com.")


def require_certificate_address(url: str) -> None:
    """Check that a URL is that of a signing certificate of Amazon SNS.

    Raises:
        WebhookRefused: it is none.
    """
    require_amazon(url)
    parts = urlsplit(url)
    if not _PATH.fullmatch(parts.path) or parts.query or parts.fragment:
        raise WebhookRefused("SigningCertURL does not name a certificate of Amazon SNS.")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def fetch_certificate(url: str) -> bytes:
    """Fetch a URL whose host was checked: no redirects, one whole certificate of at most 100 kB.

    Raises:
        UpstreamUnavailable: it cannot be read.
    """
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as answer:
            pem: bytes = answer.read(MAX_BYTES + 1)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unavailable() from error
    if len(pem) > MAX_BYTES or _END not in pem:
        raise _unavailable()  # truncated, or no certificate: it must not be kept for a day
    return pem


def _unavailable() -> UpstreamUnavailable:
    # 503 and not 401: Amazon retries after a 503 and gives up after a 401.
    return UpstreamUnavailable("The certificate of Amazon SNS cannot be fetched now; send the notification again.")


def require_sns(message: Any, topics: Sequence[str], certificates: CertificateSource, received_at: datetime) -> None:
    """Check that a message is signed by Amazon, of a listed topic, and fresh.

    The topic and the age are checked first, so that nothing is fetched for a sender that does not know the topic.

    Raises:
        WebhookRefused: it is none.
        UpstreamUnavailable: the certificate cannot be fetched now.
    """
    if not topics:
        raise WebhookRefused("This source lists no topics. Name the ARN of your SNS topic in its settings.")
    if not isinstance(message, dict):
        raise WebhookRefused("The body is not a message of Amazon SNS.")
    if not signatures.any_same(_text(message, "TopicArn"), topics):
        raise WebhookRefused("The topic is none that this source lists.")
    signatures.require_fresh(_signed_at(message), received_at, behind_seconds=RETRIED_SECONDS + TOLERANCE_SECONDS)
    signed = string_to_sign(message)
    algorithm = _algorithm(_text(message, "SignatureVersion"))
    signature = signatures.decoded_base64(_text(message, "Signature"))
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
    r"""Return the signed fields of a message as Amazon writes them: each name and value on a line of its own.

    >>> string_to_sign({"Type": "Notification", "Message": "m", "MessageId": "1", "Timestamp": "t", "TopicArn": "a"})
    b'Message\nm\nMessageId\n1\nTimestamp\nt\nTopicArn\na\nType\nNotification\n'

    Raises:
        WebhookRefused: a field is missing or no text.
    """
    names = _SIGNED.get(_text(message, "Type"))
    if names is None:
        raise WebhookRefused("Type is none that Amazon SNS documents.")
    signed = [name for name in names if name != _OPTIONAL or message.get(name) is not None]
    if any("\n" in _text(message, name) for name in signed if name != "Message"):
        # Otherwise part of the subject could be moved into the id under the same signature, and the message sent twice.
        raise WebhookRefused("A signed field beside Message has more than one line.")
    return "".join(f"{name}\n{_text(message, name)}\n" for name in signed).encode("utf-8", "surrogatepass")


def certificate_names(url: str) -> set[str]:
    """Return the names that Amazon's certificates of a region may have.

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
    """Return the key of a certificate, which must be Amazon SNS's and valid now.

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

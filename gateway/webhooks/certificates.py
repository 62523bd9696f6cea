"""Where the certificates come from with which Amazon signs its notifications: fetched once, kept a while."""

import http.client
import re
import threading
import time
import urllib.request
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from gateway.webhooks.provider import WebhookRefused
from shared.errors import UpstreamUnavailable

TIMEOUT_SECONDS = 5.0
MAX_BYTES = 100_000
KEPT = 16
KEPT_SECONDS = 24 * 3_600.0
FETCHES = 2
"""At once: an address that hangs holds so many threads and no more."""
WAIT_SECONDS = 1.0
"""How long others wait for one that is being fetched."""
REST_SECONDS = 30.0
"""How long an address that failed is not asked again."""

Value = TypeVar("Value")
_END = b"-----END CERTIFICATE-----"
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?")
_PATH = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")


class CertificateSource(Protocol):
    """Anything that knows the certificate behind an address of Amazon SNS."""

    def certificate(self, url: str) -> bytes:
        """Tell the certificate in PEM.

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
        self._fetch = fetch or fetched
        self._monotonic = monotonic
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._fetches = threading.BoundedSemaphore(FETCHES)

    def certificate(self, url: str) -> bytes:
        """Tell the certificate in PEM; one that was fetched within a day is not fetched again.

        A few are fetched at once, and one that failed has a rest: who waits for an answer that does not come holds a
        thread that other sources need.
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
    """Demand an address of Amazon SNS itself: https, `sns.<region>.amazonaws.com`, no port, no user.

    Raises:
        WebhookRefused: it leads elsewhere.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WebhookRefused("An address in the message is none.") from None
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    # The netloc itself, not the host that is read out of it: nothing may stand before or behind it.
    if not (plain and parts.scheme == "https" and port is None and _HOST.fullmatch(parts.netloc)):
        raise WebhookRefused("An address in the message does not lead to https://sns.<region>.amazonaws.com.")


def require_certificate_address(url: str) -> None:
    """Demand the address of a signing certificate of Amazon SNS.

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


def fetched(url: str) -> bytes:
    """Read an address whose host was checked: no redirects, one whole certificate of at most 100 kB.

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
        raise _unavailable()  # cut short, or something else: it must not be kept for a day
    return pem


def _unavailable() -> UpstreamUnavailable:
    # 503 and not 401: Amazon tries again after the one and gives up after the other.
    return UpstreamUnavailable("The certificate of Amazon SNS cannot be fetched now; send the notification again.")

"""The signed header with which the gateway tells a service on whose behalf it asks.

`Foretell-Call: <base64url(JSON)>.<hex HMAC-SHA256>` over the method, the path and the JSON: a header cannot be
taken to another path, and is refused after its deadline.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from shared.errors import NotAuthenticated

CALL_HEADER = "Foretell-Call"
SERVED_HEADER = "Foretell-Contacts-Served"
REQUEST_ID_HEADER = "X-Request-Id"


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, what they may do, until when an answer is wanted."""

    account: str
    scopes: tuple[str, ...]
    request_id: str
    deadline_at: float
    """Unix seconds; a service refuses the call afterwards."""
    quota_contacts: int | None = None
    """How many contacts this key may still ask about; None: unlimited."""
    committed: bool = False
    """The answer leaves only once its predictions are in the store: who reads them there next can rely on them."""


def signed(call: Call, method: str, path: str, key: bytes) -> str:
    """Make the header value.

    Args:
        call: what is vouched for.
        method: HTTP method, upper case.
        path: request path without the query.
        key: the signing key, at least 32 bytes.
    """
    # Written out: `asdict` copies deeply and costs more than the HMAC.
    fields = {
        "account": call.account,
        "scopes": call.scopes,
        "request_id": call.request_id,
        "deadline_at": call.deadline_at,
        "quota_contacts": call.quota_contacts,
        "committed": call.committed,
    }
    payload = base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()
    return f"{payload}.{_mac(payload, method, path, key)}"


def verified(header: str | None, method: str, path: str, key: bytes, *, now: float) -> Call:
    """Check the header and read it.

    Raises:
        NotAuthenticated: absent, forged, for another path, or past its deadline.
    """
    payload, _, mac = (header or "").partition(".")
    if not hmac.compare_digest(_mac(payload, method, path, key).encode(), mac.encode("ascii", "replace")):
        raise NotAuthenticated("This service answers only calls signed by the gateway.")
    try:
        fields = json.loads(base64.urlsafe_b64decode(payload))
        call = Call(**{**fields, "scopes": tuple(fields["scopes"])})
    except (binascii.Error, ValueError, TypeError, KeyError) as error:
        raise NotAuthenticated("This service answers only calls signed by the gateway.") from error
    if now > call.deadline_at:
        raise NotAuthenticated("The call is past its deadline.")
    return call


def _mac(payload: str, method: str, path: str, key: bytes) -> str:
    return hmac.new(key, f"{method} {path}\n{payload}".encode(), hashlib.sha256).hexdigest()

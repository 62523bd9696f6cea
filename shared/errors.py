"""The one tree of errors: modules raise these, entry points let them pass, `shared.http.problem` maps them once.

ForetellError
├── BadRequest              422  the payload is wrong
│   ├── UnknownOutcome      422
│   ├── TooManyContacts     422
│   ├── IdempotencyKeyReused 422
│   └── FileRefused         422
├── SettingsRefused              a process is not started
├── NotAuthenticated        401  no key, or not one of ours
├── NotAllowed              403  the key lacks the scope
├── NotFound                404
├── Conflict                409
│   ├── NoModelTrained      409
│   ├── TooLittleToAttribute 409
│   └── IdempotencyInProgress 409
├── BodyTooLarge            413
├── UnsupportedMediaType    415
├── BodyTooSlow             408
├── MalformedRequest        400  not HTTP
├── HeadTooLarge            431
├── HeadTooSlow             408
├── UrlTooLong              414
├── ConnectionsExhausted    503
├── LimitReached            429
├── ModelNotReady           503  a champion exists and is being loaded
├── StoreUnavailable        503
├── ResultNotReady          503  a result is being written again
├── RegistryUnavailable     503
├── UpstreamUnavailable     503
├── ClockSkew               503  the clocks of two processes differ too much
└── UpstreamTimeout         504
`code` is the API; class names are not.
"""

from typing import Any, ClassVar


class ForetellError(Exception):
    """Anything that can be explained to a client or an operator in one sentence."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    type_uri: ClassVar[str | None] = None
    """A registered URI of the kind of problem; None: made from the code."""
    retry_after_seconds: int | None = None

    def __init__(self, detail: str, **members: Any) -> None:
        """Keep the sentence and the extra problem members.

        Args:
            detail: one sentence that says what to do; never a payload or a feature value.
            members: extra members of the problem document, JSON-serialisable.
        """
        super().__init__(detail)
        self.detail = detail
        self.members = members


class BadRequest(ForetellError):
    """The payload does not fit the contract."""

    status = 422
    code = "invalid-request"
    title = "Invalid request"


class UnknownOutcome(BadRequest):
    """The outcome is not defined for this account; the known ones are listed."""

    code = "unknown-outcome"
    title = "Unknown outcome"


class TooManyContacts(BadRequest):
    """More contacts than one call may carry."""

    code = "too-many-contacts"
    title = "Too many contacts"


class IdempotencyKeyReused(BadRequest):
    """The idempotency key was used for another request."""

    code = "idempotency-key-reused"
    title = "Idempotency key reused"


class FileRefused(BadRequest):
    """A file of contacts, events or items cannot be read at all."""

    code = "file-refused"
    title = "File refused"


class SettingsRefused(ForetellError):
    """A setting is missing or wrong; no process starts with it."""

    code = "settings-refused"
    title = "Settings refused"


class NotAuthenticated(ForetellError):
    """No key, or one that is not (or no longer) valid."""

    status = 401
    code = "invalid-key"
    title = "Not authenticated"


class NotAllowed(ForetellError):
    """The key is valid and lacks the scope."""

    status = 403
    code = "missing-scope"
    title = "Not allowed"


class NotFound(ForetellError):
    """There is nothing of that name."""

    status = 404
    code = "not-found"
    title = "Not found"


class Conflict(ForetellError):
    """The state does not allow it."""

    status = 409
    code = "conflict"
    title = "Conflict"


class NoModelTrained(Conflict):
    """No champion exists; says in counts what is missing."""

    code = "no-model-trained"
    title = "No model trained"


class TooLittleToAttribute(Conflict):
    """Too few conversions came after a touch to give credit for; says in counts what is missing."""

    code = "too-little-to-attribute"
    title = "Too little to attribute"


class IdempotencyInProgress(Conflict):
    """The first request with this idempotency key is still being answered."""

    code = "idempotency-in-progress"
    title = "Still in progress"
    retry_after_seconds = 1


class BodyTooLarge(ForetellError):
    """More bytes than one call may carry."""

    status = 413
    code = "body-too-large"
    title = "Body too large"


class UnsupportedMediaType(ForetellError):
    """The body is of a kind that this path does not take."""

    status = 415
    code = "unsupported-media-type"
    title = "Unsupported media type"


class BodyTooSlow(ForetellError):
    """The body did not arrive in time."""

    status = 408
    code = "body-too-slow"
    title = "Body too slow"


class MalformedRequest(ForetellError):
    """What came over the connection is not HTTP."""

    status = 400
    code = "malformed-request"
    title = "Malformed request"


class HeadTooLarge(ForetellError):
    """The header fields are too many or too large."""

    status = 431
    code = "headers-too-large"
    title = "Headers too large"


class HeadTooSlow(ForetellError):
    """The request line and the header fields did not arrive in time."""

    status = 408
    code = "headers-too-slow"
    title = "Headers too slow"


class UrlTooLong(ForetellError):
    """The URL is longer than any that means something here."""

    status = 414
    code = "url-too-long"
    title = "URL too long"


class ConnectionsExhausted(ForetellError):
    """All connections are taken, and requests are under way on each."""

    status = 503
    code = "too-many-connections"
    title = "Too many connections"
    retry_after_seconds = 1


class LimitReached(ForetellError):
    """A quota is used up: calls or contacts of a key, or failed authentications of an address."""

    status = 429
    code = "quota-exceeded"
    title = "Quota exceeded"
    type_uri = "https://iana.org/assignments/http-problem-types#quota-exceeded"

    def __init__(self, detail: str, *, policies: list[str], retry_after_seconds: int | None = None, **members: Any):
        """Keep what is used up, and when asking again is right.

        Args:
            detail: one sentence that says what to do.
            policies: names of the policies that are violated, as in the header RateLimit-Policy.
            retry_after_seconds: None: whoever passes the answer on knows it.
            members: further members of the problem document.
        """
        super().__init__(detail, **{"violated-policies": policies}, **members)
        self.retry_after_seconds = retry_after_seconds


class ModelNotReady(ForetellError):
    """A champion exists and is not loaded yet; asking again soon is right."""

    status = 503
    code = "model-not-ready"
    title = "Model not ready"
    retry_after_seconds = 5


class StoreUnavailable(ForetellError):
    """The SQL store cannot be reached."""

    status = 503
    code = "store-unavailable"
    title = "Store unavailable"
    retry_after_seconds = 5


class ResultNotReady(ForetellError):
    """Somebody was erased, and the result is being written again without them."""

    status = 503
    code = "result-not-ready"
    title = "Result not ready"
    retry_after_seconds = 10


class RegistryUnavailable(ForetellError):
    """The model registry cannot be reached or does not hold the version."""

    status = 503
    code = "registry-unavailable"
    title = "Registry unavailable"
    retry_after_seconds = 60


class UpstreamUnavailable(ForetellError):
    """The service behind this path does not answer."""

    status = 503
    code = "service-unavailable"
    title = "Service unavailable"
    retry_after_seconds = 2


class ClockSkew(ForetellError):
    """The clocks of the process that signed a call and of the one that reads it differ by too much."""

    status = 503
    code = "clock-skew"
    title = "Clocks differ"
    retry_after_seconds = 60


class UpstreamTimeout(ForetellError):
    """The service behind this path did not answer before the deadline."""

    status = 504
    code = "deadline-exceeded"
    title = "Deadline exceeded"


class InsufficientData(ForetellError):
    """Training cannot begin or ends without a usable signal; says in counts what is missing."""

    status = 409
    code = "insufficient-data"
    title = "Insufficient data"


class ArtifactRefused(ForetellError):
    """A registered artifact is damaged or does not fit this release; the old one goes on answering."""

    code = "artifact-refused"
    title = "Artifact refused"

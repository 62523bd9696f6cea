"""Every error that the API answers with, as reusable OpenAPI responses with an example each."""

from typing import Any, Final

from gateway.webhooks.provider import WebhookRefused
from shared.errors import (
    BadRequest,
    BodyTooLarge,
    BodyTooSlow,
    Conflict,
    ForetellError,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    LimitReached,
    ModelNotReady,
    NoModelTrained,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    StoreUnavailable,
    UnknownOutcome,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.serving import problem
from shared.serving.openapi import EXAMPLE_REQUEST_ID


def _response(description: str, *errors: ForetellError) -> tuple[str, dict[str, Any]]:
    examples = {
        error.code: {"summary": error.title, "value": problem.document(error, EXAMPLE_REQUEST_ID)} for error in errors
    }
    media = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return str(errors[0].status), {"description": description, "content": {problem.MEDIA_TYPE: media}}


RESPONSES: Final = {
    "NotAuthenticated": _response(
        "No key, or not one that is valid here.",
        NotAuthenticated("This key was revoked. Make a new one with: foretell keys create"),
    ),
    "WebhookRefused": _response(
        "The request does not prove that it comes from the provider, or it is stale.",
        WebhookRefused("The signature does not fit: the secret is another one, or the body was changed."),
    ),
    "NotAllowed": _response(
        "The key lacks the scope.",
        NotAllowed("This key lacks the scope ingest; it has: predict, read.", scope="ingest"),
    ),
    "NotFound": _response(
        "There is nothing of that name.", NotFound("There is no contact of this id in this account.")
    ),
    "Conflict": _response(
        "The state does not allow it.",
        Conflict("This outcome is built in and cannot be deleted; redefine it with PUT."),
        IdempotencyInProgress("The first request with this idempotency key is still being answered; ask again soon."),
    ),
    "NoModelTrained": _response(
        "No model has been trained yet; says in counts what is missing.",
        NoModelTrained("No model answers for customer yet. Train one with: foretell train scoring --outcome customer"),
    ),
    "BodyTooLarge": _response(
        "More bytes than one call may carry.",
        BodyTooLarge("The body is larger than 8000000 bytes; send it in several calls.", max_bytes=8_000_000),
    ),
    "BodyTooSlow": _response(
        "The body did not arrive in time.", BodyTooSlow("The body did not arrive within 60 s; send it in one go.")
    ),
    "QuotaExceeded": _response(
        "A quota is used up; says which one, and for how long.",
        LimitReached(
            "This key has made as many calls as it may in a minute; slow down.",
            policies=["calls"],
            retry_after_seconds=17,
        ),
    ),
    "InvalidRequest": _response(
        "The request does not fit the contract; the mistakes are named with their places.",
        BadRequest(
            "The request does not fit the contract; `errors` says where.",
            errors=[{"pointer": "/event", "detail": "This field is not known here; only events is."}],
        ),
        UnknownOutcome(
            "The outcome is not defined here. Known: customer, opportunity.", outcomes=["customer", "opportunity"]
        ),
        IdempotencyKeyReused(
            "This idempotency key was used for another request (POST /contacts): use a new one for each request."
        ),
    ),
    "Unavailable": _response(
        "Something behind the gateway is away; ask again soon.",
        StoreUnavailable("The store cannot be reached; try again soon."),
        UpstreamUnavailable("The scoring service does not answer. Ask again soon."),
        ModelNotReady("The model is being loaded. Ask again soon."),
    ),
    "DeadlineExceeded": _response(
        "The service did not answer in time.",
        UpstreamTimeout(
            "The scoring service is at work, and was not done within 10 s. Ask about fewer contacts at once."
        ),
    ),
}

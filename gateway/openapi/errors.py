"""Every error that the API answers with, each with examples that fit the operation they stand in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.openapi.headers import is_repeatable
from gateway.predict_all.schemas import MAX_TOGETHER, PATH
from gateway.webhooks.provider import WebhookRefused
from shared.capabilities import TABLE, Capability
from shared.contracts.call import Scope
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
    ResultNotReady,
    StoreUnavailable,
    TooLittleToAttribute,
    TooManyContacts,
    UnknownOutcome,
    UnsupportedMediaType,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.http import problem
from shared.http.problem import EXAMPLE_REQUEST_ID

Document = dict[str, Any]

OPEN_TAG: Final = "operations"
PROVEN_TAG: Final = "webhooks"
"""Asked without a key: the provider proves itself."""
_WRITES: Final = ("post", "put", "patch", "delete")
_DESCRIPTIONS: Final = {
    401: "No key, or not one that is valid here.",
    403: "The key lacks the scope.",
    404: "There is nothing of that name.",
    408: "The body did not arrive in time.",
    409: "The state does not allow it.",
    413: "More bytes than one call may carry.",
    415: "The body is of a kind that this path does not take.",
    422: "The request does not fit the contract; the mistakes are named with their places.",
    429: "A quota is used up; says which one, and for how long.",
    503: "Something behind the gateway is away; ask again soon.",
    504: "The service did not answer in time.",
}
_ABSENT: Final = {
    "/attribution": "There is no attribution report of this id in this account; GET /attribution/reports lists them.",
    "/batches": "There is no batch of this id in this account; GET /batches lists them.",
    "/contacts": "There is no contact of this id in this account.",
    "/data-report": "No report was made yet: a worker makes one within a minute. Leave `kept` out to make it now.",
    "/dead-letters": "There is no dead letter of this id in this account; GET /dead-letters lists those there are.",
    "/deliveries": "There is no delivery of this id in this account; GET /deliveries lists them.",
    "/deliveries/replay": "There is no subscription of this id in this account; GET /subscriptions lists them.",
    "/experiments": "Nobody was assigned to this campaign; ask with `purpose: experiment` first.",
    "/holdouts": "There is no holdout of this name in this account; GET /holdouts lists them.",
    "/imports": "There is no import of this id in this account; GET /imports lists them.",
    "/items": "There is no item of this id in this account's catalogue; PUT /items creates it.",
    "/keys": "There is no key of this id in this account; GET /keys lists those that there are.",
    "/messages": "There is no message of this id in this account's catalogue; PUT /messages creates it.",
    "/models": "There is no version 9 of scoring.customer; GET /models/scoring.customer lists those there are.",
    "/models/{name}/shadow": "No version shadows scoring.customer; PUT /models/scoring.customer/shadow lets one.",
    "/outcomes": "There is no outcome demo_booked in this account; GET /outcomes lists those that there are.",
    "/segments": "There is no segment s9 any more, or yet; GET /segments lists those that there are.",
    "/sources": "There is no source of this id in this account; GET /sources lists those that there are.",
    "/subscriptions": "There is no subscription of this id in this account; GET /subscriptions lists them.",
    "/webhooks": "There is no source at this address.",
}
"""By the beginning of the path, the longest that fits."""
_WAITING = Conflict("20 attribution reports wait or are made already; wait until one is there.")
_MANY_MESSAGES = Conflict("An account has at most 1,000 messages; delete what runs no longer.", max_messages=1_000)
_STATES: Final[dict[str, ForetellError]] = {
    "show_attribution": _WAITING,
    "attribute_paths": _WAITING,
    "add_batch": Conflict("20 batches wait or run already; wait until one has ended, or cancel one.", max_batches=20),
    "put_items": Conflict(
        "An account has at most 1,000,000 items; delete what is sold no longer.", max_items=1_000_000
    ),
    "put_messages": _MANY_MESSAGES,
    "put_message": _MANY_MESSAGES,
    "add_decisions": _MANY_MESSAGES,
    "add_import": Conflict("20 uploaded files wait to be loaded already; load or delete one.", max_imports=20),
    "change_import": Conflict("This import is loaded, and cannot be changed."),
    "load_import": Conflict("The file of this import is gone; upload it again."),
    "undo_import": Conflict("Only the import of contacts or events that was loaded last can be undone, and only once."),
    "delete_import": Conflict("This import is loading; wait until that has ended."),
    "export_import_rejects": Conflict("This import has no rejects: it is checked."),
    "cancel_batch": Conflict("This batch has ended: it is completed."),
    "export_batch_result": Conflict("This batch has no result: it is running."),
    "cancel_training": Conflict("It has ended: it is completed."),
    "promote_model": Conflict("20 promotions and rollbacks of this model wait already; is there a worker?"),
    "rollback_model": Conflict("There is no earlier champion to return to; promote a version instead."),
    "add_holdout": Conflict("There is a holdout spring already; names are used once."),
    "delete_outcome": Conflict("This outcome is built in and cannot be deleted; redefine it with PUT."),
    "show_model_thresholds": Conflict(
        "No scores of version 7 are stored, so that a number of contacts says nothing: let the worker score all "
        "contacts, make a batch, or give the capacity as a share."
    ),
    "rename_segment": Conflict("Segment s2 is called so already; names tell segments apart."),
    "put_model_shadow": Conflict("Version 7 answers itself; only another one can shadow it."),
    "add_source": Conflict("There is a source named newsletter already; choose another name."),
    "rotate_key": Conflict("This key is not valid any more: make a new one with POST /keys."),
    "revoke_key": Conflict("This is the key of this very call: revoke it with another one, or add confirm=true."),
    "replay_delivery": Conflict("The subscription is disabled; enable it with PATCH /subscriptions/{id} first."),
    "add_subscription_secret": Conflict("5 secrets are valid already; wait until one has expired, or overlap 0 hours."),
}
"""What the state of things may forbid, beside a repetition that came too early."""


@dataclass(frozen=True, slots=True)
class Place:
    """An operation of the document."""

    path: str
    method: str
    operation: Document
    scope: Scope | None
    """What a key needs; None: the path needs no key."""
    schemas: Document
    """The document's components."""

    @property
    def capability(self) -> Capability | None:
        """The capability whose service answers; None: the gateway itself."""
        for line in TABLE:
            if any(_below(self.path, own) for own in (line.path, *line.prefixes)):
                return line
        return None

    @property
    def tags(self) -> list[str]:
        """Of the operation."""
        tags: list[str] = self.operation["tags"]
        return tags


def add_errors(place: Place) -> None:
    """Describe every error that an operation can answer with, in place, beside what it names itself."""
    answers = place.operation["responses"]
    found: dict[int, list[ForetellError]] = {}
    for error in _possible(place):
        found.setdefault(error.status, []).append(error)
    for status, errors in found.items():
        own = answers.get(str(status))
        examples = {error.code: _example(error) for error in errors}
        if own is None or "content" not in own:
            answers[str(status)] = own = {"description": _DESCRIPTIONS[status], "content": _media()}
        media = own["content"].setdefault(problem.MEDIA_TYPE, _media()[problem.MEDIA_TYPE])
        media["examples"] = {**examples, **media["examples"]}
    place.operation["responses"] = dict(sorted(answers.items()))


def _media() -> Document:
    return {problem.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}}


def _example(error: ForetellError) -> Document:
    return {"summary": error.title, "value": problem.document(error, EXAMPLE_REQUEST_ID)}


def _possible(place: Place) -> Iterator[ForetellError]:
    """List what can go wrong."""
    if OPEN_TAG in place.tags:
        return
    if PROVEN_TAG in place.tags:
        yield from _at_a_source(place)
        return
    yield NotAuthenticated("This key was revoked. Make a new one with: foretell keys create")
    yield NotAllowed(
        f"This key lacks the scope {place.scope}; it has: {'predict' if place.scope == 'read' else 'read'}.",
        scope=place.scope,
    )
    yield LimitReached(
        "This key has made as many calls as it may in a minute; slow down.", policies=["calls"], retry_after_seconds=17
    )
    yield StoreUnavailable("The store cannot be reached; try again soon.")
    yield from _misfits(place)
    if "requestBody" in place.operation:
        yield from _bodies()
        if place.operation["operationId"] == "add_import":
            yield UnsupportedMediaType("Send the file itself as the body, not as a field of a form.")
        if len(place.operation["requestBody"]["content"]) > 1:
            yield UnsupportedMediaType("Name in Content-Type what the body is: application/json, text/csv.")
    if place.operation["operationId"] in ("export_batch_result", "export_import_rejects"):
        yield ResultNotReady("A contact was erased; the result is being written again without them. Ask again soon.")
    if _may_be_absent(place):
        yield _absent(place.path)
    yield from _conflicts(place)
    if place.path == PATH:
        yield from _together()
    line = place.capability
    if line is not None:
        yield UpstreamUnavailable(f"The {line.name} service does not answer. Ask again soon.")
        yield UpstreamTimeout(
            f"The {line.name} service is at work, and was not done within 10 s. Ask about fewer contacts at once."
        )
        if place.method == "post":
            yield ModelNotReady("The model is being loaded. Ask again soon.")


def _together() -> Iterator[ForetellError]:
    """List what is answered when no capability could answer."""
    yield UpstreamUnavailable("No service answers. Ask again soon.")
    yield UpstreamTimeout("No service was done within 10 s. Ask about fewer contacts at once.")
    yield ModelNotReady("The model is being loaded. Ask again soon.")
    yield NoModelTrained("This account has no model that answers yet. Train one with `foretell train`.")
    yield TooManyContacts(
        f"A call for several capabilities carries at most {MAX_TOGETHER} contacts; this one has 120. Send them in "
        "several calls.",
        max_contacts=MAX_TOGETHER,
    )


def _at_a_source(place: Place) -> Iterator[ForetellError]:
    yield _absent(place.path)
    yield StoreUnavailable("The store cannot be reached; try again soon.")
    if place.method == "post":
        yield LimitReached(
            "Too many webhooks that prove nothing came to this source from this address; check its secret, then wait "
            "a minute.",
            policies=["failed-webhooks"],
            retry_after_seconds=60,
        )
        yield WebhookRefused("The signature does not fit: the secret is another one, or the body was changed.")
        yield BadRequest("The request does not fit the contract; `errors` says where.", errors=[])
        yield from _bodies()


def _bodies() -> Iterator[ForetellError]:
    yield BodyTooLarge("The body is larger than 8000000 bytes; send it in several calls.", max_bytes=8_000_000)
    yield BodyTooSlow("The body did not arrive within 60 s; send it in one go.")


def _misfits(place: Place) -> Iterator[ForetellError]:
    """Add the answers to a request that does not fit: every operation refuses unknown query parameters."""
    known = [one["name"] for one in place.operation.get("parameters", ()) if one["in"] == "query"]
    field = _first_field(place)
    if field is not None:
        yield BadRequest(
            "The request does not fit the contract; `errors` says where.",
            errors=[{"pointer": f"/{field}_", "detail": "This field is not known here; leave it out."}],
        )
    else:
        near = f"did you mean {known[0]}" if known else None
        name, hint = (f"{known[0]}_", f"; {near}?") if known else ("verbose", "; this path takes none.")
        yield BadRequest(
            "The query does not fit the contract; `errors` says where.",
            parameters=sorted(known),
            errors=[{"pointer": f"/{name}", "detail": f"This query parameter is not known here{hint}"}],
        )
    if "outcome" in known or place.operation["operationId"] == "add_holdout":
        yield UnknownOutcome(
            "The outcome is not defined here. Known: customer, opportunity.", outcomes=["customer", "opportunity"]
        )
    if is_repeatable(place.operation):
        yield IdempotencyKeyReused(
            "This idempotency key was used for another request (POST /segments): use a new one for each request."
            if place.path == "/contacts"
            else "This idempotency key was used for another request (POST /contacts): use a new one for each request."
        )


def _first_field(place: Place) -> str | None:
    body = place.operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = place.schemas.get(body.get("$ref", "").rsplit("/", 1)[-1], {})
    return next(iter(schema.get("properties", {})), None)


def _may_be_absent(place: Place) -> bool:
    named = (
        place.path in ("/deliveries/replay", "/data-report", "/outcomes/preview")
        or place.operation["operationId"] == "put_model_shadow"
    )
    return named or ("{" in place.path and place.method != "put")


def _absent(path: str) -> NotFound:
    beginning = max((one for one in _ABSENT if _below(path, one)), key=len, default="")
    return NotFound(_ABSENT.get(beginning, "There is nothing of this name in this account."))


def _conflicts(place: Place) -> Iterator[ForetellError]:
    if place.operation["operationId"] in _STATES:
        yield _STATES[place.operation["operationId"]]
    if place.operation["operationId"] == "add_batch":
        yield NoModelTrained(
            "No model has been trained for scoring yet. Train one with `foretell train scoring --outcome customer`.",
            outcome="customer",
        )
    if place.operation["operationId"] in ("show_attribution", "attribute_paths", "show_attribution_report"):
        yield TooLittleToAttribute(
            "12 of 60 conversions came after a touch in this period; 40 are needed. Choose a longer period or a longer "
            "lookback, or record events that say by which channel contacts came.",
            conversions=60,
            conversions_after_a_touch=12,
            needed=40,
            touches=318,
        )
    if "segments" in place.tags:
        yield NoModelTrained("No segments were found yet. Find them with `foretell train segmentation`.")
    if is_repeatable(place.operation):
        yield IdempotencyInProgress(
            "The first request with this idempotency key is still being answered; ask again soon."
        )


def _below(path: str, beginning: str) -> bool:
    return path == beginning or path.startswith(f"{beginning}/")

"""The route of `POST /predict`: every service gets the same contacts and cutoff at the same time.

The bodies of their answers are joined as bytes. One that cannot answer leaves its problem, and keeps no other from
its answer. Which capabilities take part is read from the table; what their requests hold is handed in.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gateway.context import AuthenticatedRequest
from gateway.forwarding import identity_key, may_contain_email, replace_emails_by_ids
from gateway.predict_all.schemas import MAX_TOGETHER, PredictAllRequest
from gateway.upstream import ForwardedRequest
from shared.capabilities import TABLE, Capability
from shared.contracts.prediction import PredictionRequest
from shared.contracts.validation import escaped, write_json
from shared.errors import BadRequest, ForetellError, NoModelTrained, TooManyContacts, UpstreamUnavailable
from shared.http import problem
from shared.http.exchange import Exchange, HttpAnswer
from shared.http.middleware import parse_json, refuse_unknown_names
from shared.store import AccountStore

INLINE_BYTES: Final = 16_384
"""Larger bodies are parsed in a thread."""
_JSON: Final = ((b"content-type", b"application/json"),)
_PROBLEM: Final = (b"content-type", problem.MEDIA_TYPE.encode())
_OWN: Final = frozenset(PredictionRequest.model_fields)
"""Fields that stand in the call itself, for all capabilities."""


@dataclass(frozen=True, slots=True)
class CapabilityAnswer:
    """What one service answered, or why it did not."""

    name: str
    body: bytes
    """The answer; without meaning where there is a problem."""
    problem: Mapping[str, Any] | None = None
    """A problem document."""
    contacts: int = 0
    """About how many contacts."""

    @property
    def has_no_model(self) -> bool:
        """Whether the account has no model for this question."""
        return self.problem is not None and self.problem["code"] == NoModelTrained.code


@dataclass(frozen=True, slots=True)
class PredictAll:
    """Answers requests whose key may ask models."""

    request_fields: Callable[[str], frozenset[str]]
    """Returns which fields the request of a capability has, by the capability's name."""

    async def __call__(self, here: AuthenticatedRequest, exchange: Exchange) -> HttpAnswer:
        """Answer a request whose key may ask models."""
        refuse_unknown_names(exchange.scope["query_string"])
        body = await exchange.body()
        is_small = len(body) <= INLINE_BYTES
        read = self.request_of(body) if is_small else await run_in_threadpool(self.request_of, body)
        contacts = read.contacts
        names: Collection[str] = read.capabilities or ()
        if not names or may_contain_email(body):
            contacts, names = await run_in_threadpool(_looked_up, here.store, read, identity_key(here))
        lines = [line for line in TABLE if line.name in names]
        _check_quota(here, len(contacts) * len(lines))
        cutoff = read.cutoff_or(datetime.now(UTC)).isoformat()
        shared = {"contacts": contacts, "cutoff": cutoff, "reasons": read.reasons}
        written = write_json(shared) if is_small else await run_in_threadpool(write_json, shared)
        bodies = [_with_options(written, line.harmless_request(read.options.get(line.name, {}))) for line in lines]
        answers = await asyncio.gather(*(_answer(here, *pair) for pair in zip(lines, bodies, strict=True)))
        here.facts["contacts"] = sum(one.contacts for one in answers)
        if read.capabilities is None:
            answers = [one for one in answers if not one.has_no_model]
        return joined(answers, here.request_id)

    def request_of(self, body: bytes) -> PredictAllRequest:
        """Read a request and check all but what only the services know.

        Raises:
            BadRequest: not JSON, or it does not fit, or an option is not known.
            TooManyContacts: more than one call may carry.
        """
        content = parse_json(body)
        try:
            read = PredictAllRequest.model_validate(content)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            raise problem.invalid([dict(entry) for entry in details], content) from None
        if not read.contacts:
            raise _invalid([("/contacts", "Send at least one contact.")])
        if len(read.contacts) > MAX_TOGETHER:
            raise TooManyContacts(
                f"A call for several capabilities carries at most {MAX_TOGETHER} contacts; this one has "
                f"{len(read.contacts)}. Send them in several calls.",
                max_contacts=MAX_TOGETHER,
            )
        wrong = [
            (f"/options/{line.name}{place}", detail)
            for line in TABLE
            for place, detail in self._option_mistakes(read, line)
        ]
        if wrong:
            raise _invalid(wrong)
        return read

    def option_fields(self, line: Capability) -> frozenset[str]:
        """Return which fields of a capability's request may stand among the options."""
        return self.request_fields(line.name) - _OWN - _committing(line)

    def _option_mistakes(self, read: PredictAllRequest, line: Capability) -> Iterable[tuple[str, str]]:
        if line.name not in read.options:
            return
        if read.capabilities is not None and line.name not in read.capabilities:
            yield "", "This capability is not asked; name it in `capabilities`, or leave its options out."
        options = read.options[line.name]
        for name in sorted(options.keys() - self.option_fields(line)):
            if (name, options[name]) in line.harmless:
                continue
            committing = name in _committing(line)
            hint = f"its answer would commit something; ask at {line.path}" if committing else "leave it out"
            yield f"/{escaped(name)}", f"This field is not taken here; {hint}."


def _looked_up(store: AccountStore, read: PredictAllRequest, key: bytes) -> tuple[list[Any], Collection[str]]:
    """Return the contacts with ids in the place of addresses, and which capabilities are asked.

    Raises:
        NoModelTrained: none was named, and the account has no model.
        StoreUnavailable: the store cannot be read.
    """
    names = store.models.answering() if read.capabilities is None else read.capabilities
    if not names:
        raise no_model()
    return replace_emails_by_ids(read.contacts, store, key), names


def _committing(line: Capability) -> frozenset[str]:
    """Return the fields that decide whether an answer commits something."""
    return frozenset((*line.committing_fields, *dict(line.harmless)))


def _invalid(mistakes: Sequence[tuple[str, str]]) -> BadRequest:
    return BadRequest(
        "The request does not fit the contract; `errors` says where.",
        errors=[{"pointer": pointer, "detail": detail} for pointer, detail in mistakes],
    )


def no_model() -> NoModelTrained:
    """Return the error for an account without a model that could answer."""
    return NoModelTrained("This account has no model that answers yet. Train one with `foretell train`.")


def _check_quota(here: AuthenticatedRequest, contacts: int) -> None:
    """Refuse the whole call if the answers would be about more contacts than are left.

    Raises:
        LimitReached: they would.
    """
    left = here.quota.remaining_contacts
    if left is not None and contacts > left:
        raise here.quota.refused(
            "contacts",
            f"This key may ask about {left:,} more contacts for now, and each counts once a capability; ask about "
            "fewer, or wait.",
        )


def _with_options(written: bytes, options: Mapping[str, Any]) -> bytes:
    """Add a capability's own fields to what all requests have in common."""
    return b"%s,%s" % (written[:-1], write_json(options)[1:]) if options else written


async def _answer(here: AuthenticatedRequest, line: Capability, body: bytes) -> CapabilityAnswer:
    """Let one service answer."""
    request = ForwardedRequest(
        "POST", line.path, line.path.encode(), "application/json", body, here.caller, here.request_id
    )
    try:
        answer, contacts = await here.gateway.upstreams.answer(line, request)
    except ForetellError as error:
        return CapabilityAnswer(line.name, b"", problem.document(error, here.request_id))
    if answer.status != HTTPStatus.OK:
        return CapabilityAnswer(line.name, b"", _problem(line, answer, here.request_id))
    try:
        own = without_request_id(answer.body, here.request_id)
    except ValueError:
        return CapabilityAnswer(line.name, b"", _no_answer(line, here.request_id))
    return CapabilityAnswer(line.name, own, contacts=contacts or 0)


def _problem(line: Capability, answer: HttpAnswer, request_id: str) -> dict[str, Any]:
    """Read a service's problem document; the pointers of its own fields lead into the options.

    What has another media type comes from something on the way, such as a proxy, whatever it says.
    """
    if dict(answer.headers).get(b"content-type", b"").partition(b";")[0] != _PROBLEM[1]:
        return _no_answer(line, request_id)
    try:
        found: dict[str, Any] = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return _no_answer(line, request_id)
    errors = [{**entry, "pointer": _own_pointer(line, entry["pointer"])} for entry in found.get("errors", ())]
    return {**found, **({"errors": errors} if errors else {})}


def _no_answer(line: Capability, request_id: str) -> dict[str, Any]:
    return problem.document(UpstreamUnavailable(f"The {line.name} service gave no answer."), request_id)


def _own_pointer(line: Capability, pointer: str) -> str:
    first = pointer.removeprefix("/").partition("/")[0]
    return pointer if first in _OWN else f"/options/{line.name}{pointer}"


def without_request_id(body: bytes, request_id: str) -> bytes:
    """Leave the request id out of an answer: it stands once for all of them.

    Raises:
        ValueError: this is no answer, which is a JSON object.

    >>> without_request_id(b'{"predictions":[],"request_id":"r-1"}', "r-1")
    b'{"predictions":[]}'
    """
    last = b',"request_id":"%s"}' % request_id.encode()
    if body.endswith(last):
        return body[: -len(last)] + b"}"
    content = orjson.loads(body)
    if not isinstance(content, dict):
        raise ValueError("not an object")
    content.pop("request_id", None)
    return orjson.dumps(content)


def joined(answers: Sequence[CapabilityAnswer], request_id: str) -> HttpAnswer:
    """Return the body for all answers; if there is none, the problem that asking again may mend, else the gravest.

    Raises:
        NoModelTrained: nothing is left to be answered.
    """
    if not answers:
        raise no_model()
    problems = {one.name: dict(one.problem) for one in answers if one.problem is not None}
    if len(problems) == len(answers):
        return _failed(problems)
    bodies = b",".join(b'"%s":%s' % (one.name.encode(), one.body) for one in answers if one.problem is None)
    rest = orjson.dumps({"problems": problems, "request_id": request_id})
    return HttpAnswer(HTTPStatus.OK, _JSON, b'{"answers":{%s},%s' % (bodies, rest[1:]))


def _failed(problems: Mapping[str, dict[str, Any]]) -> HttpAnswer:
    chosen = max(problems.values(), key=lambda one: ("retry_after_seconds" in one, one["status"]))
    headers = [_PROBLEM]
    if "retry_after_seconds" in chosen:
        headers.append((b"retry-after", str(chosen["retry_after_seconds"]).encode()))
    return HttpAnswer(chosen["status"], headers, orjson.dumps({**chosen, "problems": problems}))

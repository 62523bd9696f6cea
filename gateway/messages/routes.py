"""Routes of messages: written, changed, listed, shown, deleted; and of decisions that another tool made."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from gateway.bulk_requests import document, items
from gateway.context import (
    AuthenticatedRequest,
    CursorParam,
    IngestScope,
    LimitParam,
    RawBody,
    ReadScope,
    count_ingested,
    created_response,
    json_response,
)
from gateway.idempotency import idempotent
from gateway.messages import decisions as decision_intake
from gateway.messages.schemas import (
    DecisionsResponse,
    MessageAnswer,
    MessageChanges,
    MessageCounts,
    MessageList,
    MessagesResponse,
    MessageWriteCounts,
    MessageWriteResult,
    PathMessage,
)
from shared.contracts.message_variant import MAX_MESSAGES, MessageState, MessageVariant
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import instant_of, now_us
from shared.contracts.validation import mistakes, repeatable_id
from shared.errors import BadRequest, NotFound, UnknownOutcome
from shared.store import AccountStore, MessageChange, StoredMessage

router = APIRouter(tags=["next-best-message"])
ENDS_BEFORE = "With what is stored it would end before it begins; give an until that is later than from."


@router.put(
    "/messages",
    response_model=MessagesResponse,
    operation_id="put_messages",
    summary="Create or update messages of the catalogue",
)
@idempotent
def put_messages(authenticated: IngestScope, body: RawBody) -> Response:
    """Create or update 1 to 1,000 messages; each is judged alone, what is valid is stored before the answer.

    What a message leaves out stays as it is, and of a new message becomes its default; `null` takes it away.
    `attributes` and `eligible` are replaced as a whole. Messages that are not named stay in the catalogue.
    """
    outcomes = KnownOutcomes(authenticated.store)
    judged = [_checked(item, place, outcomes) for place, item in enumerate(items(body, "messages"))]
    changes = [one for one in judged if isinstance(one, MessageChange)]
    messages = authenticated.store.experiments.messages
    words = iter(messages.put(changes, at=now_us()) if changes else ())
    results = [
        one if isinstance(one, MessageWriteResult) else _result(place, one.message_id, next(words))
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = MessageWriteCounts(
        **{status: counted[status] for status in ("created", "updated", "unchanged", "invalid")}
    )
    count_ingested(authenticated, "message", counts.model_dump())
    return json_response(MessagesResponse(results=results, counts=counts, request_id=authenticated.request_id))


@router.get(
    "/messages", response_model=MessageList, operation_id="list_messages", summary="List messages of the catalogue"
)
def list_messages(
    authenticated: ReadScope,
    state: Annotated[MessageState | None, Query(description="Only those in this state now.")] = None,
    limit: LimitParam = 100,
    cursor: CursorParam = None,
) -> Response:
    """List the catalogue by id, a page at a time."""
    at, purpose = datetime.now(UTC), f"messages {state or ''}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    stored = authenticated.store.experiments.messages.page(MAX_MESSAGES)
    running = sum(one.message.runs_at(at) for one in stored)
    wanted = [one for one in stored if state is None or one.message.state_at(at) is state]
    found = [one for one in wanted if place is None or one.message.id > place[0]][:limit]
    next_cursor = None if len(found) < limit else authenticated.next_cursor(purpose, [found[-1].message.id])
    return json_response(
        MessageList(
            messages=[_answer(one, at) for one in found],
            catalogue=MessageCounts(messages=len(stored), running=running),
            next_cursor=next_cursor,
        )
    )


@router.post(
    "/messages/decisions",
    response_model=DecisionsResponse,
    operation_id="add_decisions",
    summary="Import decisions that another tool made",
)
@idempotent
def add_decisions(authenticated: IngestScope, body: RawBody) -> Response:
    """Keep 1 to 1,000 decisions of another tool, so that they can be evaluated and learned from.

    Each is judged alone, what is valid is stored before the answer. Sending the same decision again changes nothing:
    it is known by its `id`, else by its content. Messages that the catalogue does not know are put into it, not
    active.
    """
    answer = decision_intake.add(
        authenticated.store,
        body,
        now=now_us(),
        request_id=authenticated.request_id,
        mentioned_contacts=authenticated.mentioned_contacts,
    )
    count_ingested(authenticated, "decision", answer.counts.model_dump())
    return json_response(answer)


@router.get(
    "/messages/{message_id:path}", response_model=MessageAnswer, operation_id="show_message", summary="Show a message"
)
def show_message(authenticated: ReadScope, message_id: PathMessage) -> Response:
    """Show what the catalogue says of a message."""
    return json_response(_known(authenticated, message_id))


@router.put(
    "/messages/{message_id:path}",
    response_model=MessageAnswer,
    operation_id="put_message",
    summary="Create or update a message",
    responses={201: {"model": MessageAnswer, "description": "It is new; `Location` says where it is."}},
)
@idempotent
def put_message(authenticated: IngestScope, message_id: PathMessage, body: RawBody) -> Response:
    """Say something about a message; what is left out stays as it is, `null` takes it away."""
    status = _put(authenticated, message_id, body, creates=True)
    answer = _known(authenticated, message_id)
    if status == "created":
        return created_response(authenticated, answer, f"/messages/{quote(message_id, safe='')}")
    return json_response(answer)


@router.patch(
    "/messages/{message_id:path}",
    response_model=MessageAnswer,
    operation_id="change_message",
    summary="Change a message",
)
@idempotent
def change_message(authenticated: IngestScope, message_id: PathMessage, body: RawBody) -> Response:
    """Change a known message; what is switched off is not chosen from now on.

    What is left out stays as it is, `null` takes it away; `attributes` and `eligible` are replaced as a whole.
    """
    if _put(authenticated, message_id, body, creates=False) == "missing":
        raise _absent()
    return json_response(_known(authenticated, message_id))


@router.delete(
    "/messages/{message_id:path}", status_code=204, operation_id="delete_message", summary="Delete a message"
)
@idempotent
def delete_message(authenticated: IngestScope, message_id: PathMessage) -> Response:
    """Take a message out of the catalogue; what was decided stays, and still counts in reports."""
    if not authenticated.store.experiments.messages.delete([message_id], at=now_us()):
        raise _absent()
    return Response(status_code=204)


def _put(authenticated: AuthenticatedRequest, message_id: str, body: bytes, *, creates: bool) -> str:
    fields = document(body)
    if fields.pop("id", message_id) != message_id:
        raise _refused([{"pointer": "/id", "detail": "The id differs from the one in the path; leave it out."}])
    try:
        changes = MessageChanges.model_validate(fields)
    except ValidationError as error:
        raise _refused(mistakes(_details(error), fields)) from error
    change = MessageChange(message_id, changes.given())
    if errors := KnownOutcomes(authenticated.store).mistakes(change, ""):
        raise _refused(errors)
    (status,) = authenticated.store.experiments.messages.put([change], at=now_us(), creates=creates)
    if status == "refused":
        raise _refused([{"pointer": "/until", "detail": ENDS_BEFORE}])
    if status != "missing":
        count_ingested(authenticated, "message", {status: 1})
    return status


class KnownOutcomes:
    """The outcomes that eligibility may name; each is looked up once."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store
        self._found: dict[tuple[str, str], str | None] = {}

    def mistakes(self, change: MessageChange, pointer: str) -> list[dict[str, str]]:
        """List the rules of a message about outcomes that are not defined: nobody would ever fit them.

        Args:
            change: of the message.
            pointer: where the message stands in the body.
        """
        eligible = change.fields.get("eligible")
        rules = () if eligible is None else eligible.bands
        details = [
            (place, self._detail(rule.capability, rule.outcome)) for place, rule in enumerate(rules) if rule.outcome
        ]
        return [
            {"pointer": f"{pointer}/eligible/bands/{place}/outcome", "detail": detail}
            for place, detail in details
            if detail
        ]

    def _detail(self, capability: str, outcome: str) -> str | None:
        question = capability, outcome
        if question not in self._found:
            try:
                self._store.outcomes.require(*question)
            except UnknownOutcome as error:
                self._found[question] = error.detail
            else:
                self._found[question] = None
        return self._found[question]


def _checked(item: Any, place: int, outcomes: KnownOutcomes) -> MessageChange | MessageWriteResult:
    pointer = f"/messages/{place}"
    try:
        read = MessageVariant.model_validate(item)
    except ValidationError as error:
        found = mistakes(_details(error), item, pointer)
    else:
        change = MessageChange(read.id, read.given())
        found = outcomes.mistakes(change, pointer)
        if not found:
            return change
    errors = [ProblemPointer(**one) for one in found]
    return MessageWriteResult(index=place, id=repeatable_id(item), status="invalid", errors=errors)


def _result(place: int, message_id: str, word: Any) -> MessageWriteResult:
    if word != "refused":
        return MessageWriteResult(index=place, id=message_id, status=word, errors=[])
    error = ProblemPointer(pointer=f"/messages/{place}/until", detail=ENDS_BEFORE)
    return MessageWriteResult(index=place, id=message_id, status="invalid", errors=[error])


def _details(error: ValidationError) -> list[dict[str, Any]]:
    return [{**entry} for entry in error.errors(include_url=False, include_input=False)]


def _refused(errors: list[dict[str, str]]) -> BadRequest:
    return BadRequest("The message does not fit the contract; `errors` says where.", errors=errors)


def _absent() -> NotFound:
    return NotFound("There is no message of this id in this account's catalogue; PUT /messages creates it.")


def _known(authenticated: AuthenticatedRequest, message_id: str) -> BaseModel:
    stored = authenticated.store.experiments.messages.find(message_id)
    if stored is None:
        raise _absent()
    return _answer(stored, datetime.now(UTC))


def _answer(stored: StoredMessage, at: datetime) -> MessageAnswer:
    message = stored.message
    fields = {name: getattr(message, name) for name in MessageVariant.model_fields}
    return MessageAnswer(**fields, state=message.state_at(at), updated_at=instant_of(stored.updated_at))

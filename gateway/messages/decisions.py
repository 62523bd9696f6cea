"""Store decisions that another tool made: each checked alone, all in one transaction, with the messages they name."""

from collections import Counter
from collections.abc import Collection
from typing import Any, Final, Literal

from pydantic import ValidationError

from gateway.bulk_requests import items
from gateway.messages.schemas import DecisionCounts, DecisionResult, DecisionsResponse
from shared.contracts.decision import CAPABILITY, CLICKED, DecisionRow
from shared.contracts.decision_input import DecisionInput
from shared.contracts.outcome import known_outcomes
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import MAX_AHEAD, Microseconds
from shared.contracts.validation import mistakes, repeatable_id
from shared.ingest import decision_row, named_messages
from shared.store import AccountStore

_STATUSES: Final[dict[str, Literal["created", "duplicate", "erased"]]] = {
    "created": "created",
    "known": "duplicate",
    "erased": "erased",
}
"""By the store's word for a decision."""


def add(
    store: AccountStore, body: bytes, *, now: Microseconds, request_id: str, mentioned_contacts: set[str]
) -> DecisionsResponse:
    """Store the decisions of a request.

    Args:
        store: of the caller's account.
        body: `{"decisions": [...]}`.
        now: when they arrived; a decision more than a day ahead of it is a mistake.
        request_id: repeated in the answer.
        mentioned_contacts: gets the ids of the contacts whose decisions they are.

    Returns:
        One result a decision, in order; all that are neither `invalid` nor `erased` are committed.

    Raises:
        BadRequest: the envelope does not fit.
        Conflict: the account would have too many messages; nothing was stored.
        StoreUnavailable: nothing was stored.
    """
    given = items(body, "decisions")
    outcomes = {CLICKED, *(one.name for one in store.outcomes.of(CAPABILITY))}
    default = store.outcomes.default(CAPABILITY) or CLICKED
    judged = [_checked(item, place, now, outcomes, default) for place, item in enumerate(given)]
    rows = [one for one in judged if isinstance(one, DecisionRow)]
    mentioned_contacts.update(row.contact_id for row in rows)
    words, created = list[str](), list[str]()
    if rows:
        with store.transaction() as together:
            words = together.experiments.decisions.add_imported(rows)
            kept = [row for row, word in zip(rows, words, strict=True) if word != "erased"]
            created = together.experiments.messages.add_missing(named_messages(kept), at=now)
    new = iter(words)
    results = [
        one
        if isinstance(one, DecisionResult)
        else DecisionResult(index=place, id=one.decision_id, status=_STATUSES[next(new)], errors=[])
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = DecisionCounts(**{one: counted[one] for one in ("created", "duplicate", "erased", "invalid")})
    return DecisionsResponse(results=results, counts=counts, messages_created=created, request_id=request_id)


def _checked(
    item: Any, place: int, now: Microseconds, outcomes: Collection[str], default: str
) -> DecisionRow | DecisionResult:
    try:
        row = decision_row(DecisionInput.model_validate(item), outcome=default)
    except ValidationError as error:
        details = [{**entry} for entry in error.errors(include_url=False, include_input=False)]
        return _invalid(item, place, mistakes(details, item, f"/decisions/{place}"))
    if row.decided_at > now + MAX_AHEAD:
        detail = "This lies more than a day in the future; send a decision once it was made."
        return _invalid(item, place, [{"pointer": f"/decisions/{place}/decided_at", "detail": detail}])
    if row.outcome not in outcomes:
        detail = f"There is no outcome {row.outcome} of messages. {known_outcomes('messages', outcomes)}"
        return _invalid(item, place, [{"pointer": f"/decisions/{place}/outcome", "detail": detail}])
    return row


def _invalid(item: Any, place: int, errors: list[dict[str, str]]) -> DecisionResult:
    found = [ProblemPointer(**error) for error in errors]
    return DecisionResult(index=place, id=repeatable_id(item), status="invalid", errors=found)

"""Store events: each checked alone, all in one transaction; the same event again is a duplicate."""

from collections import Counter
from typing import Any, Final, Literal

from pydantic import ValidationError

from gateway.bulk_requests import items
from gateway.events.schemas import EventCounts, EventResult, EventsResponse
from shared.contracts.contact import EventInput
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import MAX_AHEAD, EventRow, Microseconds
from shared.contracts.validation import mistakes, repeatable_id
from shared.ingest import event_row
from shared.store import AccountStore

_STATUSES: Final[dict[bool | None, Literal["created", "duplicate", "erased"]]] = {
    True: "created",
    False: "duplicate",
    None: "erased",
}
"""By the store's result for an event."""


def record(
    store: AccountStore, body: bytes, *, now: Microseconds, request_id: str, mentioned_contacts: set[str]
) -> EventsResponse:
    """Store the events of a request.

    Args:
        store: of the caller's account.
        body: `{"events": [...]}`.
        now: when they arrived; an event more than a day ahead of it is a mistake.
        request_id: repeated in the answer.
        mentioned_contacts: gets the ids of the contacts whose events they are.

    Returns:
        One result an event, in order; all that are neither `invalid` nor `erased` are committed.

    Raises:
        BadRequest: the envelope does not fit.
        StoreUnavailable: nothing was stored.
    """
    judged = [_checked(item, place, now) for place, item in enumerate(items(body, "events"))]
    rows = [one for one in judged if isinstance(one, EventRow)]
    mentioned_contacts.update(row.contact_id for row in rows)
    new = iter(store.events.add(rows) if rows else ())
    results = [
        one
        if isinstance(one, EventResult)
        else EventResult(index=place, id=one.event_id, status=_STATUSES[next(new)], errors=[])
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = EventCounts(
        created=counted["created"],
        duplicate=counted["duplicate"],
        erased=counted["erased"],
        invalid=counted["invalid"],
    )
    return EventsResponse(results=results, counts=counts, request_id=request_id)


def _checked(item: Any, place: int, now: Microseconds) -> EventRow | EventResult:
    try:
        row = event_row(EventInput.model_validate(item), recorded_at=now)
    except ValidationError as error:
        details = [{**entry} for entry in error.errors(include_url=False, include_input=False)]
        return _invalid(item, place, mistakes(details, item, f"/events/{place}"))
    if row.occurred_at > now + MAX_AHEAD:
        detail = "This lies more than a day in the future; send an event once it has happened."
        return _invalid(item, place, [{"pointer": f"/events/{place}/occurred_at", "detail": detail}])
    return row


def _invalid(item: Any, place: int, errors: list[dict[str, str]]) -> EventResult:
    found = [ProblemPointer(**error) for error in errors]
    return EventResult(index=place, id=repeatable_id(item), status="invalid", errors=found)

"""Routes of events: recorded, and one contact's read."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.contacts.schemas import PathId
from gateway.context import (
    AfterIdRoute,
    CursorParam,
    IngestScope,
    LimitParam,
    RawBody,
    ReadScope,
    count_ingested,
    json_response,
)
from gateway.events import writes as event_intake
from gateway.events.schemas import ContactEvents, EventsResponse, RecordedEvent
from gateway.idempotency import idempotent
from shared.contracts.outcome import EventType
from shared.contracts.rows import EventRow, instant_of, now_us
from shared.contracts.validation import read_all
from shared.errors import NotFound

router = APIRouter(route_class=AfterIdRoute)
OnlyOf = Annotated[EventType | None, Query(description="Only events of this type.")]


@router.post(
    "/events", response_model=EventsResponse, tags=["events"], operation_id="add_events", summary="Record events"
)
@idempotent
def add_events(authenticated: IngestScope, body: RawBody) -> Response:
    """Record 1 to 1,000 events; each is judged alone, what is valid is stored before the answer.

    Sending the same event again changes nothing: it is known by its `id`, else by its content.
    """
    answer = event_intake.record(
        authenticated.store,
        body,
        now=now_us(),
        request_id=authenticated.request_id,
        mentioned_contacts=authenticated.mentioned_contacts,
    )
    count_ingested(authenticated, "event", answer.counts.model_dump())
    return json_response(answer)


@router.get(
    "/contacts/{contact_id:path}/events",
    response_model=ContactEvents,
    tags=["events"],
    operation_id="list_contact_events",
    summary="List a contact's events",
)
def list_contact_events(
    authenticated: ReadScope,
    contact_id: PathId,
    type: OnlyOf = None,
    limit: LimitParam = 100,
    cursor: CursorParam = None,
) -> Response:
    """List what a contact did and got, newest first."""
    purpose = f"events {type or ''} of {contact_id}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    before = None if place is None else (place[0], place[1])
    rows = authenticated.store.events.of_contact(contact_id, limit=limit, before=before, type_=type)
    if not rows and authenticated.store.contacts.find(contact_id) is None:
        raise NotFound("There is no contact of this id in this account.")
    last = rows[-1] if len(rows) == limit else None
    next_cursor = None if last is None else authenticated.next_cursor(purpose, [last.occurred_at, last.event_id])
    items = authenticated.store.items.of({row.item for row in rows if row.item is not None})
    names = {item_id: item.name for item_id, item in items.items()}
    events = [_recorded(row, names) for row in rows]
    return json_response(ContactEvents(contact_id=contact_id, events=events, next_cursor=next_cursor))


def _recorded(row: EventRow, names: Mapping[str, str | None]) -> RecordedEvent:
    return RecordedEvent(
        id=row.event_id,
        type=row.type,
        occurred_at=instant_of(row.occurred_at),
        recorded_at=instant_of(row.recorded_at),
        value=row.value,
        currency=row.currency,
        message_id=row.message_id,
        campaign_id=row.campaign_id,
        item=row.item,
        item_name=None if row.item is None else names.get(row.item),
        properties=None if row.properties is None else read_all(row.properties),
        human=None if row.human is None else bool(row.human),
    )

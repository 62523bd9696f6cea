"""Routes of events: recorded."""

from fastapi import APIRouter
from starlette.responses import Response

from gateway.context import IngestScope, RawBody, count_ingested, json_response, now
from gateway.events import writes as event_intake
from gateway.events.schemas import EventsResponse
from gateway.idempotency import idempotent

router = APIRouter()


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
        now=now(),
        request_id=authenticated.request_id,
        mentioned_contacts=authenticated.mentioned_contacts,
    )
    count_ingested(authenticated, "event", answer.counts.model_dump())
    return json_response(answer)

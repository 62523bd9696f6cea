"""Routes of events: recorded."""

from fastapi import APIRouter
from starlette.responses import Response

from gateway.context import Body, Ingesting, count_ingested, json_of, now
from gateway.events import writes as event_intake
from gateway.events.schemas import EventsResponse
from gateway.idempotency import once

router = APIRouter()


@router.post(
    "/events", response_model=EventsResponse, tags=["events"], operation_id="add_events", summary="Record events"
)
@once
def add_events(visit: Ingesting, body: Body) -> Response:
    """Record 1 to 1,000 events; each is judged alone, what is valid is stored before the answer.

    Sending the same event again changes nothing: it is known by its `id`, else by its content.
    """
    answer = event_intake.recorded(visit.store, body, now=now(), request_id=visit.request_id, concerned=visit.concerned)
    count_ingested(visit, "event", answer.counts.model_dump())
    return json_of(answer)

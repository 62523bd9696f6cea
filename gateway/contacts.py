"""Routes of contacts and events: taken in, listed, shown."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path
from pydantic import AfterValidator
from starlette.responses import Response

from gateway.context import Body, Cursor, Ingesting, Limit, Reading, Visit, created, json_of, now
from gateway.idempotency import once
from gateway.ingest import contacts as contact_intake
from gateway.ingest import events as event_intake
from gateway.ingest.schemas import ContactsResponse, EventsResponse, StoredContactResponse
from gateway.schemas import (
    AttributeAnswer,
    ContactAnswer,
    ContactList,
    EventTypeCount,
    ListedContact,
)
from shared.contracts.contact import ContactId
from shared.contracts.rows import ALWAYS, instant_of
from shared.errors import NotFound
from shared.store import StoredContact

router = APIRouter()


def _decoded(contact_id: str) -> str:
    if "\ufffd" in contact_id:  # left by decoding what was not UTF-8: other ids would read the same
        raise ValueError("percent-encode the id as UTF-8")
    return contact_id


PathId = Annotated[
    ContactId,
    AfterValidator(_decoded),
    Path(description="Your own id of the contact; percent-encode what is not a letter."),
]


@router.post(
    "/contacts",
    response_model=ContactsResponse,
    tags=["contacts"],
    operation_id="put_contacts",
    summary="Create or update many contacts",
)
@once
def put_contacts(visit: Ingesting, body: Body) -> Response:
    """Create or update 1 to 1,000 contacts; each is judged alone, what is valid is stored before the answer."""
    answer = contact_intake.put_many(visit.store, body, _arrival(visit))
    visit.concerned.update(result.id for result in answer.results if result.id is not None)
    _count(visit, "contact", answer.counts.model_dump())
    return json_of(answer)


@router.put(
    "/contacts/{contact_id:path}",
    response_model=StoredContactResponse,
    responses={201: {"model": StoredContactResponse, "description": "It is a new one."}},
    tags=["contacts"],
    operation_id="put_contact",
    summary="Create or update a contact",
)
@once
def put_contact(visit: Ingesting, contact_id: PathId, body: Body) -> Response:
    """Say something about a contact; what is left out stays as it is."""
    visit.concerned.add(contact_id)
    answer = contact_intake.put(visit.store, contact_id, body, _arrival(visit))
    _count(visit, "contact", {answer.status: 1})
    if answer.status == "created":
        return created(visit, answer, f"/contacts/{quote(contact_id, safe='')}")
    return json_of(answer)


@router.patch(
    "/contacts/{contact_id:path}",
    response_model=StoredContactResponse,
    tags=["contacts"],
    operation_id="change_contact",
    summary="Change a contact",
)
@once
def change_contact(visit: Ingesting, contact_id: PathId, body: Body) -> Response:
    """Change a known contact, as JSON Merge Patch (RFC 7396) says.

    What is left out stays as it is. `null` ends what is known: an attribute is unknown from now on (what it was before
    stays true of its time), a time zone is taken away. Consent is granted or denied, never taken back unsaid.
    """
    visit.concerned.add(contact_id)
    answer = contact_intake.change(visit.store, contact_id, body, _arrival(visit))
    _count(visit, "contact", {answer.status: 1})
    return json_of(answer)


@router.post(
    "/events", response_model=EventsResponse, tags=["events"], operation_id="add_events", summary="Record events"
)
@once
def add_events(visit: Ingesting, body: Body) -> Response:
    """Record 1 to 1,000 events; each is judged alone, what is valid is stored before the answer.

    Sending the same event again changes nothing: it is known by its `id`, else by its content.
    """
    answer = event_intake.recorded(visit.store, body, now=now(), request_id=visit.request_id, concerned=visit.concerned)
    _count(visit, "event", answer.counts.model_dump())
    return json_of(answer)


@router.get(
    "/contacts", response_model=ContactList, tags=["contacts"], operation_id="list_contacts", summary="List contacts"
)
def list_contacts(visit: Reading, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List contacts by id, a page at a time."""
    place = visit.place("contacts", cursor)
    page = visit.store.contacts.page(limit, after=str(place) if place is not None else None)
    following = visit.cursor("contacts", page[-1].contact_id) if len(page) == limit else None
    return json_of(ContactList(contacts=[ListedContact(id=one.contact_id) for one in page], next_cursor=following))


@router.get(
    "/contacts/{contact_id:path}",
    response_model=ContactAnswer,
    tags=["contacts"],
    operation_id="show_contact",
    summary="Show a contact",
)
def show_contact(visit: Reading, contact_id: PathId) -> Response:
    """Show what is stored of a contact: attributes, time zone, consent, and its events by type."""
    stored = visit.store.contacts.find(contact_id)
    if stored is None:
        raise NotFound("There is no contact of this id in this account.")
    counts = visit.store.events.counts(contact_id)
    events = [
        EventTypeCount(type=kind, count=events, first_at=instant_of(first), last_at=instant_of(last))
        for kind, (events, first, last) in sorted(counts.items())
    ]
    return json_of(
        ContactAnswer(
            id=stored.contact_id,
            created_at=None if stored.created_at is None else instant_of(stored.created_at),
            timezone=stored.timezone,
            consent=dict(stored.consent),
            attributes=_current(stored),
            unreadable=sorted(stored.unreadable),
            events=events,
        )
    )


def _current(stored: StoredContact) -> dict[str, AttributeAnswer]:
    """Take the newest value of each attribute; they come ordered by name and instant."""
    return {
        one.name: AttributeAnswer(
            value=one.value, valid_from=None if one.valid_from == ALWAYS else instant_of(one.valid_from)
        )
        for one in stored.attributes
    }


def _arrival(visit: Visit) -> contact_intake.Arrival:
    key = visit.gateway.settings.identity_key.get_secret_value().encode()
    return contact_intake.Arrival(now(), key, visit.request_id)


def _count(visit: Visit, kind: str, counts: dict[str, int]) -> None:
    visit.facts["contacts"] = sum(counts.values())
    for status, number in counts.items():
        visit.gateway.metrics.ingested.labels(kind, status).inc(number)

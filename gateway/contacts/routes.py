"""Routes of contacts: written, changed, listed, shown."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.contacts import writes as contact_intake
from gateway.contacts.attributes import known_attribute
from gateway.contacts.schemas import (
    AttributeAnswer,
    ContactAnswer,
    ContactList,
    ContactSearch,
    ContactsResponse,
    EventTypeCount,
    ListedContact,
    PathId,
    StoredContactResponse,
)
from gateway.context import (
    AuthenticatedRequest,
    CursorParam,
    IngestScope,
    LimitParam,
    RawBody,
    ReadScope,
    ReadScopeNoWrites,
    count_ingested,
    created_response,
    json_response,
)
from gateway.forwarding import address_hash, identity_key
from gateway.idempotency import idempotent
from shared.contracts.rows import ALWAYS, instant_of, instant_or_none, now_us
from shared.errors import BadRequest, NotFound
from shared.store import StoredContact

router = APIRouter()


@router.post(
    "/contacts",
    response_model=ContactsResponse,
    tags=["contacts"],
    operation_id="put_contacts",
    summary="Create or update many contacts",
)
@idempotent
def put_contacts(authenticated: IngestScope, body: RawBody) -> Response:
    """Create or update 1 to 1,000 contacts; each is judged alone, what is valid is stored before the answer."""
    answer = contact_intake.put_many(authenticated.store, body, _arrival(authenticated))
    authenticated.mentioned_contacts.update(result.id for result in answer.results if result.id is not None)
    count_ingested(authenticated, "contact", answer.counts.model_dump())
    return json_response(answer)


@router.put(
    "/contacts/{contact_id:path}",
    response_model=StoredContactResponse,
    responses={201: {"model": StoredContactResponse, "description": "It is a new one."}},
    tags=["contacts"],
    operation_id="put_contact",
    summary="Create or update a contact",
)
@idempotent
def put_contact(authenticated: IngestScope, contact_id: PathId, body: RawBody) -> Response:
    """Say something about a contact; what is left out stays as it is."""
    authenticated.mentioned_contacts.add(contact_id)
    answer = contact_intake.put(authenticated.store, contact_id, body, _arrival(authenticated))
    count_ingested(authenticated, "contact", {answer.status: 1})
    if answer.status == "created":
        return created_response(authenticated, answer, f"/contacts/{quote(contact_id, safe='')}")
    return json_response(answer)


@router.patch(
    "/contacts/{contact_id:path}",
    response_model=StoredContactResponse,
    tags=["contacts"],
    operation_id="change_contact",
    summary="Change a contact",
)
@idempotent
def change_contact(authenticated: IngestScope, contact_id: PathId, body: RawBody) -> Response:
    """Change a known contact, as JSON Merge Patch (RFC 7396) says.

    What is left out stays as it is. `null` ends what is known: an attribute is unknown from now on (what it was before
    stays true of its time), a time zone is taken away. Consent is granted or denied, never taken back unsaid.
    """
    authenticated.mentioned_contacts.add(contact_id)
    answer = contact_intake.change(authenticated.store, contact_id, body, _arrival(authenticated))
    count_ingested(authenticated, "contact", {answer.status: 1})
    return json_response(answer)


@router.get(
    "/contacts", response_model=ContactList, tags=["contacts"], operation_id="list_contacts", summary="List contacts"
)
def list_contacts(
    authenticated: ReadScope,
    id_prefix: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Only those whose id begins so.")
    ] = None,
    limit: LimitParam = 100,
    cursor: CursorParam = None,
) -> Response:
    """List contacts by id, a page at a time."""
    purpose = "contacts" if id_prefix is None else f"contacts {id_prefix}"
    place = authenticated.read_cursor(purpose, cursor)
    after = str(place) if place is not None else None
    page = authenticated.store.contacts.page(limit, after, prefix=id_prefix or "")
    next_cursor = authenticated.next_cursor(purpose, page[-1].contact_id) if len(page) == limit else None
    return json_response(ContactList(contacts=_listed(page), next_cursor=next_cursor))


@router.post(
    "/contacts/search",
    response_model=ContactList,
    tags=["contacts"],
    operation_id="search_contacts",
    summary="Search contacts",
)
def search_contacts(authenticated: ReadScopeNoWrites, search: ContactSearch) -> Response:
    """Search contacts by an exact e-mail address, or by the newest value of an attribute.

    What is searched for stands in the body, since addresses of pages are written into logs. A search by a value looks
    through a part of the contacts at a time: a page may hold fewer than `limit`, also none, and still go on.
    """
    if search.email is not None:
        found = _of_address(authenticated, search.email)
        return json_response(ContactList(contacts=_listed(found), next_cursor=None))
    store, text = authenticated.store, _text(search.value)
    name = known_attribute(store, search.attribute or "", "/attribute")
    purpose = f"contacts with {name} {text}"
    place = authenticated.read_cursor(purpose, search.cursor)
    part = store.contacts.search(name, text, limit=search.limit, after=str(place) if place is not None else None)
    next_cursor = None if part.after is None else authenticated.next_cursor(purpose, part.after)
    return json_response(ContactList(contacts=_listed(part.contacts), next_cursor=next_cursor))


def _of_address(authenticated: AuthenticatedRequest, address: str) -> list[StoredContact]:
    """Find whose an address is.

    Raises:
        BadRequest: it is no address.
    """
    key_hash = address_hash(address, identity_key(authenticated))
    if key_hash is None:
        raise BadRequest(
            "This is no e-mail address.", errors=[{"pointer": "/email", "detail": "no e-mail address: ann@example.com"}]
        )
    found = authenticated.store.identities.contacts_of({(contact_intake.EMAIL, key_hash)})
    known = [authenticated.store.contacts.find(contact_id) for contact_id in found.values()]
    return [one for one in known if one is not None]


def _text(value: str | bool | int | float | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(contacts: Sequence[StoredContact]) -> list[ListedContact]:
    return [
        ListedContact(
            id=one.contact_id,
            created_at=instant_or_none(one.created_at),
            timezone=one.timezone,
            consent=dict(one.consent),
        )
        for one in contacts
    ]


@router.get(
    "/contacts/{contact_id:path}",
    response_model=ContactAnswer,
    tags=["contacts"],
    operation_id="show_contact",
    summary="Show a contact",
)
def show_contact(authenticated: ReadScope, contact_id: PathId) -> Response:
    """Show what is stored of a contact: attributes, time zone, consent, and its events by type."""
    stored = authenticated.store.contacts.find(contact_id)
    if stored is None:
        raise NotFound("There is no contact of this id in this account.")
    counts = authenticated.store.events.counts(contact_id)
    events = [
        EventTypeCount(type=kind, count=events, first_at=instant_of(first), last_at=instant_of(last))
        for kind, (events, first, last) in sorted(counts.items())
    ]
    return json_response(
        ContactAnswer(
            id=stored.contact_id,
            created_at=instant_or_none(stored.created_at),
            timezone=stored.timezone,
            consent=dict(stored.consent),
            attributes=_current(stored),
            unreadable=sorted(stored.unreadable),
            events=events,
        )
    )


def _current(stored: StoredContact) -> dict[str, AttributeAnswer]:
    """Return the newest value of each attribute; the rows are ordered by name and instant."""
    return {
        one.name: AttributeAnswer(
            value=one.value, valid_from=None if one.valid_from == ALWAYS else instant_of(one.valid_from)
        )
        for one in stored.attributes
    }


def _arrival(authenticated: AuthenticatedRequest) -> contact_intake.WriteContext:
    key = authenticated.gateway.settings.identity_key.get_secret_value().encode()
    return contact_intake.WriteContext(now_us(), key, authenticated.request_id)

"""Store contacts: one from a path, or many in a call, each checked alone, all in one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gateway.bulk_requests import document, items
from gateway.contacts.schemas import (
    ContactChanges,
    ContactCounts,
    ContactResult,
    ContactsResponse,
    StoredContactResponse,
)
from shared.contracts.contact import ContactFields, ContactInput
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import TAKEN_AWAY, ContactRow, Microseconds
from shared.contracts.validation import mistakes, repeatable_id
from shared.errors import BadRequest, NotFound
from shared.ingest import contact_row
from shared.store import AccountStore

EMAIL = "email"


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What is the same for every contact of a request."""

    now: Microseconds
    identity_key: bytes
    request_id: str

    def row(self, contact: ContactInput) -> ContactRow:
        """Turn a valid contact into what the store takes."""
        return contact_row(contact, recorded_at=self.now, identity_key=self.identity_key)


def put(store: AccountStore, contact_id: str, body: bytes, arrival: WriteContext) -> StoredContactResponse:
    """Create or update one contact.

    Args:
        store: of the caller's account.
        contact_id: from the path.
        body: the contact's fields.
        arrival: when and by which request.

    Raises:
        BadRequest: the body does not fit; says where.
        StoreUnavailable: nothing was stored.
    """
    row = arrival.row(ContactInput(id=contact_id, **_read_fields(contact_id, body, ContactFields)))
    (stored,) = _write(store, [row], arrival)
    return StoredContactResponse(id=contact_id, **stored, request_id=arrival.request_id)


def change(store: AccountStore, contact_id: str, body: bytes, arrival: WriteContext) -> StoredContactResponse:
    """Change a known contact; null removes an attribute or the time zone.

    Args:
        store: of the caller's account.
        contact_id: from the path.
        body: a JSON Merge Patch (RFC 7396) of the contact's fields.
        arrival: when and by which request.

    Raises:
        BadRequest: the body does not fit; says where.
        NotFound: there is no such contact.
        StoreUnavailable: nothing was stored.
    """
    changes = _read_fields(contact_id, body, ContactChanges)
    if store.contacts.find(contact_id) is None:
        raise _absent()
    row = arrival.row(ContactInput(id=contact_id, **changes))
    if "timezone" in changes and changes["timezone"] is None:
        row = row._replace(timezone=TAKEN_AWAY)
    # If the contact is erased meanwhile, the change does not create it again.
    (stored,) = _write(store, [row], arrival, lifts=False)
    if stored["status"] == "erased":
        raise _absent()
    return StoredContactResponse(id=contact_id, **stored, request_id=arrival.request_id)


def _read_fields(contact_id: str, body: bytes, kind: type[ContactFields]) -> dict[str, Any]:
    """Read the fields of one contact, without its id.

    Raises:
        BadRequest: they do not fit.
    """
    fields = document(body)
    if fields.pop("id", contact_id) != contact_id:
        raise _refused([{"pointer": "/id", "detail": "The id differs from the one in the path; leave it out."}])
    try:
        read = kind.model_validate(fields)
    except ValidationError as error:
        raise _refused(
            mistakes([{**entry} for entry in error.errors(include_url=False, include_input=False)], fields)
        ) from error
    return {name: getattr(read, name) for name in read.model_fields_set}


def _absent() -> NotFound:
    return NotFound("There is no contact of this id in this account; PUT creates it.")


def put_many(store: AccountStore, body: bytes, arrival: WriteContext) -> ContactsResponse:
    """Store the contacts of a request.

    Args:
        store: of the caller's account.
        body: `{"contacts": [...]}`.
        arrival: when and by which request.

    Returns:
        One result a contact, in order; all that are not `invalid` are committed.

    Raises:
        BadRequest: the envelope does not fit.
        StoreUnavailable: nothing was stored.
    """
    judged = [_checked(item, place, arrival) for place, item in enumerate(items(body, "contacts"))]
    rows = [one for one in judged if isinstance(one, ContactRow)]
    stored = iter(_write(store, rows, arrival))
    results = [
        one
        if isinstance(one, ContactResult)
        else ContactResult(index=place, id=one.contact_id, errors=[], **next(stored))
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = ContactCounts(
        created=counted["created"],
        updated=counted["updated"],
        unchanged=counted["unchanged"],
        invalid=counted["invalid"],
    )
    return ContactsResponse(results=results, counts=counts, request_id=arrival.request_id)


def _write(
    store: AccountStore, rows: Sequence[ContactRow], arrival: WriteContext, *, lifts: bool = True
) -> list[dict[str, Any]]:
    """Store contacts; return for each its status, and which contact its address belonged to and belongs to now."""
    if not rows:
        return []
    addresses = {(EMAIL, row.email_hash) for row in rows if row.email_hash is not None}
    before = store.identities.contacts_of(addresses)
    statuses = store.contacts.put(rows, recorded_at=arrival.now, lifts=lifts)
    after = store.identities.contacts_of(addresses)
    shared = store.identities.shared(addresses)
    found = []
    for row, status in zip(rows, statuses, strict=True):
        identity = (EMAIL, row.email_hash or "")
        is_nobodys = row.email_hash is None or identity in shared
        owner = None if is_nobodys else after.get(identity)
        past = None if is_nobodys else before.get(identity)
        previous = past if past != owner else None
        found.append({"status": status, "email_contact_id": owner, "previous_email_contact_id": previous})
    return found


def _checked(item: Any, place: int, arrival: WriteContext) -> ContactRow | ContactResult:
    try:
        return arrival.row(ContactInput.model_validate(item))
    except ValidationError as error:
        found = mistakes(
            [{**entry} for entry in error.errors(include_url=False, include_input=False)], item, f"/contacts/{place}"
        )
        errors = [ProblemPointer(**mistake) for mistake in found]
        return ContactResult(
            index=place,
            id=repeatable_id(item),
            status="invalid",
            errors=errors,
            email_contact_id=None,
            previous_email_contact_id=None,
        )


def _refused(errors: list[dict[str, str]]) -> BadRequest:
    return BadRequest("The contact does not fit the contract; `errors` says where.", errors=errors)

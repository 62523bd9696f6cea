"""Routes of a person's rights: export and erase everything held of a contact."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response, StreamingResponse

from gateway.contacts.schemas import PathId
from gateway.context import AdminScope, AfterIdRoute, json_response
from gateway.idempotency import idempotent_exclusive
from gateway.privacy.schemas import ContactExport, EraseRequest, ErasureCounts, ErasureResponse, ErasureResult
from shared.contracts.contact import ContactId
from shared.contracts.prediction import ProblemPointer
from shared.contracts.rows import Microseconds, now_us
from shared.contracts.validation import mistakes
from shared.errors import NotFound
from shared.store import AccountStore

router = APIRouter(tags=["privacy"], route_class=AfterIdRoute)


@router.get(
    "/contacts/{contact_id:path}/export",
    response_model=ContactExport,
    operation_id="export_contact",
    summary="Export a contact",
)
def export_contact(authenticated: AdminScope, contact_id: PathId) -> Response:
    """Give everything held of a contact as one document: facts, events, and predictions with their reasons."""
    pieces = authenticated.store.privacy.export(contact_id, at=now_us())
    return StreamingResponse(pieces, media_type="application/json")


@router.post(
    "/contacts/delete",
    response_model=ErasureResponse,
    operation_id="erase_contacts",
    summary="Erase many contacts",
)
@idempotent_exclusive
def erase_contacts(authenticated: AdminScope, body: EraseRequest) -> Response:
    """Erase everything held of 1 to 1,000 contacts, each as `DELETE /contacts/{contact_id}` does.

    What is answered as `erased` is gone. A call that ends with an error may have erased some: send it again.
    """
    answer = erase(authenticated.store, body.contact_ids, at=now_us(), request_id=authenticated.request_id)
    if authenticated.transaction is None:  # inside a transaction, the worker scrubs later
        authenticated.gateway.database.scrub()
    return json_response(answer)


@router.delete("/contacts/{contact_id:path}", status_code=204, operation_id="erase_contact", summary="Erase a contact")
@idempotent_exclusive
def erase_contact(authenticated: AdminScope, contact_id: PathId) -> Response:
    """Erase everything held of a contact, and keep late events out until it is explicitly put again."""
    if not authenticated.store.privacy.erase(contact_id, at=now_us()):
        raise NotFound("There is no contact of this id in this account.")
    return Response(status_code=204)


ERASURES_PER_TRANSACTION: Final = 50
"""How many contacts are erased in one transaction."""
_ID: Final[TypeAdapter[str]] = TypeAdapter(ContactId)


def erase(store: AccountStore, contact_ids: Sequence[Any], *, at: Microseconds, request_id: str) -> ErasureResponse:
    """Erase contacts.

    Args:
        store: of the caller's account.
        contact_ids: as sent.
        at: now.
        request_id: repeated in the answer.

    Returns:
        One result an id, in order; they are committed a few at a time, so that others can write in between.

    Raises:
        StoreUnavailable: some were erased, and those after them were not.
    """
    judged = [_checked_id(place, given) for place, given in enumerate(contact_ids)]
    gone: dict[int, bool] = {}
    valid = [(place, one) for place, one in enumerate(judged) if isinstance(one, str)]
    for start in range(0, len(valid), ERASURES_PER_TRANSACTION):
        with store.transaction(alone=True) as together:
            for place, contact_id in valid[start : start + ERASURES_PER_TRANSACTION]:
                gone[place] = together.privacy.erase(contact_id, at=at)
    results = [
        one
        if isinstance(one, ErasureResult)
        else ErasureResult(index=place, status="erased" if gone[place] else "unknown", errors=[])
        for place, one in enumerate(judged)
    ]
    counted = Counter(result.status for result in results)
    counts = ErasureCounts(erased=counted["erased"], unknown=counted["unknown"], invalid=counted["invalid"])
    return ErasureResponse(results=results, counts=counts, request_id=request_id)


def _checked_id(place: int, given: Any) -> str | ErasureResult:
    try:
        return _ID.validate_python(given)
    except ValidationError as error:
        details = [{**entry} for entry in error.errors(include_url=False, include_input=False)]
        found = mistakes(details, given, f"/contact_ids/{place}")
        return ErasureResult(index=place, status="invalid", errors=[ProblemPointer(**one) for one in found])

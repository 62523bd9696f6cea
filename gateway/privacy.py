"""Routes of a person's rights: everything held, and its end."""

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from gateway.contact_schemas import EraseRequest, ErasureResponse
from gateway.contacts import PathId
from gateway.context import Administering, json_of, now
from gateway.export_schemas import ContactExport
from gateway.idempotency import once_alone
from gateway.ingest.erasure import erased
from shared.errors import NotFound

router = APIRouter(tags=["privacy"])


@router.get(
    "/contacts/{contact_id:path}/export",
    response_model=ContactExport,
    operation_id="export_contact",
    summary="Export a contact",
)
def export_contact(visit: Administering, contact_id: PathId) -> Response:
    """Give everything held of a contact as one document: facts, events, and predictions with their reasons."""
    pieces = visit.store.privacy.export(contact_id, at=now())
    return StreamingResponse(pieces, media_type="application/json")


@router.post(
    "/contacts/delete",
    response_model=ErasureResponse,
    operation_id="erase_contacts",
    summary="Erase many contacts",
)
@once_alone
def erase_contacts(visit: Administering, asked: EraseRequest) -> Response:
    """Erase everything held of 1 to 1,000 contacts, each as `DELETE /contacts/{contact_id}` does.

    What is answered as `erased` is gone. A call that ends with an error may have erased some: send it again.
    """
    answer = erased(visit.store, asked.contact_ids, at=now(), request_id=visit.request_id)
    if visit.within is None:  # what is part of a transaction is scrubbed by the worker
        visit.gateway.database.scrub()
    return json_of(answer)


@router.delete("/contacts/{contact_id:path}", status_code=204, operation_id="erase_contact", summary="Erase a contact")
@once_alone
def erase_contact(visit: Administering, contact_id: PathId) -> Response:
    """Erase everything held of a contact, and keep late events out until it is explicitly put again."""
    if not visit.store.privacy.erase(contact_id, at=now()):
        raise NotFound("There is no contact of this id in this account.")
    return Response(status_code=204)

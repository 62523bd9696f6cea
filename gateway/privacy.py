"""Routes of a person's rights: everything held, and its end."""

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from gateway.contacts import PathId
from gateway.context import Administering, now
from gateway.export_schemas import ContactExport
from gateway.idempotency import once_alone
from shared.errors import NotFound

router = APIRouter(tags=["privacy"])


@router.get(
    "/contacts/{contact_id:path}/export",
    response_model=ContactExport,
    operation_id="exportContact",
    summary="Export a contact",
)
def export_contact(visit: Administering, contact_id: PathId) -> Response:
    """Give everything held of a contact as one document: facts, events, and predictions with their reasons."""
    pieces = visit.store.export_contact(contact_id, at=now())
    return StreamingResponse(pieces, media_type="application/json")


@router.delete("/contacts/{contact_id:path}", status_code=204, operation_id="eraseContact", summary="Erase a contact")
@once_alone
def erase_contact(visit: Administering, contact_id: PathId) -> Response:
    """Erase everything held of a contact, and keep late events out until it is explicitly put again."""
    if not visit.store.erase_contact(contact_id, at=now()):
        raise NotFound("There is no contact of this id in this account.")
    return Response(status_code=204)

"""Route of the audit log."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from gateway.context import AdminScope, CursorParam, LimitParam, json_response
from shared.contracts.prediction import Answer
from shared.contracts.rows import instant_of

router = APIRouter(tags=["audit"])


class AuditEntry(Answer):
    """One administrative action."""

    number: Annotated[int, Field(description="1 for the account's first one; no number is given twice.")]
    occurred_at: Annotated[datetime, Field(description="When, UTC.")]
    actor: Annotated[str, Field(description="Public id of a key, `command line`, or `system`.")]
    action: Annotated[str, Field(description="What was done, such as `key.created`.")]
    target: Annotated[str, Field(description="What it was done to; of a contact the keyed hash of its id.")]
    detail: Annotated[dict[str, Any], Field(description="What else is worth knowing; never a secret.")]


class AuditList(Answer):
    """A page of the audit log."""

    entries: Annotated[list[AuditEntry], Field(description="The newest first.")]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null at the end.")]


@router.get(
    "/audit", response_model=AuditList, operation_id="list_audit_entries", summary="List administrative actions"
)
def list_audit(authenticated: AdminScope, limit: LimitParam = 100, cursor: CursorParam = None) -> Response:
    """List who administered what: keys, outcomes, segments, promotions, exports and erasures, the newest first."""
    place: Any = authenticated.read_cursor("audit", cursor)
    rows = authenticated.store.audit.page(limit, before=place)
    next_cursor = authenticated.next_cursor("audit", rows[-1].number) if len(rows) == limit else None
    entries = [
        AuditEntry(
            number=row.number,
            occurred_at=instant_of(row.at),
            actor=row.actor,
            action=row.action,
            target=row.target,
            detail=dict(row.detail),
        )
        for row in rows
    ]
    return json_response(AuditList(entries=entries, next_cursor=next_cursor))

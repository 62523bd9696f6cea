"""Routes of API keys: made, listed, replaced, revoked; a key's text is in the answer that makes it, and no other."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.context import AdminScope, AuthenticatedRequest, created_response, json_response
from gateway.idempotency import idempotent
from gateway.keys.schemas import PUBLIC_ID, KeyAnswer, KeyCreated, KeyList, KeyRequest, KeyRotation
from shared.contracts.call import NewKey, new_key
from shared.contracts.rows import HOUR, Microseconds, instant_of, instant_or_none, microseconds, now_us
from shared.errors import BadRequest, Conflict, NotFound
from shared.store import KeyRow

router = APIRouter(tags=["keys"])
KeyId = Annotated[str, Path(pattern=PUBLIC_ID, description="Of the key: what stands between `fk_` and the second `_`.")]
AlsoOwn = Annotated[bool, Query(description="Revoke it also where it is the key of this very call.")]


@router.get("/keys", response_model=KeyList, operation_id="list_keys", summary="List keys")
def list_keys(authenticated: AdminScope) -> Response:
    """List the keys of this account, revoked and expired ones too; never their texts."""
    at = now_us()
    return json_response(KeyList(keys=[_answer(authenticated, row, at) for row in authenticated.store.keys.all()]))


@router.post("/keys", response_model=KeyCreated, status_code=201, operation_id="add_key", summary="Make a key")
@idempotent
def add_key(authenticated: AdminScope, body: KeyRequest) -> Response:
    """Make a key of this account; its text is in this answer and in no other."""
    at = now_us()
    expires_at = None if body.expires_at is None else microseconds(body.expires_at)
    if expires_at is not None and expires_at <= at:
        sentence = "A key that expires in the past could never be used: give a later instant, or leave it out."
        raise BadRequest(sentence, errors=[{"pointer": "/expires_at", "detail": sentence}])
    made = new_key()
    authenticated.store.keys.create(
        body.name, body.scopes, public_id=made.public_id, digest=made.digest, created_at=at, expires_at=expires_at
    )
    return _created(authenticated, made, at)


@router.post(
    "/keys/{key_id}/rotate",
    response_model=KeyCreated,
    status_code=201,
    operation_id="rotate_key",
    summary="Replace a key",
)
@idempotent
def rotate_key(authenticated: AdminScope, key_id: KeyId, body: KeyRotation) -> Response:
    """Make a key with the same name, scopes and length of life; the old one works beside it for a while, then ends."""
    at, old = now_us(), _known(authenticated, key_id)
    if _state(old, at) != "valid":
        raise Conflict("This key is not valid any more: make a new one with POST /keys.")
    made = new_key()
    authenticated.store.keys.rotate(
        old, public_id=made.public_id, digest=made.digest, at=at, old_until=at + round(body.overlap_hours * HOUR)
    )
    return _created(authenticated, made, at)


@router.delete("/keys/{key_id}", status_code=204, operation_id="revoke_key", summary="Revoke a key")
@idempotent
def revoke_key(authenticated: AdminScope, key_id: KeyId, *, confirm: AlsoOwn = False) -> Response:
    """Refuse a key from now on; it stays in the list. A running gateway refuses it within seconds."""
    _known(authenticated, key_id)
    if key_id == authenticated.caller.public_id and not confirm:
        raise Conflict("This is the key of this very call: revoke it with another one, or add confirm=true.")
    authenticated.store.keys.revoke(key_id, now_us())
    return Response(status_code=204)


def _known(authenticated: AuthenticatedRequest, key_id: str) -> KeyRow:
    row = next((one for one in authenticated.store.keys.all() if one.public_id == key_id), None)
    if row is None:
        raise NotFound("There is no key of this id in this account; GET /keys lists those that there are.")
    return row


def _created(authenticated: AuthenticatedRequest, made: NewKey, at: Microseconds) -> Response:
    answer = _answer(authenticated, _known(authenticated, made.public_id), at)
    return created_response(authenticated, KeyCreated(**answer.model_dump(), key=made.text), "/keys")


def _answer(authenticated: AuthenticatedRequest, row: KeyRow, at: Microseconds) -> KeyAnswer:
    return KeyAnswer.model_validate(
        {
            "id": row.public_id,
            "name": row.name,
            "scopes": row.scopes,
            "state": _state(row, at),
            "created_at": instant_of(row.created_at),
            "last_used_at": instant_or_none(row.last_used_at),
            "expires_at": instant_or_none(row.expires_at),
            "revoked_at": instant_or_none(row.revoked_at),
            "own": row.public_id == authenticated.caller.public_id,
        }
    )


def _state(row: KeyRow, at: Microseconds) -> str:
    if row.revoked_at is not None and row.revoked_at <= at:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= at else "valid"

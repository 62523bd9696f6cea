"""Routes of sources: where webhooks come from."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.context import AdminScope, AuthenticatedRequest, created_response, json_response
from gateway.idempotency import idempotent
from gateway.sources.schemas import SecretRequest, SourceAnswer, SourceList, SourceRequest, SourceSecret
from gateway.webhooks.receiver import ProcessReceiver, WebhookReceiver
from gateway.webhooks.secrets import stored_problems
from gateway.webhooks.sources import new_secret, new_source, source_url
from shared.contracts.rows import HOUR, instant_of, now_us
from shared.errors import Conflict, NotFound
from shared.store import SourceRow

router = APIRouter(tags=["sources"])
SourceId = Annotated[str, Path(description="The source's id.", max_length=200)]


@router.post(
    "/sources", response_model=SourceAnswer, status_code=201, operation_id="add_source", summary="Make a source"
)
@idempotent
def add_source(authenticated: AdminScope, receiver: ProcessReceiver, body: SourceRequest) -> Response:
    """Make a source; its `url` is what the provider is told. The secrets are kept sealed and never shown again."""
    source = new_source(
        authenticated.caller.account,
        body.name,
        receiver.providers,
        body.provider,
        secrets=[secret.get_secret_value() for secret in body.secrets],
        topics=body.topics,
        creates_contacts=body.creates_contacts,
        seal=receiver.seal,
        at=now_us(),
    )
    authenticated.store.sources.add(source)
    return created_response(authenticated, _answer(authenticated, receiver, source), f"/sources/{source.source_id}")


@router.get("/sources", response_model=SourceList, operation_id="list_sources", summary="List sources")
def list_sources(authenticated: AdminScope, receiver: ProcessReceiver) -> Response:
    """List the sources of this account."""
    counts = authenticated.store.sources.dead_letters.counts()
    sources = [_answer(authenticated, receiver, source, counts) for source in authenticated.store.sources.all()]
    return json_response(SourceList(sources=sources))


@router.get("/sources/{source_id}", response_model=SourceAnswer, operation_id="show_source", summary="Show a source")
def show_source(authenticated: AdminScope, receiver: ProcessReceiver, source_id: SourceId) -> Response:
    """Show a source: its address, its secrets without themselves, and when it sent something last."""
    return json_response(_answer(authenticated, receiver, _known(authenticated, source_id)))


@router.delete("/sources/{source_id}", status_code=204, operation_id="delete_source", summary="Remove a source")
@idempotent
def delete_source(authenticated: AdminScope, receiver: ProcessReceiver, source_id: SourceId) -> Response:
    """Remove a source: whatever it sends from now on is answered 404. Events that it brought stay."""
    _known(authenticated, source_id)
    authenticated.store.sources.remove(source_id)
    receiver.source_cache.forget(source_id)
    return Response(status_code=204)


@router.post(
    "/sources/{source_id}/secrets",
    response_model=SourceAnswer,
    status_code=201,
    operation_id="add_source_secret",
    summary="Rotate a secret",
)
@idempotent
def add_secret(
    authenticated: AdminScope, receiver: ProcessReceiver, source_id: SourceId, body: SecretRequest
) -> Response:
    """Give a source a further secret; the older ones go on being good for as long as you say."""
    source, at = _known(authenticated, source_id), now_us()
    if source.provider not in receiver.providers:
        raise Conflict("The provider of this source is not known to this version; remove the source.")
    secret = new_secret(receiver.providers[source.provider], body.secret.get_secret_value(), receiver.seal, at=at)
    authenticated.store.sources.add_secret(source_id, secret, others_expire_at=at + round(body.overlap_hours * HOUR))
    receiver.source_cache.forget(source_id)
    answer = _answer(authenticated, receiver, _known(authenticated, source_id))
    return created_response(authenticated, answer, f"/sources/{source_id}")


def _known(authenticated: AuthenticatedRequest, source_id: str) -> SourceRow:
    source = authenticated.store.sources.find(source_id)
    if source is None:
        raise NotFound("There is no source of this id in this account; GET /sources lists those that there are.")
    return source


def _answer(
    authenticated: AuthenticatedRequest,
    receiver: WebhookReceiver,
    source: SourceRow,
    counts: dict[str, dict[str, int]] | None = None,
) -> SourceAnswer:
    problems = {one.secret_id: one.sentence for one in stored_problems(source, receiver.providers, receiver.seal)}
    letters = authenticated.store.sources.dead_letters.counts() if counts is None else counts
    return SourceAnswer(
        id=source.source_id,
        name=source.name,
        provider=source.provider,
        url=source_url(authenticated.gateway.settings.resolved_public_url(), source),
        creates_contacts=source.creates_contacts,
        topics=list(source.settings.get("topics", ())),
        secrets=[
            SourceSecret(
                id=secret.secret_id,
                created_at=instant_of(secret.created_at),
                expires_at=None if secret.expires_at is None else instant_of(secret.expires_at),
                problem=problems.get(secret.secret_id),
            )
            for secret in source.secrets
        ],
        created_at=instant_of(source.created_at),
        last_received_at=None if source.last_received_at is None else instant_of(source.last_received_at),
        letters=letters.get(source.source_id, {}),
    )

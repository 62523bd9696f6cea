"""Routes of sources: where webhooks come from."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from gateway.context import Administering, Visit, created, json_of, now
from gateway.idempotency import once
from gateway.webhook_schemas import SecretRequest, SourceAnswer, SourceList, SourceRequest, SourceSecret
from gateway.webhooks.making import address, new_secret, new_source
from gateway.webhooks.secrets import stored_problems
from shared.contracts.rows import HOUR, instant_of
from shared.errors import Conflict, NotFound
from shared.store import SourceRow

router = APIRouter(tags=["sources"])
SourceId = Annotated[str, Path(description="The source's id.", max_length=200)]


@router.post(
    "/sources", response_model=SourceAnswer, status_code=201, operation_id="add_source", summary="Make a source"
)
@once
def add_source(visit: Administering, asked: SourceRequest) -> Response:
    """Make a source; its `url` is what the provider is told. The secrets are kept sealed and never shown again."""
    reception = visit.gateway.reception.receiving
    source = new_source(
        visit.caller.account,
        asked.name,
        reception.providers,
        asked.provider,
        secrets=[secret.get_secret_value() for secret in asked.secrets],
        topics=asked.topics,
        creates_contacts=asked.creates_contacts,
        seal=reception.seal,
        at=now(),
    )
    visit.store.sources.add(source)
    return created(visit, _answer(visit, source), f"/sources/{source.source_id}")


@router.get("/sources", response_model=SourceList, operation_id="list_sources", summary="List sources")
def list_sources(visit: Administering) -> Response:
    """List the sources of this account."""
    counts = visit.store.dead_letters.counts()
    return json_of(SourceList(sources=[_answer(visit, source, counts) for source in visit.store.sources.all()]))


@router.get("/sources/{source_id}", response_model=SourceAnswer, operation_id="show_source", summary="Show a source")
def show_source(visit: Administering, source_id: SourceId) -> Response:
    """Show a source: its address, its secrets without themselves, and when it sent something last."""
    return json_of(_answer(visit, _known(visit, source_id)))


@router.delete("/sources/{source_id}", status_code=204, operation_id="delete_source", summary="Remove a source")
@once
def delete_source(visit: Administering, source_id: SourceId) -> Response:
    """Remove a source: whatever it sends from now on is answered 404. Events that it brought stay."""
    _known(visit, source_id)
    visit.store.sources.remove(source_id)
    visit.gateway.reception.receiving.book.forget(source_id)
    return Response(status_code=204)


@router.post(
    "/sources/{source_id}/secrets",
    response_model=SourceAnswer,
    status_code=201,
    operation_id="add_source_secret",
    summary="Rotate a secret",
)
@once
def add_secret(visit: Administering, source_id: SourceId, asked: SecretRequest) -> Response:
    """Give a source a further secret; the older ones go on being good for as long as you say."""
    source, receiving, at = _known(visit, source_id), visit.gateway.reception.receiving, now()
    if source.provider not in receiving.providers:
        raise Conflict("The provider of this source is not known to this version; remove the source.")
    secret = new_secret(receiving.providers[source.provider], asked.secret.get_secret_value(), receiving.seal, at=at)
    visit.store.sources.add_secret(source_id, secret, others_expire_at=at + round(asked.overlap_hours * HOUR))
    visit.gateway.reception.receiving.book.forget(source_id)
    return created(visit, _answer(visit, _known(visit, source_id)), f"/sources/{source_id}")


def _known(visit: Visit, source_id: str) -> SourceRow:
    source = visit.store.sources.find(source_id)
    if source is None:
        raise NotFound("There is no source of this id in this account; GET /sources lists those that there are.")
    return source


def _answer(visit: Visit, source: SourceRow, counts: dict[str, dict[str, int]] | None = None) -> SourceAnswer:
    receiving = visit.gateway.reception.receiving
    problems = {one.secret_id: one.sentence for one in stored_problems(source, receiving.providers, receiving.seal)}
    letters = visit.store.dead_letters.counts() if counts is None else counts
    return SourceAnswer(
        id=source.source_id,
        name=source.name,
        provider=source.provider,
        url=address(visit.gateway.settings.resolved_public_url(), source),
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

"""Routes of webhooks that come in. They take no key: the source's address and the provider's signature replace it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from gateway.context import body_of, gateway_of, json_response
from gateway.webhooks.provider import SignedRequest
from gateway.webhooks.receiver import queue_of
from gateway.webhooks.schemas import SourceReady, TakenAnswer
from shared.contracts.rows import instant_of, now_us
from shared.http.exchange import client_address
from shared.http.middleware import called_path

router = APIRouter(tags=["webhooks"])

ProviderName = Annotated[str, Path(description="Who sends it, such as `sendgrid`.")]
SourceAddress = Annotated[str, Path(description="The source's id, which only its provider is told.")]
ANYTHING: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "As the provider sends it; the proof is over these very bytes.",
        "content": {"application/json": {"schema": {}}},
    }
}


@router.post(
    "/webhooks/{provider}/{source_id}",
    response_model=TakenAnswer,
    operation_id="receive_webhook",
    summary="Receive a provider's webhook",
    openapi_extra=ANYTHING,
)
async def receive(request: Request, provider: ProviderName, source_id: SourceAddress) -> Response:
    """Verify what a provider sends and store what is new in it, before the answer.

    The same event again changes nothing; an item that cannot be taken becomes a dead letter and spoils no other.
    """
    facts: dict[str, Any] = {"provider": provider}
    request.state.facts = facts
    queue, address = queue_of(request), client_address(request.scope)
    queue.require_capacity(source_id, address)
    signed = SignedRequest(
        body=await body_of(request),
        headers=_headers(request),
        url=_called(request, gateway_of(request).settings.public_url),
        method=request.method,
        received_at=instant_of(now_us()),
    )
    taken = await queue.take(provider, source_id, signed, facts, address=address)
    counts = taken.counts
    return json_response(
        TakenAnswer(
            received=counts.total(),
            new=counts["new"],
            duplicate=counts["duplicate"],
            ignored=counts["ignored"],
            dead=counts["dead"],
            notes=dict(sorted(taken.notes.items())),
        )
    )


@router.get(
    "/webhooks/{provider}/{source_id}",
    response_model=SourceReady,
    operation_id="check_webhook",
    summary="Is this a source's address?",
)
async def check(request: Request, provider: ProviderName, source_id: SourceAddress) -> Response:
    """Confirm that a source has this address, for providers that visit it before they send anything."""
    await queue_of(request).require(provider, source_id, now_us(), address=client_address(request.scope))
    return json_response(SourceReady(status="ready"))


def _headers(request: Request) -> dict[str, str]:
    """Join headers that came twice: of two signatures neither is accepted."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _called(request: Request, public_url: str | None) -> str:
    """Return the URL as the provider called it, with its escapes unchanged."""
    path = called_path(request)
    query = request.scope["query_string"]
    rest = (path + (b"?" + query if query else b"")).decode("latin-1")
    base = public_url if public_url is not None else f"{request.url.scheme}://{request.url.netloc}"
    return base.rstrip("/") + rest

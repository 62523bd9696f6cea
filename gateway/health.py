"""Whether this process lives and whether it can serve; open to anybody who reaches it."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.context import Gateway, gateway_of
from gateway.schemas import HealthResponse, ReadyResponse
from shared import deadline
from shared.errors import StoreUnavailable

router = APIRouter(tags=["operations"])

PING_SECONDS = 2.0


@router.get("/healthz", response_model=HealthResponse, operation_id="check_health", summary="Is the process alive?")
async def healthz() -> HealthResponse:
    """Answer as long as the event loop turns."""
    return HealthResponse(status="alive")


@router.get(
    "/readyz",
    response_model=ReadyResponse,
    responses={503: {"model": ReadyResponse, "description": "Keys cannot be checked."}},
    operation_id="check_readiness",
    summary="Can requests be served?",
)
async def readyz(request: Request) -> Response:
    """Tell whether keys can be checked (store reachable, or keys remembered); services are listed, not required."""
    gateway = gateway_of(request)
    store, upstreams = await asyncio.gather(_store_state(gateway), gateway.upstreams.states())
    ready = store == "reachable" or gateway.keyring.remembers
    answer = ReadyResponse(status="ready" if ready else "unready", store=store, upstreams=upstreams)
    return Response(answer.model_dump_json(), status_code=200 if ready else 503, media_type="application/json")


async def _store_state(gateway: Gateway) -> Literal["reachable", "away"]:
    try:
        with deadline.within(PING_SECONDS):
            await asyncio.to_thread(gateway.database.ping)
    except StoreUnavailable:
        return "away"
    return "reachable"

"""Whether this process lives and whether it can serve; open to anybody who reaches it."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from gateway.context import gateway_of
from shared.contracts.prediction import Answer
from shared.http.readiness import readiness


class HealthResponse(Answer):
    """That the process lives."""

    status: Annotated[Literal["alive"], Field(description="It answers.")]


class ReadyResponse(Answer):
    """Whether this gateway can serve, and what it sees behind it."""

    status: Annotated[
        Literal["ready", "degraded", "unready", "draining"],
        Field(description="`ready`: keys can be checked; `degraded`: the same, and `causes` says what is wrong."),
    ]
    causes: Annotated[list[str], Field(description="`store-away`, `store-not-writable`, `clock-skew`.")]
    store: Annotated[Literal["reachable", "not-writable", "away"], Field(description="The SQL store.")]
    upstreams: Annotated[
        dict[str, Literal["ready", "degraded", "not-ready", "away"]], Field(description="Listed, not required.")
    ]


router = APIRouter(tags=["operations"])


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
    """Say whether keys can be checked (store reachable, or keys remembered); services are listed, not required."""
    gateway = gateway_of(request)
    store, upstreams = await asyncio.gather(gateway.store_probe.state(), gateway.upstreams.states())
    unready, degraded = list[str](), list[str]()
    if store == "away":
        (degraded if gateway.key_cache.has_usable_key else unready).append("store-away")
    if store == "not-writable":
        degraded.append("store-not-writable")
    if gateway.upstreams.clocks_differ:
        degraded.append("clock-skew")
    found = readiness(draining=request.app.state.draining, unready=unready, degraded=degraded)
    answer = ReadyResponse(status=found.status, causes=list(found.causes), store=store, upstreams=upstreams)
    return Response(answer.model_dump_json(), status_code=found.http_status, media_type="application/json")

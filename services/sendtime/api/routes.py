"""The paths beside `POST /best-send-time`: the plan, and the report of an experiment."""

import asyncio
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from services.sendtime.api.experiments import Report
from services.sendtime.api.planning import Planning
from services.sendtime.schemas import (
    EXPERIMENT_RESPONSE_EXAMPLE,
    PLAN_REQUEST_EXAMPLE,
    PLAN_RESPONSE_EXAMPLE,
    ExperimentResponse,
    PlanRequest,
    PlanResponse,
)
from shared.contracts.credentials import SERVED_HEADER
from shared.contracts.prediction import MAX_CONTACTS
from shared.contracts.rows import microseconds
from shared.errors import BadRequest
from shared.http import problem
from shared.http.middleware import parse_json
from shared.serving.capability_spec import ExtraRoute
from shared.serving.champions import Champion
from shared.serving.request_contacts import CLOCK_SLACK
from shared.serving.service import Service, require_scope


def _read(content: Any) -> PlanRequest:
    try:
        asked = PlanRequest.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
    if len(set(asked.contact_ids)) < len(asked.contact_ids):
        sentence = "A contact is named twice; name each once."
        raise BadRequest(sentence, errors=[{"pointer": "/contact_ids", "detail": sentence}])
    return asked


def _info(champion: Champion) -> dict[str, Any]:
    model = champion.model
    return {
        "capability": "sendtime",
        "outcome": None,
        "version": champion.version,
        "kind": model.kind,
        "horizon_days": model.horizon_days,
        "trained_at": model.trained_at,
        "grade": model.grade,
    }


async def _plan(request: Request) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "predict")
    asked = _read(parse_json(await request.body()))
    now = service.now()
    cutoff = now if asked.cutoff is None else asked.cutoff
    if cutoff > now + CLOCK_SLACK:
        sentence = "The cutoff must not lie in the future; leave it out to plan from now."
        raise BadRequest(sentence, errors=[{"pointer": "/cutoff", "detail": sentence}])
    champion = await service.champions.of(call.account, "")
    planning = Planning(service.store.of(call.account), champion.model, asked, microseconds(cutoff), microseconds(now))
    members = await service.lanes.run(planning.members, contacts=MAX_CONTACTS)
    members |= {"model": _info(champion), "cutoff": cutoff, "request_id": call.request_id}
    body = await asyncio.to_thread(lambda: PlanResponse.model_validate(members).model_dump_json())
    served = sum(1 for one in members["assignments"] if one["status"] == "ok")
    request.state.facts = {"account": call.account, "contacts": len(asked.contact_ids), "version": champion.version}
    return Response(body, media_type="application/json", headers={SERVED_HEADER: str(served)})


async def _experiment(
    request: Request,
    campaign_id: str,
    lift: Annotated[float, Query(gt=0, le=10, description="Relative lift that is to be proven.")] = 0.05,
) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    report = Report(service.store.of(call.account), campaign_id, microseconds(service.now()), lift)
    members = await service.lanes.run(report.members, contacts=MAX_CONTACTS)
    answer = ExperimentResponse.model_validate({**members, "request_id": call.request_id})
    request.state.facts = {"account": call.account}
    return Response(answer.model_dump_json(), media_type="application/json")


EXTRA_ROUTES = (
    ExtraRoute(
        path="/best-send-time/plan",
        method="post",
        operation_id="plan_send_times",
        summary="When should each of many contacts be sent to, within a capacity per hour?",
        handler=_plan,
        problems=(
            "no-model-trained",
            "body-too-large",
            "invalid-request",
            "malformed-json",
            "model-not-ready",
            "store-unavailable",
        ),
        response=PlanResponse,
        response_example=PLAN_RESPONSE_EXAMPLE,
        request=PlanRequest,
        request_example=PLAN_REQUEST_EXAMPLE,
    ),
    ExtraRoute(
        path="/experiments/{campaign_id:path}",
        method="get",
        operation_id="show_experiment",
        summary="What did an experiment of sending times find out?",
        handler=_experiment,
        problems=("store-unavailable",),
        response=ExperimentResponse,
        response_example=EXPERIMENT_RESPONSE_EXAMPLE,
    ),
)

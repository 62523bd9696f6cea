"""The routes beside `POST /best-send-time`: the plan within a capacity, and the report of an experiment."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from services.sendtime.api.experiments import ExperimentReport
from services.sendtime.api.model_info import model_info
from services.sendtime.api.planning import PlanValues, assigned, hours_of, values_of
from services.sendtime.api.weeks import WEEKS_ROUTE
from services.sendtime.model.query import HourValues
from services.sendtime.model.request_mapping import allowed_by
from services.sendtime.schemas import (
    EXPERIMENT_LIST_EXAMPLE,
    EXPERIMENT_RESPONSE_EXAMPLE,
    PLAN_REQUEST_EXAMPLE,
    PLAN_RESPONSE_EXAMPLE,
    ExperimentList,
    ExperimentResponse,
    PlanRequest,
    PlanResponse,
)
from shared.contracts.call import SERVED_HEADER
from shared.contracts.holdout import Holdout, holding
from shared.contracts.prediction import MAX_CONTACTS
from shared.contracts.rows import Microseconds, denies_profiling, instant_of, microseconds
from shared.errors import BadRequest
from shared.http import problem
from shared.http.middleware import parse_json
from shared.serving.capability_spec import ExtraRoute
from shared.serving.request_contacts import CLOCK_SLACK
from shared.serving.service import Service, require_scope
from shared.timeline import build

BATCH = 1_000


@dataclass(frozen=True)
class Planning:
    """One plan being made."""

    account: Any
    """The account's store."""
    model: Any
    """The champion, a `SendTimeModel`: not imported here, since its libraries are loaded with an artifact."""
    request: PlanRequest
    cutoff: Microseconds
    requested_at: Microseconds
    holdouts: Sequence[Holdout] = ()
    """Whoever is held out has no place in the plan."""

    def members(self) -> dict[str, Any]:
        """Plan, and write what the answer says of it."""
        ids, rules = self.request.contact_ids, allowed_by(self.request, self.cutoff)
        found = assigned(self._values(ids), rules, self.request.capacity_per_hour)
        rows = zip(ids, found.rows, strict=True)
        return {"assignments": [{"contact_id": one, **row} for one, row in rows], **found.summary}

    def _values(self, ids: Sequence[str]) -> PlanValues:
        """Value all contacts, one batch in memory at a time, and say who cannot be planned."""
        status: list[str] = []
        valued: list[HourValues] = []
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            read = self.account.pasts.of(part, cutoff=self.cutoff, asked_at=self.requested_at)
            pasts = build(part, read.facts, [read.events])
            cutoffs = np.full(len(part), self.cutoff, dtype=np.int64)
            valued += values_of(self.model, pasts, cutoffs, self.request)
            status += [
                _refused(known=known, consent=consent) or one.status
                for one, known, consent in zip(valued[start:], pasts.known.tolist(), pasts.consents, strict=True)
            ]
        if self.holdouts:
            status = [self._unless_held_out(*pair) for pair in zip(ids, status, strict=True)]
        value = np.array([one.value for one in valued], dtype=np.float32)
        value[[one != "ok" for one in status]] = -1.0
        hours = hours_of(allowed_by(self.request, self.cutoff))
        zones = [one.zone for one in valued]
        return PlanValues(status, zones, value, hours, self.model.is_chance(self.request.engagement))

    def _unless_held_out(self, contact_id: str, status: str) -> str:
        return "control" if status == "ok" and holding(self.holdouts, contact_id) is not None else status


def _refused(*, known: bool, consent: Mapping[str, str]) -> str | None:
    if not known:
        return "unknown_contact"
    return "no_consent" if denies_profiling(consent) else None


def _read(content: Any) -> PlanRequest:
    try:
        plan_request = PlanRequest.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
    if len(set(plan_request.contact_ids)) < len(plan_request.contact_ids):
        sentence = "A contact is named twice; name each once."
        raise BadRequest(sentence, errors=[{"pointer": "/contact_ids", "detail": sentence}])
    return plan_request


async def _plan(request: Request) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "predict")
    plan_request = _read(parse_json(await request.body()))
    now = service.now()
    cutoff = now if plan_request.cutoff is None else plan_request.cutoff
    if cutoff > now + CLOCK_SLACK:
        sentence = "The cutoff must not lie in the future; leave it out to plan from now."
        raise BadRequest(sentence, errors=[{"pointer": "/cutoff", "detail": sentence}])
    champion = await service.champions.of(call.account, "")
    asked_at = microseconds(now)
    held = service.champions.holdouts.of(call.account, "sendtime", "", at=asked_at)
    store = service.store.of(call.account)
    planning = Planning(store, champion.model, plan_request, microseconds(cutoff), asked_at, held)
    members = await service.pools.run(planning.members, contacts=MAX_CONTACTS)
    members |= {"model": model_info(champion), "cutoff": cutoff, "request_id": call.request_id}
    body = await asyncio.to_thread(lambda: PlanResponse.model_validate(members).model_dump_json())
    served = sum(1 for one in members["assignments"] if one["status"] == "ok")
    request.state.facts = {
        "account": call.account,
        "contacts": len(plan_request.contact_ids),
        "version": champion.version,
    }
    return Response(body, media_type="application/json", headers={SERVED_HEADER: str(served)})


async def _experiment(
    request: Request,
    campaign_id: str,
    lift: Annotated[float, Query(gt=0, le=10, description="Relative lift that is to be proven.")] = 0.05,
) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    report = ExperimentReport(service.store.of(call.account), campaign_id, microseconds(service.now()), lift)
    members = await service.pools.run(report.members, contacts=MAX_CONTACTS)
    answer = ExperimentResponse.model_validate({**members, "request_id": call.request_id})
    request.state.facts = {"account": call.account}
    return Response(answer.model_dump_json(), media_type="application/json")


def _listed(account: Any, limit: int, after: str | None) -> dict[str, Any]:
    rows = account.experiments.assignments.campaigns(limit, after=after)
    experiments = [
        {
            "campaign_id": row.campaign_id,
            "engagement": row.engagement or None,
            "assigned_at": instant_of(row.assigned_at),
            "default_send_at": instant_of(row.default_send_at),
            "version": row.version,
        }
        for row in rows
    ]
    return {"experiments": experiments, "next_cursor": rows[-1].campaign_id if len(rows) == limit else None}


async def _experiments(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1_000, description="How many at most.")] = 100,
    cursor: Annotated[str | None, Query(max_length=4_000, description="`next_cursor` of the page before.")] = None,
) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    found = await asyncio.to_thread(_listed, service.store.of(call.account), limit, cursor)
    answer = ExperimentList.model_validate({**found, "request_id": call.request_id})
    request.state.facts = {"account": call.account}
    return Response(answer.model_dump_json(), media_type="application/json")


EXTRA_ROUTES = (
    WEEKS_ROUTE,
    ExtraRoute(
        path="/experiments",
        method="get",
        operation_id="list_experiments",
        summary="Which experiments of sending times are there?",
        handler=_experiments,
        problems=("store-unavailable",),
        response=ExperimentList,
        response_example=EXPERIMENT_LIST_EXAMPLE,
    ),
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

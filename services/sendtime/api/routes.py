"""The routes beside `POST /best-send-time`: the plan within a capacity, and the report of an experiment."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.responses import Response

from services.sendtime.api.experiments import ExperimentReport
from services.sendtime.model.local_week import slot_of
from services.sendtime.model.query import SendTimeQuery, Valued, When
from services.sendtime.model.request_mapping import allowed_by
from services.sendtime.model.send_plan import SendPlan, planned
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
from shared.contracts.rows import HOUR, Microseconds, denies_profiling, instant_of, microseconds
from shared.errors import BadRequest
from shared.http import problem
from shared.http.middleware import parse_json
from shared.serving.capability_spec import ExtraRoute
from shared.serving.champions import Champion
from shared.serving.request_contacts import CLOCK_SLACK
from shared.serving.service import Service, require_scope
from shared.timeline import build
from shared.timeline.localtime import offsets

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

    def members(self) -> dict[str, Any]:
        """Plan, and write what the answer says of it."""
        ids = self.request.contact_ids
        statuses = ["ok"] * len(ids)
        values = self._values(ids, statuses)
        used = np.flatnonzero((values.value >= 0).any(axis=0))
        capacity = np.full(len(used), self.request.capacity_per_hour, dtype=np.int64)
        found = planned(values.value[:, used], capacity)
        return {
            "assignments": [self._assignment(row, ids, statuses, values, used, found) for row in range(len(ids))],
            "expected": found.value,
            "bound": found.bound,
            "gap": found.gap,
            "measure": "engagements" if values.is_chance else "activity_shares",
            "hours": self._hours(values, used, found),
            "unplaced": statuses.count("no_capacity"),
        }

    def _values(self, ids: Sequence[str], statuses: list[str]) -> Valued:
        """Value all contacts, one batch in memory at a time; note in `statuses` who cannot be planned."""
        query = SendTimeQuery(allowed_by(self.request, self.cutoff), self.request.engagement, self.request.campaign_id)
        parts = []
        for start in range(0, len(ids), BATCH):
            part = ids[start : start + BATCH]
            read = self.account.contacts.pasts(part, cutoff=self.cutoff, asked_at=self.requested_at)
            pasts = build(part, read.facts, [read.events])
            valued = self.model.valued(pasts, np.full(len(part), self.cutoff, dtype=np.int64), query)
            for row, (known, consent) in enumerate(zip(pasts.known.tolist(), pasts.consents, strict=True)):
                statuses[start + row] = _status(known=known, consent=consent, values=valued.value[row])
                if statuses[start + row] != "ok":
                    valued.value[row] = -1.0
            parts.append(valued)
        return Valued(
            np.concatenate([part.value for part in parts]),
            np.concatenate([part.at for part in parts]),
            tuple(zone for part in parts for zone in part.zones),
            parts[0].begins,
            parts[0].is_chance,
        )

    def _assignment(
        self, row: int, ids: Sequence[str], statuses: list[str], values: Valued, used: NDArray[np.intp], found: SendPlan
    ) -> dict[str, Any]:
        place = int(found.hour[row])
        if statuses[row] == "ok" and place < 0:
            statuses[row] = "no_capacity"
        if place < 0:
            return {"contact_id": ids[row], "status": statuses[row], "send_at": None, "value": None}
        column = int(used[place])
        at = values.at[row, column : column + 1]
        local_at = at + offsets(values.zones[row], at)
        when = When(int(at[0]), int(local_at[0]), values.zones[row], int(slot_of(local_at)[0]))
        value = float(values.value[row, column])
        return {"contact_id": ids[row], "status": "ok", "send_at": when.fields(), "value": value}

    def _hours(self, values: Valued, used: NDArray[np.intp], found: SendPlan) -> list[dict[str, Any]]:
        count = np.bincount(found.hour[found.hour >= 0], minlength=len(used))
        return [
            {
                "utc": instant_of(values.begins + int(column) * HOUR),
                "planned": int(count[place]),
                "capacity": self.request.capacity_per_hour,
            }
            for place, column in enumerate(used.tolist())
            if count[place]
        ]


def _status(*, known: bool, consent: Mapping[str, str], values: NDArray[np.float32]) -> str:
    if not known:
        return "unknown_contact"
    if denies_profiling(consent):
        return "no_consent"
    return "ok" if (values >= 0).any() else "no_slot"


def _read(content: Any) -> PlanRequest:
    try:
        plan_request = PlanRequest.model_validate(content)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        raise problem.invalid([dict(entry) for entry in details], content) from None
    if len(set(plan_request.contact_ids)) < len(plan_request.contact_ids):
        sentence = "A contact is named twice; name each once."
        raise BadRequest(sentence, errors=[{"pointer": "/contact_ids", "detail": sentence}])
    return plan_request


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
    plan_request = _read(parse_json(await request.body()))
    now = service.now()
    cutoff = now if plan_request.cutoff is None else plan_request.cutoff
    if cutoff > now + CLOCK_SLACK:
        sentence = "The cutoff must not lie in the future; leave it out to plan from now."
        raise BadRequest(sentence, errors=[{"pointer": "/cutoff", "detail": sentence}])
    champion = await service.champions.of(call.account, "")
    planning = Planning(
        service.store.of(call.account), champion.model, plan_request, microseconds(cutoff), microseconds(now)
    )
    members = await service.pools.run(planning.members, contacts=MAX_CONTACTS)
    members |= {"model": _info(champion), "cutoff": cutoff, "request_id": call.request_id}
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

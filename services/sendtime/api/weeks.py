"""The route of the weeks: what the version that answers has learned of each hour, for everybody and for look-alikes."""

from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from services.sendtime.api.model_info import model_info
from services.sendtime.model.local_week import Vector, slot_name
from services.sendtime.schemas.weeks import WEEKS_RESPONSE_EXAMPLE, WeeksResponse
from shared.serving.capability_spec import ExtraRoute
from shared.serving.service import Service, require_scope


def weeks(model: Any) -> dict[str, Any]:
    """Return the weeks of a model, a `SendTimeModel`, with what each says in words."""
    is_chance, groups = model.is_chance(None), model.group_weeks()
    return {
        "unit": model.default or "activity",
        "is_chance": is_chance,
        "usual_hour": model.usual_hour,
        "everybody": _week(1.0, model.week(), is_chance=is_chance),
        "groups": [
            _week(float(share), values, is_chance=is_chance)
            for share, values in zip(groups.share, groups.values, strict=True)
        ],
    }


def _week(share: float, values: Vector, *, is_chance: bool) -> dict[str, Any]:
    known = np.isfinite(values)
    best = int(np.nanargmax(values)) if known.any() else None
    return {
        "share": round(share, 4),
        "values": [round(one, 6) if fine else None for one, fine in zip(values.tolist(), known.tolist(), strict=True)],
        "best": best,
        "finding": _finding(best, values, is_chance=is_chance),
    }


def _finding(best: int | None, values: Vector, *, is_chance: bool) -> str:
    if best is None:
        return "No hour was ever tried."
    if is_chance:
        return f"A message is answered best on {slot_name(best)}: {100 * values[best]:.2g} of 100 within a day."
    return f"Most active on {slot_name(best)}: {values[best] * len(values):.1f} times as much as in an average hour."


async def _weeks(request: Request) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    champion = await service.champions.of(call.account, "")
    members = {**weeks(champion.model), "model": model_info(champion), "request_id": call.request_id}
    request.state.facts = {"account": call.account, "version": champion.version}
    return Response(WeeksResponse.model_validate(members).model_dump_json(), media_type="application/json")


WEEKS_ROUTE = ExtraRoute(
    path="/best-send-time/weeks",
    method="get",
    operation_id="show_weeks",
    summary="What is each hour of the week worth, for everybody and for contacts with hours alike?",
    handler=_weeks,
    problems=("no-model-trained", "model-not-ready", "store-unavailable"),
    response=WeeksResponse,
    response_example=WEEKS_RESPONSE_EXAMPLE,
)

"""`GET /next-best-message/report`: what messages brought, read when it is asked for."""

from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import MAX_CONTACTS
from shared.contracts.rows import microseconds
from shared.lift.account_messages import MessageReportRequest, messages_report
from shared.lift.message_report import MessagesReport
from shared.serving.capability_spec import ExtraRoute
from shared.serving.service import Service, require_scope

REPORT_PATH = "/next-best-message/report"
_FEW = {"value": 0.021, "low": 0.013, "high": 0.034}
_POLICY = {"value": 0.0412, "low": 0.0381, "high": 0.0445}
_FOUND = (
    "What the policy chose earned more than sending nothing (control group): 2.02 more of 100 decisions reached "
    "clicked (0.67 to 2.94)."
)
REPORT_EXAMPLE: dict[str, Any] = {
    "outcome": "clicked",
    "since": "2026-05-01T00:00:00Z",
    "until": "2026-06-01T00:00:00Z",
    "reported_at": "2026-06-01T09:30:00Z",
    "campaign_id": None,
    "slot": None,
    "horizon_days": 7,
    "unit": "share",
    "decisions": 20_000,
    "pending": 4_200,
    "pending_rewarded": 95,
    "next_counted_at": "2026-06-01T10:00:00Z",
    "arms": [
        {
            "arm": "policy",
            "version": None,
            "decisions": 18_000,
            "pending": 3_800,
            "pending_rewarded": 95,
            "contacts": 9_100,
            "rewarded": 585,
            "total": 585.0,
            "reward": _POLICY,
            "against_control": {"value": 0.0202, "low": 0.0067, "high": 0.0294},
        }
    ],
    "messages": [
        {
            "message": "subject-b",
            "name": "Free delivery",
            "sent": 11_200,
            "pending": 2_300,
            "pending_rewarded": 61,
            "contacts": 6_400,
            "rewarded": 412,
            "reward": {"value": 0.0463, "low": 0.0421, "high": 0.0509},
            "with_everybody": {"value": 0.0441, "low": 0.0389, "high": 0.0498},
        }
    ],
    "equal_chances": {"value": 0.0352, "low": 0.0301, "high": 0.0409},
    "best_message": "subject-b",
    "comparisons": [
        {
            "what": "what the policy chose, against sending nothing (control group)",
            "against": "control_nothing",
            "difference": {"value": 0.0202, "low": 0.0067, "high": 0.0294},
            "verdict": "more",
            "more_sends": None,
            "text": _FOUND,
        }
    ],
    "conclusion": _FOUND,
    "findings": [_FOUND],
    "warnings": ["4,200 decisions are too young to be counted: their window is not over; 95 earned something already."],
}


async def _report(
    request: Request,
    outcome: Annotated[
        OutcomeName | None, Query(description="What is meant to be reached; the account's default when omitted.")
    ] = None,
    since: Annotated[
        date | None, Query(alias="from", description="First day, UTC; default: 90 days before `to`.")
    ] = None,
    until: Annotated[
        date | None, Query(alias="to", description="First day that does not count, UTC; default: tomorrow.")
    ] = None,
    campaign_id: Annotated[
        str | None, Query(max_length=4_000, description="Only decisions of this campaign; empty: of none.")
    ] = None,
    slot: Annotated[
        str | None, Query(max_length=63, description="Only decisions about this slot; empty: about none.")
    ] = None,
) -> Response:
    service: Service = request.app.state.service
    call = request.state.call
    require_scope(call, "read")
    store, now = service.store.of(call.account), microseconds(service.now())
    requested = MessageReportRequest(outcome, since, until, campaign_id, slot)
    found = await service.pools.run(lambda: messages_report(store, requested, now=now), contacts=MAX_CONTACTS)
    request.state.facts = {"account": call.account}
    return Response(found.model_dump_json(), media_type="application/json")


EXTRA_ROUTES = (
    ExtraRoute(
        path=REPORT_PATH,
        method="get",
        operation_id="report_messages",
        summary="What did the messages and the policy bring?",
        handler=_report,
        problems=("unknown-outcome", "invalid-request", "store-unavailable"),
        response=MessagesReport,
        response_example=REPORT_EXAMPLE,
    ),
)

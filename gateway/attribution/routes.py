"""Routes of attribution: requested here, made by the worker, shown here."""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.attribution.schemas import (
    AttributionReport,
    AttributionReports,
    AttributionState,
    KeptAttributionReport,
    PathsRequest,
)
from gateway.context import AuthenticatedRequest, ReadScope, json_response
from shared.attribution.requests import AttributionRequest, question_of, report_id
from shared.attribution.steps import steps_of
from shared.contracts.attribution import (
    BY_PATTERN,
    COMPANY,
    LONGEST_LOOKBACK_DAYS,
    LOOKBACK_DAYS,
    Unit,
)
from shared.contracts.outcome import AttributeName, OutcomeName
from shared.contracts.rows import DAY, SECOND, instant_of, instant_or_none, now_us
from shared.errors import BadRequest, Conflict, NotFound, TooLittleToAttribute
from shared.store import ReportRow

router = APIRouter(tags=["attribution"])
FRESH_SECONDS = 60
"""What is requested as fresh may be as old: who asks again until it is there must find it."""
RETRY_AFTER_SECONDS = 2
OutcomeParam = Annotated[
    OutcomeName | None, Query(description="Of scoring, reached by events; default: the account's default outcome.")
]
FromParam = Annotated[
    date | None,
    Query(alias="from", description="First day, UTC; default: 90 days before `to`.", examples=["2026-01-01"]),
]
ToParam = Annotated[
    date | None, Query(alias="to", description="The first day that counts no more, UTC; default: tomorrow.")
]
ByParam = Annotated[
    str,
    Query(
        pattern=BY_PATTERN,
        description="What a touch is named by: channel, campaign, message or properties.NAME.",
        examples=["campaign"],
    ),
]
LookbackParam = Annotated[
    int, Query(ge=1, le=LONGEST_LOOKBACK_DAYS, description="How many days before a conversion a touch counts.")
]
UnitParam = Annotated[Unit, Query(description="Journeys of contacts, or of companies: contacts that share one.")]
CompanyParam = Annotated[AttributeName, Query(description="The attribute that says of which company a contact is.")]
FreshParam = Annotated[bool, Query(description="Make it again where it is older than a minute.")]
WAITING: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": AttributionState, "description": "It is being made; ask again after `Retry-After`."}
}


@router.get(
    "/attribution",
    response_model=AttributionReport,
    responses=WAITING,
    operation_id="show_attribution",
    summary="Report which channel gets the credit",
)
def show_attribution(
    authenticated: ReadScope,
    *,
    outcome: OutcomeParam = None,
    since: FromParam = None,
    until: ToParam = None,
    by: ByParam = "channel",
    lookback_days: LookbackParam = LOOKBACK_DAYS,
    unit: UnitParam = "contact",
    company_attribute: CompanyParam = COMPANY,
    fresh: FreshParam = False,
) -> Response:
    """Share the conversions of a period out among channels by seven methods, each credit with a 95 % interval.

    A worker makes the report: until it is there the answer is 202; then send the same request again. It is made again
    after a day. Where too few conversions came after a touch, 409 says how many there are.
    """
    requested = AttributionRequest(outcome, since, until, by, lookback_days, unit, company_attribute)
    question = question_of(authenticated.store, requested, today=datetime.now(UTC).date()).model_dump_json()
    at = now_us()
    made_after = at - (FRESH_SECONDS * SECOND if fresh else DAY)
    row = ReportRow(report_id("account", question), "account", "queued", question, at)
    return _shown(authenticated, authenticated.store.experiments.attribution.request(row, made_after=made_after))


@router.post(
    "/attribution/paths",
    response_model=AttributionReport,
    responses=WAITING,
    operation_id="attribute_paths",
    summary="Share out paths of another tool",
)
def attribute_paths(authenticated: ReadScope, paths: PathsRequest) -> Response:
    """Share the conversions of up to 20,000 paths out that another tool counted; no contact is known of them.

    Answered as `GET /attribution`: 202 until a worker has made the report, then the report to the same paths.
    """
    rows = [[steps_of(one.path), one.conversions, one.value, one.nulls] for one in paths.paths]
    question, at = json.dumps(rows, ensure_ascii=False, separators=(",", ":")), now_us()
    row = ReportRow(report_id("paths", question), "paths", "queued", question, at)
    return _shown(authenticated, authenticated.store.experiments.attribution.request(row, made_after=at - DAY))


@router.get(
    "/attribution/reports",
    response_model=AttributionReports,
    operation_id="list_attribution_reports",
    summary="List attribution reports",
)
def list_attribution_reports(authenticated: ReadScope) -> Response:
    """List the reports that are kept, at most 200; the oldest go."""
    found = authenticated.store.experiments.attribution.all()
    return json_response(
        AttributionReports(
            reports=[
                KeptAttributionReport(
                    id=one.report_id,
                    kind=one.kind,
                    status=one.state,
                    requested_at=instant_of(one.requested_at),
                    ended_at=instant_or_none(one.ended_at),
                    href=_href(authenticated, one.report_id),
                )
                for one in found
            ]
        )
    )


@router.get(
    "/attribution/reports/{report_id}",
    response_model=AttributionReport,
    responses=WAITING,
    operation_id="show_attribution_report",
    summary="Show an attribution report",
)
def show_attribution_report(
    authenticated: ReadScope,
    report: Annotated[str, Path(alias="report_id", pattern=r"^[0-9a-f]{32}$", description="Of the report.")],
) -> Response:
    """Show a report as it was made, however old; 202 while it is being made."""
    row = authenticated.store.experiments.attribution.find(report)
    if row is None:
        raise NotFound(
            "There is no attribution report of this id in this account; GET /attribution/reports lists them."
        )
    return _shown(authenticated, row)


def _shown(authenticated: AuthenticatedRequest, row: ReportRow) -> Response:
    """Answer with a report, with how far it is, or with why there is none."""
    if row.state == "completed" and row.document is not None:
        return Response(row.document, media_type="application/json")
    if row.state == "refused" and row.document is not None:
        raise _refusal(row.document)
    href = _href(authenticated, row.report_id)
    state = AttributionState(
        id=row.report_id,
        status="running" if row.state == "running" else "queued",
        requested_at=instant_of(row.requested_at),
        href=href,
    )
    headers = {"Location": href, "Retry-After": str(RETRY_AFTER_SECONDS)}
    return Response(state.model_dump_json(), 202, media_type="application/json", headers=headers)


def _refusal(document: str) -> Conflict | BadRequest:
    found = json.loads(document)
    kinds = (TooLittleToAttribute, BadRequest)
    kind = next((one for one in kinds if one.code == found["code"]), Conflict)
    return kind(found["detail"], **found["members"])


def _href(authenticated: AuthenticatedRequest, report: str) -> str:
    base = authenticated.gateway.settings.public_url or ""
    return f"{base}/attribution/reports/{report}"

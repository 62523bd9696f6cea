"""Route of the data report."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.context import ReadScope, json_response
from gateway.outcomes.samples import ProcessSamples
from shared.contracts.data_report import DataReport, Vocabulary
from shared.contracts.rows import now_us
from shared.data_report import data_report
from shared.data_report.account_sample import vocabulary
from shared.errors import NotFound

router = APIRouter()
Kept = Annotated[
    bool, Query(description="The last one that a worker made, a minute or some after what it is about; 404 before.")
]


@router.get(
    "/data-report",
    response_model=DataReport,
    tags=["models"],
    operation_id="show_data_report",
    summary="Report whether the data suffices",
)
def show_data_report(authenticated: ReadScope, kept: Kept = False) -> Response:
    """Report whether the data suffices for each model, what is wrong with it, and what to do.

    Made when it is asked for, from all contacts and the events of up to 5,000 of them; says how many were looked at.
    That takes a second or some; `kept=true` shows at once what a worker made before, and `reported_at` says when.
    """
    if not kept:
        return json_response(data_report(authenticated.store, now=now_us()))
    found = authenticated.store.data_report.kept()
    if found is None:
        raise NotFound("No report was made yet: a worker makes one within a minute. Leave `kept` out to make it now.")
    return Response(found.document, media_type="application/json")


@router.get(
    "/data-report/vocabulary",
    response_model=Vocabulary,
    tags=["models"],
    operation_id="show_vocabulary",
    summary="List what can be predicted",
)
def show_vocabulary(authenticated: ReadScope, samples: ProcessSamples) -> Response:
    """List the event types and attributes of which an outcome can be made, each with how many contacts have it.

    Counted on all contacts or, in large accounts, on 5,000 of them; what was read is kept for up to a minute.
    """
    return json_response(vocabulary(samples.of(authenticated.store, now=now_us())))

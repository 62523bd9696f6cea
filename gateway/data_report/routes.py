"""Route of the data report."""

from fastapi import APIRouter
from starlette.responses import Response

from gateway.context import ReadScope, json_response, now
from gateway.data_report.schemas import DataReport
from shared.data_report import data_report

router = APIRouter()


@router.get(
    "/data-report",
    response_model=DataReport,
    tags=["models"],
    operation_id="show_data_report",
    summary="Report whether the data suffices",
)
def show_data_report(authenticated: ReadScope) -> Response:
    """Report whether the data suffices for each model, what is wrong with it, and what to do.

    Made when it is asked for, from all contacts and the events of up to 5,000 of them; says how many were looked at.
    """
    return json_response(data_report(authenticated.store, now=now()))

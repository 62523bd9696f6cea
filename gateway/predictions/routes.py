"""Routes that answer from stored predictions; no model is asked."""

from collections.abc import Collection
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from gateway.contacts.attributes import known_attribute
from gateway.contacts.schemas import PathId
from gateway.context import AfterIdRoute, AuthenticatedRequest, CursorParam, LimitParam, ReadScope, json_response
from gateway.predictions import ranked_list
from gateway.predictions.list_files import csv_pieces, workbook_pieces
from gateway.predictions.ranked_list import AttributeValue
from gateway.predictions.schemas import (
    ContactPredictions,
    EmptyBecause,
    ListedPrediction,
    PredictionList,
    StoredPrediction,
    WholePrediction,
)
from shared.capabilities import CapabilityName
from shared.capabilities import capability as line_of
from shared.contracts.contact import Instant
from shared.contracts.outcome import AttributeName, OutcomeName, known_outcomes
from shared.contracts.prediction import Band, DataQualityDetails, Status
from shared.contracts.rows import MAX_TEXT_CHARACTERS, instant_of, microseconds, now_us
from shared.errors import BadRequest, NotFound, UnknownOutcome
from shared.store import ListPlace, PredictionFilter, PredictionRow

router = APIRouter(route_class=AfterIdRoute)
_WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_AS_FILE: Final = {
    "text/csv": {"schema": {"type": "string"}, "example": ranked_list.csv_text([])},
    _WORKBOOK: {"schema": {"type": "string", "format": "binary"}, "example": "PK..."},
}
_SHARED: Final = frozenset({*StoredPrediction.model_fields, "errors"})
"""Fields of every capability's answer."""


@router.get(
    "/predictions",
    response_model=PredictionList,
    tags=["predictions"],
    operation_id="list_predictions",
    summary="List the ranked contacts",
    responses={200: {"content": _AS_FILE}},
)
def list_predictions(
    authenticated: ReadScope,
    request: Request,
    capability: Annotated[CapabilityName, Query(description="Which question.")],
    outcome: Annotated[OutcomeName | None, Query(description="Which outcome; default: the account's.")] = None,
    status: Annotated[
        Status, Query(description="Only of this status; those of another than `ok` have no score: by contact id.")
    ] = "ok",
    band: Annotated[Band | None, Query(description="Only this band.")] = None,
    min_score: Annotated[int | None, Query(ge=1, le=99, description="Only scores from this one on.")] = None,
    segment: Annotated[
        str | None, Query(max_length=200, description="Only contacts whose latest segment has this id.")
    ] = None,
    updated_since: Annotated[
        Instant | None, Query(description="Only predictions made at this instant or later.")
    ] = None,
    attribute: Annotated[
        AttributeName | None,
        Query(
            description="With `value`: only contacts with this value now. A page looks through 20,000 of the list: it "
            "may hold fewer than `limit`, also nobody, and still go on."
        ),
    ] = None,
    value: Annotated[
        str | None,
        Query(max_length=MAX_TEXT_CHARACTERS, description="Of the attribute; small and capital letters are the same."),
    ] = None,
    sort: Annotated[
        Literal["-score", "score"], Query(description="`-score`: highest score first; `score`: lowest first.")
    ] = "-score",
    count: Annotated[bool, Query(description="Whether to count how many fit in all.")] = False,
    details: Annotated[
        bool, Query(description="Whether each holds all that the capability says: the value, the next order, the hour.")
    ] = False,
    format: Annotated[
        Literal["json", "csv", "xlsx"],
        Query(description="`csv`: the whole list as one table; `xlsx`: its first 100,000 contacts as a workbook."),
    ] = "json",
    limit: LimitParam = 100,
    cursor: CursorParam = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """List the latest prediction about each contact, by score: whom to call today, or whom to leave alone.

    Equal scores are listed by probability, then by contact id. Who has reached the outcome is left out, also when that
    happened after the prediction. With `Accept: text/csv` the page is a table, and `Link: <...>; rel="next"` says where
    it goes on. With `format` all of it is a file.
    """
    name = _outcome(authenticated, capability, outcome)
    ranked = status == "ok" and line_of(capability).has_score
    since = None if updated_since is None else microseconds(updated_since)
    wanted = PredictionFilter(capability, name, status, ranked, sort == "score", band, min_score, segment, since)
    held = _attribute(authenticated, attribute, value)
    if format != "json":
        return _file(authenticated, wanted, held, format, paged={"limit", "cursor"} & request.query_params.keys())
    purpose = f"predictions by score {wanted}" if held is None else f"predictions by score {wanted} {held}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    after = None if place is None else ListPlace(*place)
    found = ranked_list.page(authenticated.store, wanted, limit=limit, after=after, attribute=held)
    next_cursor = None if found.place is None else authenticated.next_cursor(purpose, list(found.place))
    if _wants_csv(accept):
        link = {} if next_cursor is None else {"Link": f'<?{_continued(request, next_cursor)}>; rel="next"'}
        text = ranked_list.csv_text(found.rows)
        return Response(text, media_type="text/csv", headers={**link, "Vary": "Accept"})
    because = None
    if not found.rows and place is None and found.place is None:
        empty = ranked_list.why_empty(authenticated.store, wanted, now=now_us())
        newest = None if empty.newest_event_at is None else instant_of(empty.newest_event_at)
        because = EmptyBecause(detail=empty.detail, by_status=empty.by_status, newest_event_at=newest)
    fit = _count(authenticated, wanted, found, is_first=place is None) if count and held is None else None
    answers = [_listed(row, details=details) for row in found.rows]
    return json_response(PredictionList(predictions=answers, empty_because=because, count=fit, next_cursor=next_cursor))


def _count(
    authenticated: AuthenticatedRequest, wanted: PredictionFilter, found: ranked_list.Page, *, is_first: bool
) -> int | None:
    """Count the list; None: the members of a segment would have to be looked up one by one."""
    if is_first and found.place is None:
        return len(found.rows)
    return None if wanted.segment is not None else authenticated.store.predictions.count(wanted)


def _attribute(authenticated: AuthenticatedRequest, name: str | None, value: str | None) -> AttributeValue | None:
    """Return the value that contacts are to have; None: any.

    Raises:
        BadRequest: one was given without the other, or no contact has such an attribute.
    """
    if name is not None and value is not None:
        return AttributeValue(known_attribute(authenticated.store, name, "/query/attribute"), value)
    if name is None and value is None:
        return None
    missing = "attribute" if name is None else "value"
    raise BadRequest(
        "`attribute` and `value` belong together.",
        errors=[{"pointer": f"/query/{missing}", "detail": "give it with the other one, or leave both out"}],
    )


def _file(
    authenticated: AuthenticatedRequest,
    wanted: PredictionFilter,
    held: AttributeValue | None,
    kind: str,
    *,
    paged: Collection[str],
) -> Response:
    """Return the whole list as a file; a page is in memory at a time.

    Raises:
        BadRequest: a page of it was asked for.
    """
    if paged:
        errors = [{"pointer": f"/query/{name}", "detail": "leave it out"} for name in sorted(paged)]
        raise BadRequest("With `format` the list is whole: it has no pages.", errors=errors)
    pages = ranked_list.pages(authenticated.store, wanted, attribute=held)
    name = "-".join(part for part in (wanted.capability, wanted.outcome) if part)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    if kind == "csv":
        return StreamingResponse(csv_pieces(pages), media_type="text/csv", headers=headers)
    return StreamingResponse(workbook_pieces(pages), media_type=_WORKBOOK, headers=headers)


def _wants_csv(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "text/csv" in kinds and "application/json" not in kinds


def _continued(request: Request, cursor: str) -> str:
    given = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return urlencode([*given, ("cursor", cursor)])


@router.get(
    "/contacts/{contact_id:path}/predictions",
    response_model=ContactPredictions,
    tags=["predictions"],
    operation_id="show_contact_predictions",
    summary="Show a contact's predictions",
)
def show_predictions(authenticated: ReadScope, contact_id: PathId) -> Response:
    """Show the latest predictions about one contact, all capabilities at once."""
    rows = authenticated.store.predictions.of_contact(contact_id)
    if not rows and authenticated.store.contacts.find(contact_id) is None:
        raise NotFound("There is no contact of this id in this account.")
    return json_response(ContactPredictions(contact_id=contact_id, predictions=[_whole(row) for row in rows]))


def _outcome(authenticated: AuthenticatedRequest, capability: str, given: str | None) -> str:
    """Return the name of the outcome that is meant; `""` if the capability has none.

    Raises:
        UnknownOutcome: none of this name, or none named and no default; the known ones are listed.
    """
    if not line_of(capability).per_outcome:
        return ""
    known = sorted(outcome.name for outcome in authenticated.store.outcomes.of(capability))
    name = given or authenticated.store.outcomes.default(capability)
    if name in known:
        return name
    cause = "The outcome is not defined here" if given else "Name an outcome: this account has no default"
    raise UnknownOutcome(f"{cause}. {known_outcomes(capability, known)}", outcomes=known)


def _listed(row: PredictionRow, *, details: bool) -> ListedPrediction:
    body = orjson.loads(row.body)
    return ListedPrediction(**_fields(row, body), details=_own(body) if details else None)


def _whole(row: PredictionRow) -> WholePrediction:
    body = orjson.loads(row.body)
    return WholePrediction(**_fields(row, body), details=_own(body))


def _own(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a capability adds to the head."""
    return {name: value for name, value in body.items() if name not in _SHARED}


def _fields(row: PredictionRow, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "contact_id": row.contact_id,
        "capability": row.capability,
        "outcome": row.outcome or None,
        "version": row.version,
        "status": row.status,
        "detail": body.get("detail"),
        "probability": row.probability,
        "score": row.score,
        "band": row.band,
        "trend": body.get("trend"),
        "reasons": body.get("reasons", []),
        "source": row.source,
        "data_quality": body.get("data_quality", []),
        "data_quality_details": _details(body.get("data_quality_details")),
        "cutoff": instant_of(row.cutoff),
        "asked_at": instant_of(row.asked_at),
    }


def _details(stored: dict[str, Any] | None) -> DataQualityDetails | None:
    """Read stored details; those of before names were counted have none left out."""
    return None if stored is None else DataQualityDetails(**{"further": 0, **stored})

"""Routes that answer from stored predictions; no model is asked."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from gateway.contacts.schemas import PathId
from gateway.context import AuthenticatedRequest, CursorParam, LimitParam, ReadScope, json_response, now
from gateway.predictions import ranked_list
from gateway.predictions.schemas import ContactPredictions, EmptyBecause, PredictionList, StoredPrediction
from shared.capabilities import CapabilityName
from shared.capabilities import capability as line_of
from shared.contracts.contact import Instant
from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Band, DataQualityDetails, Status
from shared.contracts.rows import instant_of, microseconds
from shared.errors import NotFound, UnknownOutcome
from shared.store import PredictionFilter, PredictionRow

router = APIRouter()


@router.get(
    "/predictions",
    response_model=PredictionList,
    tags=["predictions"],
    operation_id="list_predictions",
    summary="List the ranked contacts",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": ranked_list.csv_text([])}}}},
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
    sort: Annotated[
        Literal["-score", "score"], Query(description="`-score`: highest score first; `score`: lowest first.")
    ] = "-score",
    limit: LimitParam = 100,
    cursor: CursorParam = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """List the latest prediction about each contact, by score: whom to call today, or whom to leave alone.

    Who has reached the outcome is left out, also when that happened after the prediction. With `Accept: text/csv` the
    page is a table, and `Link: <...>; rel="next"` says where it goes on.
    """
    name = _outcome(authenticated, capability, outcome)
    ranked = status == "ok" and line_of(capability).per_outcome
    since = None if updated_since is None else microseconds(updated_since)
    wanted = PredictionFilter(capability, name, status, ranked, sort == "score", band, min_score, segment, since)
    purpose = f"predictions {wanted}"
    place: Any = authenticated.read_cursor(purpose, cursor)
    found = ranked_list.page(
        authenticated.store, wanted, limit=limit, after=None if place is None else (place[0], place[1])
    )
    next_cursor = None if found.place is None else authenticated.next_cursor(purpose, list(found.place))
    if _wants_csv(accept):
        link = {} if next_cursor is None else {"Link": f'<?{_continued(request, next_cursor)}>; rel="next"'}
        text = ranked_list.csv_text(found.rows)
        return Response(text, media_type="text/csv", headers={**link, "Vary": "Accept"})
    because = None
    if not found.rows and place is None:
        empty = ranked_list.why_empty(authenticated.store, wanted, now=now())
        newest = None if empty.newest_event_at is None else instant_of(empty.newest_event_at)
        because = EmptyBecause(detail=empty.detail, by_status=empty.by_status, newest_event_at=newest)
    answers = [_answer(row) for row in found.rows]
    return json_response(PredictionList(predictions=answers, empty_because=because, next_cursor=next_cursor))


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
    return json_response(ContactPredictions(contact_id=contact_id, predictions=[_answer(row) for row in rows]))


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
    raise UnknownOutcome(f"{cause}. Known: {', '.join(known)}.", outcomes=known)


def _answer(row: PredictionRow) -> StoredPrediction:
    body = orjson.loads(row.body)
    return StoredPrediction(
        contact_id=row.contact_id,
        capability=row.capability,
        outcome=row.outcome or None,
        version=row.version,
        status=row.status,
        detail=body.get("detail"),
        probability=row.probability,
        score=row.score,
        band=row.band,
        trend=body.get("trend"),
        reasons=body.get("reasons", []),
        source=row.source,
        data_quality=body.get("data_quality", []),
        data_quality_details=_details(body.get("data_quality_details")),
        cutoff=instant_of(row.cutoff),
        asked_at=instant_of(row.asked_at),
    )


def _details(stored: dict[str, Any] | None) -> DataQualityDetails | None:
    """Read stored details; those of before names were counted have none left out."""
    return None if stored is None else DataQualityDetails(**{"further": 0, **stored})

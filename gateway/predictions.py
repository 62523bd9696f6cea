"""Routes that answer from stored predictions and from the catalogue: no model is asked."""

from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from gateway import ranked_list
from gateway.contacts import PathId
from gateway.context import Cursor, Limit, Reading, Visit, json_of, now
from gateway.schemas import (
    ContactPredictions,
    EmptyBecause,
    InputDriftAnswer,
    ModelAnswer,
    ModelList,
    PredictionList,
    StoredPrediction,
)
from shared.capabilities import CapabilityName
from shared.capabilities import capability as line_of
from shared.contracts.contact import Instant
from shared.contracts.input_drift import InputDrift
from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Band, DataQualityDetails, Status
from shared.contracts.rows import instant_of, microseconds
from shared.errors import NotFound, UnknownOutcome
from shared.store import PredictionRow, VersionRow, Wanted

router = APIRouter()
OnlyOf = Annotated[CapabilityName | None, Query(description="Only of this question; default: of all.")]


@router.get(
    "/predictions",
    response_model=PredictionList,
    tags=["predictions"],
    operation_id="list_predictions",
    summary="List the ranked contacts",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": ranked_list.csv_text([])}}}},
)
def list_predictions(
    visit: Reading,
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
    limit: Limit = 100,
    cursor: Cursor = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """List the latest prediction about each contact, by score: whom to call today, or whom to leave alone.

    Who has reached the outcome is left out, also when that happened after the prediction. With `Accept: text/csv` the
    page is a table, and `Link: <...>; rel="next"` says where it goes on.
    """
    name = _outcome(visit, capability, outcome)
    ranked = status == "ok" and line_of(capability).per_outcome
    since = None if updated_since is None else microseconds(updated_since)
    wanted = Wanted(capability, name, status, ranked, sort == "score", band, min_score, segment, since)
    purpose = f"predictions {wanted}"
    place: Any = visit.place(purpose, cursor)
    found = ranked_list.page(visit.store, wanted, limit=limit, after=None if place is None else (place[0], place[1]))
    following = None if found.place is None else visit.cursor(purpose, list(found.place))
    if _wants_csv(accept):
        link = {} if following is None else {"Link": f'<?{_continued(request, following)}>; rel="next"'}
        text = ranked_list.csv_text(found.rows)
        return Response(text, media_type="text/csv", headers={**link, "Vary": "Accept"})
    because = None
    if not found.rows and place is None:
        empty = ranked_list.emptiness(visit.store, wanted, now=now())
        newest = None if empty.newest_event_at is None else instant_of(empty.newest_event_at)
        because = EmptyBecause(detail=empty.detail, by_status=empty.by_status, newest_event_at=newest)
    answers = [_answer(row) for row in found.rows]
    return json_of(PredictionList(predictions=answers, empty_because=because, next_cursor=following))


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
def show_predictions(visit: Reading, contact_id: PathId) -> Response:
    """Show the latest predictions about one contact, all capabilities at once."""
    rows = visit.store.predictions.of_contact(contact_id)
    if not rows and visit.store.contacts.find(contact_id) is None:
        raise NotFound("There is no contact of this id in this account.")
    return json_of(ContactPredictions(contact_id=contact_id, predictions=[_answer(row) for row in rows]))


@router.get("/models", response_model=ModelList, tags=["models"], operation_id="list_models", summary="List models")
def list_models(visit: Reading, capability: OnlyOf = None) -> Response:
    """List the registered versions of this account and which of them answer."""
    versions = visit.store.models.versions(capability)
    champions = {
        pair: champion.version
        for pair in {(one.capability, one.outcome) for one in versions}
        if (champion := visit.store.models.champion(*pair)) is not None
    }
    ordered = sorted(versions, key=lambda one: (one.capability, one.outcome, -one.trained_at))
    models = [_model(one, champion=champions.get((one.capability, one.outcome)) == one.version) for one in ordered]
    return json_of(ModelList(models=models))


def _outcome(visit: Visit, capability: str, given: str | None) -> str:
    """Tell which outcome is meant, `""` where the capability has none.

    Raises:
        UnknownOutcome: none of this name, or none named and no default; the known ones are listed.
    """
    if not line_of(capability).per_outcome:
        return ""
    known = sorted(outcome.name for outcome in visit.store.outcomes.of(capability))
    name = given or visit.store.outcomes.default(capability)
    if name in known:
        return name
    told = "The outcome is not defined here" if given else "Name an outcome: this account has no default"
    raise UnknownOutcome(f"{told}. Known: {', '.join(known)}.", outcomes=known)


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


def _model(row: VersionRow, *, champion: bool) -> ModelAnswer:
    return ModelAnswer(
        capability=row.capability,
        outcome=row.outcome or None,
        version=row.version,
        champion=champion,
        kind=row.kind,
        grade=row.grade,
        trained_at=instant_of(row.trained_at),
        horizon_days=row.horizon_days,
        figures=dict(row.figures),
        input_drift=None if row.input_drift is None else _drift(row.input_drift),
    )


def _drift(found: InputDrift) -> InputDriftAnswer:
    return InputDriftAnswer(
        has_drifted=found.has_drifted,
        answered=found.answered,
        insufficient=found.insufficient,
        drifted_share=round(found.share, 4),
        out_of_range=found.out_of_range,
        unseen_categories=found.unseen_categories,
        measured_at=instant_of(found.measured_at),
    )

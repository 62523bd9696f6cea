"""Routes that answer from stored predictions and from the catalogue: no model is asked."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.contacts import PathId
from gateway.context import Cursor, Limit, Reading, Visit, json_of
from gateway.schemas import (
    CapabilityName,
    ContactPredictions,
    ModelAnswer,
    ModelList,
    PredictionList,
    StoredPrediction,
)
from shared.capabilities import capability as line_of
from shared.contracts.instants import instant_of
from shared.contracts.outcome import OutcomeName
from shared.contracts.prediction import Band
from shared.errors import NotFound, UnknownOutcome
from shared.store import PredictionRow, VersionRow

router = APIRouter()
OnlyOf = Annotated[CapabilityName | None, Query(description="Only of this question; default: of all.")]


@router.get(
    "/predictions",
    response_model=PredictionList,
    tags=["predictions"],
    operation_id="list_predictions",
    summary="List the ranked contacts",
)
def list_predictions(
    visit: Reading,
    capability: Annotated[CapabilityName, Query(description="Which question.")],
    outcome: Annotated[OutcomeName | None, Query(description="Which outcome; default: the account's.")] = None,
    band: Annotated[Band | None, Query(description="Only this band.")] = None,
    sort: Annotated[
        Literal["-score", "score"], Query(description="`-score`: highest score first; `score`: lowest first.")
    ] = "-score",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List the latest prediction about each contact, by score: whom to call today, or whom to leave alone."""
    name = _outcome(visit, capability, outcome)
    purpose = f"predictions {capability} {name} {band} {sort}"
    place: Any = visit.place(purpose, cursor)
    rows = visit.store.latest_predictions(
        capability,
        name,
        band=band,
        limit=limit,
        after=None if place is None else (place[0], place[1]),
        ascending=sort == "score",
    )
    full = len(rows) == limit
    following = visit.cursor(purpose, [rows[-1].score, rows[-1].contact_id]) if full else None
    return json_of(PredictionList(predictions=[_answer(row) for row in rows], next_cursor=following))


@router.get(
    "/contacts/{contact_id:path}/predictions",
    response_model=ContactPredictions,
    tags=["predictions"],
    operation_id="show_contact_predictions",
    summary="Show a contact's predictions",
)
def show_predictions(visit: Reading, contact_id: PathId) -> Response:
    """Show the latest predictions about one contact, all capabilities at once."""
    rows = visit.store.predictions_of(contact_id)
    if not rows and visit.store.contact(contact_id) is None:
        raise NotFound("There is no contact of this id in this account.")
    return json_of(ContactPredictions(contact_id=contact_id, predictions=[_answer(row) for row in rows]))


@router.get("/models", response_model=ModelList, tags=["models"], operation_id="list_models", summary="List models")
def list_models(visit: Reading, capability: OnlyOf = None) -> Response:
    """List the registered versions of this account and which of them answer."""
    versions = visit.store.versions(capability)
    champions = {
        pair: champion.version
        for pair in {(one.capability, one.outcome) for one in versions}
        if (champion := visit.store.champion(*pair)) is not None
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
    known = sorted(outcome.name for outcome in visit.store.outcomes(capability))
    name = given or visit.store.default_outcome(capability)
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
        cutoff=instant_of(row.cutoff),
        asked_at=instant_of(row.asked_at),
    )


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
    )

"""Routes of models: the registered versions and which of them answer."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.context import ReadScope, json_response
from gateway.models.schemas import InputDriftAnswer, ModelAnswer, ModelList
from shared.capabilities import CapabilityName
from shared.contracts.input_drift import InputDrift
from shared.contracts.model_name import ModelName
from shared.contracts.rows import instant_of
from shared.store import VersionRow

router = APIRouter()
OnlyOf = Annotated[CapabilityName | None, Query(description="Only of this question; default: of all.")]


@router.get("/models", response_model=ModelList, tags=["models"], operation_id="list_models", summary="List models")
def list_models(authenticated: ReadScope, capability: OnlyOf = None) -> Response:
    """List the registered versions of this account and which of them answer."""
    versions = authenticated.store.models.versions(capability)
    champions = {
        pair: champion.version
        for pair in {(one.capability, one.outcome) for one in versions}
        if (champion := authenticated.store.models.champion(*pair)) is not None
    }
    ordered = sorted(versions, key=lambda one: (one.capability, one.outcome, -one.trained_at))
    models = [_model(one, champion=champions.get((one.capability, one.outcome)) == one.version) for one in ordered]
    return json_response(ModelList(models=models))


def _model(row: VersionRow, *, champion: bool) -> ModelAnswer:
    return ModelAnswer(
        name=ModelName(row.capability, row.outcome).text,
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

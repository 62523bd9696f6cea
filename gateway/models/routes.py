"""Routes of models: the registered versions and which of them answer."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.context import ReadScope, json_response
from gateway.models.catalogue import model_answer
from gateway.models.schemas import ModelList
from shared.capabilities import CapabilityName

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
    models = [
        model_answer(one, champion=champions.get((one.capability, one.outcome)) == one.version) for one in ordered
    ]
    return json_response(ModelList(models=models))

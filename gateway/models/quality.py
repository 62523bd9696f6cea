"""The route of live quality and drift: what a worker found is read, nothing is computed."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from gateway.context import ReadScope, json_response
from gateway.models.names import NamedModel
from shared.contracts.model_drift import ModelDrift, drift_of
from shared.contracts.model_quality import Assessment, ModelQuality, quality_of
from shared.contracts.outcome import ModelName
from shared.contracts.prediction import Answer
from shared.errors import NotFound
from shared.store import AccountStore

router = APIRouter()
NOT_YET = "Nothing was compared yet: a worker compares predictions with what happened once a day."


class QualityAnswer(Answer):
    """How a model does on what happened after its predictions, and whether it sees what it was trained on."""

    name: Annotated[str, Field(description="Of the model: `scoring.customer`.")]
    version: Annotated[str | None, Field(description="The one that answers; null: none was promoted.")]
    verdict: Annotated[Assessment, Field(description="As in `quality`; `not_measured` before the first comparison.")]
    text: Annotated[str, Field(description="What was found, in words.")]
    quality: Annotated[
        ModelQuality | None, Field(description="Predictions against what happened; null: not compared yet.")
    ]
    drift: Annotated[
        ModelDrift | None, Field(description="Of the version that answers; null: no round of scoring has looked.")
    ]


@router.get(
    "/models/{name}/quality",
    response_model=QualityAnswer,
    tags=["models"],
    operation_id="show_model_quality",
    summary="Read how a model does on what happened afterwards",
)
def read_quality(authenticated: ReadScope, name: NamedModel) -> Response:
    """Show by week what was predicted and what happened, beside what the test promised, and what has drifted."""
    store = authenticated.store
    champion = store.models.champion(name.capability, name.outcome)
    found = quality_of(store.models.quality.find(name.capability, name.outcome))
    if champion is None and found is None and not store.models.versions(name.capability, name.outcome):
        raise NotFound(f"There is no model {name.text}. GET /models lists yours.")
    version = None if champion is None else champion.version
    return json_response(_answer(name, version, found, _drift(store, name, version)))


def _drift(store: AccountStore, name: ModelName, version: str | None) -> ModelDrift | None:
    return None if version is None else drift_of(store.models.quality.drift(name.capability, name.outcome, version))


def _answer(
    name: ModelName, version: str | None, found: ModelQuality | None, drift: ModelDrift | None
) -> QualityAnswer:
    words = [NOT_YET if found is None else found.text, *([f"Drift: {drift.text}"] if drift is not None else [])]
    return QualityAnswer(
        name=name.text,
        version=version,
        verdict="not_measured" if found is None else found.verdict,
        text=" ".join(words),
        quality=found,
        drift=drift,
    )

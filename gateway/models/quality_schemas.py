"""The answer about a model's live quality and drift."""

from typing import Annotated

from pydantic import Field

from shared.contracts.model_drift import ModelDrift
from shared.contracts.model_quality import Assessment, ModelQuality
from shared.contracts.prediction import Answer


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

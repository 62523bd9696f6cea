"""Recommendations: which items will this contact buy next?"""

from pathlib import Path
from typing import TYPE_CHECKING

from services.recommendations.api.offers import with_offer
from services.recommendations.api.routes import EXTRA_ROUTES
from services.recommendations.schemas import (
    REQUEST_EXAMPLE,
    RESPONSE_EXAMPLE,
    RecommendationChoices,
    RecommendationPrediction,
    RecommendationRequest,
    RecommendationResponse,
)
from shared.capabilities import capability
from shared.contracts.training import TrainingSpec
from shared.serving.capability_spec import CapabilitySpec

if TYPE_CHECKING:
    from services.recommendations.model.recommended import Recommended
    from services.recommendations.model.recommender import RecommendationModel


def _load(folder: Path) -> "RecommendationModel":
    from services.recommendations.model.recommender import RecommendationModel

    return RecommendationModel.load(folder)


def _is_stored(request: RecommendationRequest, _: object) -> bool:
    """Only answers to the default question stand beside other contacts' answers."""
    return request.items == 10 and request.filters.is_usual


def _recipe() -> object:
    from services.recommendations.training.recipe import RECIPE

    return RECIPE


CAPABILITY: CapabilitySpec["RecommendationModel", RecommendationRequest, "Recommended"] = CapabilitySpec(
    capability=capability("recommendations"),
    summary="up to 30 items a contact, each with the chance of being bought, source and reasons; filters by category, "
    "stock and past purchases; items similar to others",
    request=RecommendationRequest,
    prediction=RecommendationPrediction,
    response=RecommendationResponse,
    request_example=REQUEST_EXAMPLE,
    response_example=RESPONSE_EXAMPLE,
    load=_load,
    is_stored=_is_stored,
    extra_routes=EXTRA_ROUTES,
    answers_without_data=True,
    as_of_now=with_offer,
    training=TrainingSpec(
        recipe=_recipe,
        choices=RecommendationChoices,
        help="Learn what is bought next; running services serve a promoted version within 30 s.",
        examples=("", "--horizon-days 30 --no-promote"),
    ),
)

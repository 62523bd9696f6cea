"""The model of recommendations: what is known of items, who is likely to buy which, and why. Pure."""

from pathlib import Path
from typing import Any


def _load_pyfunc(path: str) -> Any:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    # Not above: a service imports modules of this folder before the libraries of training are made to look absent.
    from services.recommendations.model.recommender import RecommendationModel
    from shared.registry.artifact import FeatureTable

    return FeatureTable(RecommendationModel.load(Path(path)))

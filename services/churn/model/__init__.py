"""The churn model: the hazard of the next event of a kind, by period, as one curve; explained and pure."""

from pathlib import Path

from services.churn.model.churn import ChurnModel, cumulative_hazard
from services.churn.model.periods import Periods, expanded, time_columns
from services.churn.model.predictions import ChurnQuery, ScoredChurn
from services.churn.model.reference import ChurnReference
from shared.registry.artifact import FeatureTable

__all__ = [
    "ChurnModel",
    "ChurnQuery",
    "ChurnReference",
    "Periods",
    "ScoredChurn",
    "cumulative_hazard",
    "expanded",
    "time_columns",
]


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(ChurnModel.load(Path(path)))

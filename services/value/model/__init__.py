"""The value model: curves of value, orders and silence from closed forms and trees; explained and pure."""

from pathlib import Path

from services.value.model.predictions import ScoredValue
from services.value.model.value import ValueModel
from shared.registry.artifact import FeatureTable

__all__ = ["ScoredValue", "ValueModel"]


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(ValueModel.load(Path(path)))

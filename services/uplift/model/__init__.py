"""The model of uplift: trees for the effect of each arm, and what was measured at each place."""

from pathlib import Path

from services.uplift.model.uplift import UpliftModel
from shared.registry.artifact import FeatureTable

__all__ = ["UpliftModel"]


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(UpliftModel.load(Path(path)))

"""The send-time model: when a contact engages, corrected for when it was written to. Pure."""

from pathlib import Path
from typing import Any


def _load_pyfunc(path: str) -> Any:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    # Not above: a service imports modules of this folder before the libraries of training are made to look absent.
    from services.sendtime.model.sendtime import SendTimeModel
    from shared.registry.artifact import FeatureTable

    return FeatureTable(SendTimeModel.load(Path(path)))

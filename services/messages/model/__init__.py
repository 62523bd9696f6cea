"""The model: what each message earns with each contact, with which chance it is sent, who may get it. Pure."""

from pathlib import Path

from services.messages.model.advice import MessageAdvice
from services.messages.model.messages import MessagePolicy
from shared.registry.artifact import FeatureTable

__all__ = ["MessageAdvice", "MessagePolicy"]


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(MessagePolicy.load(Path(path)))

"""The segmentation model: features become places, places belong to groups, groups have names. Pure."""

from pathlib import Path

from services.segmentation.model.assignment import (
    Membership,
    ScoredSegment,
    SegmentDefinition,
    SegmentRef,
    with_history,
)
from services.segmentation.model.grouping import Grouping, Transform
from services.segmentation.model.segmentation import FOUND, RULES, SegmentationModel, seen
from shared.registry.artifact import FeatureTable

__all__ = [
    "FOUND",
    "RULES",
    "Grouping",
    "Membership",
    "ScoredSegment",
    "SegmentDefinition",
    "SegmentRef",
    "SegmentationModel",
    "Transform",
    "seen",
    "with_history",
]


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(SegmentationModel.load(Path(path)))

"""The segmentation model: features become places, places belong to groups, groups have names. Pure."""

from pathlib import Path

from services.segmentation.model.grouping import Grouping
from services.segmentation.model.memory import remembered
from services.segmentation.model.model import FOUND, RULES, SegmentationModel, seen
from services.segmentation.model.scored import Membership, Scored
from services.segmentation.model.segment import Named, Segment
from services.segmentation.model.transform import Transform
from shared.registry.pyfunc import FeatureTable

__all__ = [
    "FOUND",
    "RULES",
    "Grouping",
    "Membership",
    "Named",
    "Scored",
    "Segment",
    "SegmentationModel",
    "Transform",
    "remembered",
    "seen",
]


def _load_pyfunc(path: str) -> FeatureTable:
    """Load the version for `mlflow models serve`; named in the registry as the loader."""
    return FeatureTable(SegmentationModel.load(Path(path)))

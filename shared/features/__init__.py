"""The only place that turns a past into numbers: declared features, one vectorised engine, phrases."""

from shared.features.engine import matrix, truncated
from shared.features.feature import ENGINE_VERSION, Feature, FeatureSet, Kind
from shared.features.inputs import UNDERSTOOD, InputQuality, Inputs
from shared.features.learn import ColumnRead, Learned, LeftOut, learn
from shared.features.phrases import phrase, readable_value
from shared.features.reasons import Expected, ReasonPart, Things, usual_values
from shared.features.scalar import truncated_of, values_of

__all__ = [
    "ENGINE_VERSION",
    "UNDERSTOOD",
    "ColumnRead",
    "Expected",
    "Feature",
    "FeatureSet",
    "InputQuality",
    "Inputs",
    "Kind",
    "Learned",
    "LeftOut",
    "ReasonPart",
    "Things",
    "learn",
    "matrix",
    "phrase",
    "readable_value",
    "truncated",
    "truncated_of",
    "usual_values",
    "values_of",
]

"""The only place that turns a past into numbers: declared features, one vectorised engine, phrases."""

from shared.contracts.prediction import UNDERSTOOD, InputQuality, ReasonPart
from shared.features.engine import matrix, truncated
from shared.features.feature import ENGINE_VERSION, Feature, FeatureSet, Kind
from shared.features.inputs import Inputs, observed
from shared.features.learn import ColumnRead, Learned, LeftOut, learn
from shared.features.phrases import phrase, readable_value
from shared.features.reasons import Expected, Things, usual_values
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
    "observed",
    "phrase",
    "readable_value",
    "truncated",
    "truncated_of",
    "usual_values",
    "values_of",
]

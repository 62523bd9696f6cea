"""What a version saw of the contacts of a call, counted in the bins of its reference: for the worker alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.evaluation.calibration import bin_counts, placed
from shared.features import FeatureSet
from shared.features.inputs import inputs_of, values_of
from shared.serving.capability_spec import ServedModel
from shared.timeline import ContactPasts

LEAST_COUNTED = 100
"""Contacts of one call: the worker also asks about the few that have changed, and these say nothing of all."""


def input_counts(model: ServedModel, pasts: ContactPasts, cutoffs: NDArray[np.int64]) -> dict[str, Any] | None:
    """Count contacts by bin of each feature; counts alone, no row of anybody.

    The features are computed once more: a round of scoring can afford it, and no other call is slowed down.

    Args:
        model: the version.
        pasts: whom it was asked about.
        cutoffs: microseconds, one a contact.

    Returns:
        The counts beside those of the reference; None for a version that keeps none.
    """
    reference, feature_set, inputs = getattr(model, "reference", None), model.feature_set, inputs_of(model)
    if reference is None or inputs is None:
        return None
    edges, shares = reference.edges, reference.shares
    assert isinstance(feature_set, FeatureSet)  # noqa: S101 - what keeps a reference of features has such a set
    values = values_of(feature_set, pasts, cutoffs.tolist())
    counts = bin_counts(edges, values)
    unlisted = {column: code for column, _, code in feature_set.attribute_columns if code == code}
    return {
        "contacts": len(values),
        "reference_scores": _score_shares(reference.margins),
        "features": [
            {
                "name": name,
                "counts": counts[column].tolist(),
                "unseen": int((values[:, column] == unlisted[column]).sum()) if column in unlisted else None,
                "reference_shares": [round(share, 6) for share in shares[column].tolist()],
                "reference_unseen": round(float(inputs.other[column]), 6) if column in unlisted else None,
                "weight": round(float(inputs.weight[column]), 6),
            }
            for column, name in enumerate(feature_set.names)
        ],
    }


def _score_shares(margins: NDArray[np.float64]) -> list[float]:
    """Return the share of the reference in each tenth of the score: equal ones, but for ties."""
    tenths = np.bincount(placed(margins, margins) // 10, minlength=10)
    shares: list[float] = (tenths / len(margins)).round(6).tolist()
    return shares

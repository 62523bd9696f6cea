"""Everybody at the end of the data: features, places, and the segment that a version gives them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.segmentation.features import Declared, evidence, segmentation_features, weights
from services.segmentation.model import SegmentationModel, Transform, seen
from shared.contracts.defaults import LEAST_SEGMENTED
from shared.contracts.rows import Microseconds
from shared.errors import InsufficientData
from shared.features import FeatureSet, matrix
from shared.timeline import Pasts

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The contacts that groups are found among, at one cutoff."""

    pasts: Pasts
    contact: NDArray[np.int32]
    """(n,) row in the pasts."""
    cutoff: NDArray[np.int64]
    """(n,) microseconds, the same for everybody."""
    declared: Declared
    values: Matrix
    """The matrix, shape (n, p)."""
    transform: Transform
    places: Matrix
    """(n, q)."""

    @property
    def feature_set(self) -> FeatureSet:
        """Return the columns."""
        return self.declared.feature_set

    @property
    def leading(self) -> str | None:
        """Return which event type recency and frequency are about."""
        return self.declared.leading

    def assigned(self, model: SegmentationModel) -> Labels:
        """Return the segment that a version gives everybody, as a position in its segments, shape (n,)."""
        return assigned(model, self.pasts, self.contact, self.cutoff)

    @classmethod
    def of(cls, pasts: Pasts, until: Microseconds, attributes: Collection[str] = ()) -> "Snapshot":
        """Compute features and places.

        Args:
            pasts: all contacts of the account that may be profiled.
            until: the end of the data.
            attributes: those that count beside behaviour.

        Raises:
            InsufficientData: fewer than 20 contacts have any event.
        """
        contact, cutoff = population(pasts, until)
        if len(contact) < LEAST_SEGMENTED:
            raise InsufficientData(
                f"{len(contact)} contacts have an event in the last two years; {LEAST_SEGMENTED} are needed for the "
                "plainest segments. Import more events.",
                contacts_with_events=len(contact),
                needed_contacts=LEAST_SEGMENTED,
            )
        declared = segmentation_features(pasts, contact, cutoff, attributes=attributes)
        values = matrix(declared.feature_set, pasts, contact, cutoff)
        transform = learned_transform(declared.feature_set, values)
        return cls(pasts, contact, cutoff, declared, values, transform, transform.apply(values))


def population(pasts: Pasts, at: Microseconds) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """List the contacts with an event in the lookback before an instant, each once, with it as their cutoff."""
    everybody = np.arange(len(pasts), dtype=np.int32)
    cutoff = np.full(len(pasts), at, dtype=np.int64)
    known = seen(pasts, everybody, cutoff)
    return everybody[known], cutoff[known]


def learned_transform(feature_set: FeatureSet, values: Matrix) -> Transform:
    """Learn how the declared features become places.

    Args:
        feature_set: the columns.
        values: the matrix of the reference, shape (n, p).
    """
    return Transform.fit(feature_set, values, weights=weights(feature_set), evidence=evidence(feature_set))


def assigned(model: SegmentationModel, pasts: Pasts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Labels:
    """Return the segment that a version gives each frame, as a position in its segments, shape (n,)."""
    return model.assign(matrix(model.feature_set, pasts, contact, cutoff))

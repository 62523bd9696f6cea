"""What of a matrix the closed forms read: orders, recency, age and order value of each contact, over the lookback."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Histories, Matrix
from shared.features import Feature, FeatureSet

REFUND_TYPE = "order_refunded"
SAME_MOMENT_DAYS = 1e-3
"""Ages below this are taken as this: a rate needs some time."""


def history_features(order_types: tuple[str, ...]) -> tuple[Feature, ...]:
    """Declare the columns that the closed forms need, under the names that learned features of the same have."""
    columns = [
        feature
        for name in order_types
        for feature in (
            Feature(f"{name}_730d", "count", "events", f"activity:{name}", name, window_days=730),
            Feature(f"{name}_days_since_last", "days_since_last", "days", f"recency:{name}", name),
            Feature(f"{name}_days_since_first", "days_since_first", "days", f"age:{name}", name),
            Feature(f"{name}_value_730d", "value_sum", "amount", f"value:{name}", name, window_days=730),
        )
    ]
    back = f"value:{REFUND_TYPE}"
    return (*columns, Feature(f"{REFUND_TYPE}_value_730d", "value_sum", "amount", back, REFUND_TYPE, window_days=730))


@dataclass(frozen=True)
class HistoryColumns:
    """Where the columns of the closed forms stand in a matrix."""

    feature_set: FeatureSet
    order_types: tuple[str, ...]
    least_value: float
    """The smallest mean order value of the training: a contact whose orders were worth nothing counts as this."""
    most_value: float
    """The largest: one giant order must not speak for a contact's next ones."""

    def of(self, values: Matrix) -> tuple[NDArray[np.bool_], Histories]:
        """Read who has an order, and the history of everybody; of others the history means nothing.

        Args:
            values: the matrix, shape (n, p).
        """
        picked = values[:, self._picked]
        missing = np.isnan(picked)
        k = len(self.order_types)
        known = np.where(missing, 0.0, picked)
        orders = known[:, :k].sum(axis=1)
        buyer = orders > 0
        first = known[:, k : 2 * k].max(axis=1)
        last = np.where(missing[:, 2 * k : 3 * k], np.inf, picked[:, 2 * k : 3 * k]).min(axis=1)
        worth = known[:, 3 * k : 4 * k].sum(axis=1) - np.abs(known[:, 4 * k])
        age = np.maximum(first, SAME_MOMENT_DAYS)
        recency = np.where(buyer, np.minimum(np.maximum(first - last, 0.0), age), 0.0)
        mean = np.minimum(np.maximum(worth / np.maximum(orders, 1.0), self.least_value), self.most_value)
        return buyer, Histories(np.maximum(orders - 1.0, 0.0), recency, age, mean)

    @cached_property
    def _picked(self) -> list[int]:
        counts, last, first, sums = self.places
        return [*counts, *first, *last, *sums, self.refunds]

    @cached_property
    def places(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """Return the columns of counts, days since the last and the first order, and sums of values."""
        names = {name: place for place, name in enumerate(self.feature_set.names)}
        kinds = ("730d", "days_since_last", "days_since_first", "value_730d")
        counts, last, first, sums = ([names[f"{one}_{kind}"] for one in self.order_types] for kind in kinds)
        return counts, last, first, sums

    @cached_property
    def refunds(self) -> int:
        """Return the column of what was refunded."""
        return self.feature_set.names.index(f"{REFUND_TYPE}_value_730d")

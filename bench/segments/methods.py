"""k-means beside mixtures and HDBSCAN, on the same places with the same number of groups."""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.segments.data import Shop, before
from services.segmentation.training.clustering import find
from services.segmentation.training.fitting import fitted
from services.segmentation.training.selection import next_period, squared_errors

Matrix = NDArray[np.float64]
Labels = NDArray[np.intp]
Method = Callable[[Matrix, int, int], Labels]


def _mixture(kind: str) -> Method:
    def run(places: Matrix, k: int, seed: int) -> Labels:
        from sklearn.mixture import GaussianMixture

        fitted_one = GaussianMixture(k, covariance_type=kind, reg_covar=1e-2, n_init=3, random_state=seed)
        return np.asarray(fitted_one.fit_predict(places))

    return run


def _hdbscan(places: Matrix, _: int, __: int) -> Labels:
    from sklearn.cluster import HDBSCAN

    # What it calls noise is a group of its own here: every contact has to be somewhere.
    return np.asarray(HDBSCAN(min_cluster_size=len(places) // 25, copy=True).fit_predict(places)) + 1


METHODS: dict[str, Method] = {
    "k-means": lambda places, k, seed: find(places, k, seed=seed).labels,
    "mixture, diagonal": _mixture("diag"),
    "mixture, full": _mixture("full"),
    "mixture, shared full": _mixture("tied"),
    "HDBSCAN": _hdbscan,
}


def compared(shops: Sequence[Shop]) -> str:
    """Write the table: share explained (everybody) and agreement of subsamples, each method on each data set."""
    lines = [
        "| method | " + " | ".join(f"{shop.name}: groups, spend, activity, agreement" for shop in shops) + " |",
        "|---" * (1 + len(shops)) + "|",
    ]
    prepared = [_prepared(shop) for shop in shops]
    for name, method in METHODS.items():
        cells = []
        for places, outcomes, k in prepared:
            labels = method(places, k, 0)
            shares = [1 - own.sum() / one.sum() for own, one in (squared_errors(labels, y) for y in outcomes)]
            agreed = _agreement(method, places, k)
            cells.append(f"{len(np.unique(labels))}, {shares[0]:.3f}, {shares[1]:.3f}, {agreed:.2f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _prepared(shop: Shop) -> tuple[Matrix, tuple[NDArray[np.float64], ...], int]:
    fit = fitted(before(shop.pasts, shop.asked_at), until=shop.asked_at, now=shop.asked_at)
    today = fit.today
    after = next_period(shop.pasts, today.contact, today.cutoff, days=shop.horizon_days, leading=today.leading)
    return today.places, tuple(after), len(fit.model.segments)


def _agreement(method: Method, places: Matrix, k: int) -> float:
    from sklearn.metrics import adjusted_rand_score

    draw = np.random.default_rng(0)
    found = []
    for seed in range(4):
        rows = draw.permutation(len(places))[: int(0.8 * len(places))]
        labels = np.full(len(places), -9)
        labels[rows] = method(places[rows], k, seed)
        found.append(labels)
    pairs = [((a > -9) & (b > -9), a, b) for a, b in combinations(found, 2)]
    return float(np.mean([adjusted_rand_score(a[both], b[both]) for both, a, b in pairs]))

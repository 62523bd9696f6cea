"""Where look-alikes begin: contacts dealt into groups by what is known of each alone. Pure."""

import numpy as np

from services.sendtime.model.week import Matrix
from shared.ties import largest


def dealt_groups(points: Matrix, k: int, seed: int) -> Matrix:
    """Deal contacts into k groups by their own effects, where expectation-maximisation begins; shape (n, k).

    Source: k-means++ (Arthur and Vassilvitskii, 2007), five rounds.
    """
    draw = np.random.default_rng(seed)
    centres = points[[draw.integers(len(points))]]
    while len(centres) < k:
        away = _distances(points, centres).min(axis=1)
        total = away.sum()
        centres = np.vstack([centres, points[draw.choice(len(points), p=away / total if total > 0 else None)]])
    for _ in range(5):
        nearest = np.eye(k)[largest(-_distances(points, centres))]
        sizes = nearest.sum(axis=0)[:, None]
        centres = np.where(sizes > 0, nearest.T @ points / np.maximum(sizes, 1), centres)
    dealt: Matrix = 0.8 * nearest + 0.2 / k
    return dealt


def _distances(points: Matrix, centres: Matrix) -> Matrix:
    squared: Matrix = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return squared

"""What is known of each item by itself: how many buy it, more than before, and how soon again. Pure."""

from dataclasses import dataclass

import numpy as np

from services.recommendations.model.history import Bought, Rows, Vector

HALF_LIFE_DAYS = 30.0
"""A purchase counts half as much for an item's popularity after so long."""
RECENT_DAYS, BEFORE_DAYS = 28.0, 84.0
"""Trending: the last four weeks against the twelve before them."""
TREND_PULL = 5.0
"""Buyers worth of no trend in every item."""
REBUY_PULL = 10.0
GAP_PULL = 3.0
OWN_PULL = 1.0
"""Gaps worth of the item's usual one in every contact's own."""
SHORTEST_GAP_DAYS = 1.0


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """Arrays of one value an item."""

    popular: Vector
    """Recent buyers: each counts by how long ago the last purchase was."""
    trend: Vector
    """Log of recent buyers over those expected from the weeks before."""
    gap: Vector
    """Usual days between two purchases of the same contact, drawn towards that of all items."""
    rebuy: Vector
    """Share of the buyers who bought it again, drawn towards that of all items."""
    buyers: Vector
    """Contacts who bought it in the lookback."""

    @classmethod
    def fit(cls, bought: Bought, items: int) -> "ItemFacts":
        """Count.

        Args:
            bought: purchases before one cutoff, as `purchases` orders them.
            items: how many codes there are.
        """
        first = np.ones(len(bought.owner), dtype=bool)
        first[1:] = (bought.owner[1:] != bought.owner[:-1]) | (bought.item[1:] != bought.item[:-1])
        latest = np.flatnonzero(first)
        buyers = _count(bought.item[latest], items)
        popular = np.bincount(
            bought.item[latest], weights=0.5 ** (bought.age[latest] / HALF_LIFE_DAYS), minlength=items
        ).astype(np.float64)
        again = ~first
        gaps = np.maximum(bought.age[again] - bought.age[np.flatnonzero(again) - 1], SHORTEST_GAP_DAYS)
        whole = float(np.log(gaps).mean()) if len(gaps) else float(np.log(RECENT_DAYS))
        n_gaps = _count(bought.item[again], items)
        log_gap = (np.bincount(bought.item[again], weights=np.log(gaps), minlength=items) + GAP_PULL * whole) / (
            n_gaps + GAP_PULL
        )
        pair = np.cumsum(first) - 1
        repeated = np.bincount(pair, minlength=len(latest)) > 1
        share = float(repeated.mean()) if len(repeated) else 0.0
        rebuy = (_count(bought.item[latest][repeated], items) + REBUY_PULL * share) / (buyers + REBUY_PULL)
        # As exact as an artifact keeps them: a loaded version answers as the one that was judged.
        return cls(*map(_kept, (popular, _trend(bought, items), np.exp(log_gap), rebuy, buyers)))


def own_gap(facts: ItemFacts, item: Rows, count: Vector, span: Vector) -> Vector:
    """Return a contact's own days between purchases of an item, drawn towards the item's usual ones, shape (n,)."""
    gap: Vector = (span + OWN_PULL * facts.gap[item]) / (count - 1.0 + OWN_PULL)
    return gap


def _kept(values: Vector) -> Vector:
    return values.astype(np.float32).astype(np.float64)


def _count(item: Rows, items: int) -> Vector:
    return np.bincount(item, minlength=items).astype(np.float64)


def _trend(bought: Bought, items: int) -> Vector:
    recent = _buyers_between(bought, items, 0.0, RECENT_DAYS)
    before = _buyers_between(bought, items, RECENT_DAYS, RECENT_DAYS + BEFORE_DAYS) * RECENT_DAYS / BEFORE_DAYS
    level = recent.sum() / max(before.sum(), 1.0) if before.sum() else 1.0
    trend: Vector = np.log((recent + TREND_PULL) / (before * level + TREND_PULL))
    return trend


def _buyers_between(bought: Bought, items: int, newest: float, oldest: float) -> Vector:
    kept = (bought.age > newest) & (bought.age <= oldest)
    pairs = np.unique(bought.owner[kept] * items + bought.item[kept])
    return _count(pairs % items, items)

"""What a run learns from: purchases of items that enough contacts bought, and the windows that it is judged on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.candidates import ItemKnowledge
from services.recommendations.model.history import VIEWS, Bought, History, Rows, history_of, purchases
from services.recommendations.model.items import ItemFacts
from services.recommendations.training.factorisation import factors_of
from services.recommendations.training.likeness import neighbours_of
from shared.contracts.defaults import LEAST_BUYERS
from shared.contracts.engagement import PURCHASES
from shared.contracts.rows import DAY, Microseconds
from shared.errors import InsufficientData
from shared.timeline import Pasts

LEAST_ITEMS = 10
"""Items without which nothing is trained."""
LEAST_OF_ITEM = 5
"""Buyers of an item below which it is not learned."""
MOST_ITEMS = 50_000
"""Items that are learned: those with most buyers."""
HORIZON_DAYS, SHORTEST_DAYS = 60, 7
HORIZONS = 4
"""How many horizons the data must last: to look back, to learn weights from, and to be judged on."""


@dataclass(frozen=True)
class RecommendationMaterial:
    """An account's pasts, and how far ahead is looked."""

    pasts: Pasts
    until: Microseconds
    """The end of the data."""
    horizon_days: int

    @property
    def horizon(self) -> Microseconds:
        """Return how far ahead is looked."""
        return self.horizon_days * DAY

    def seen_from(self, cutoff: Microseconds) -> "ItemSnapshot":
        """Learn what is known of items before an instant."""
        return ItemSnapshot.of(self.pasts, cutoff)


@dataclass(frozen=True)
class ItemSnapshot:
    """What was known at an instant."""

    cutoff: Microseconds
    items: tuple[str, ...]
    code_of: Mapping[str, int]
    history: History
    known: ItemKnowledge

    @classmethod
    def of(cls, pasts: Pasts, cutoff: Microseconds) -> "ItemSnapshot":
        """Learn from what lies before it."""
        items = learned_items(pasts, cutoff)
        code_of = {name: code for code, name in enumerate(items)}
        cutoffs = np.full(len(pasts), cutoff, dtype=np.int64)
        bought = purchases(pasts, cutoffs, code_of)
        history = history_of(bought, purchases(pasts, cutoffs, code_of, VIEWS), len(pasts))
        return cls(cutoff, items, code_of, history, knowledge(bought, history, len(items)))


def knowledge(bought: Bought, history: History, items: int) -> ItemKnowledge:
    """Learn all that is known of items."""
    return ItemKnowledge(ItemFacts.fit(bought, items), neighbours_of(history, items), factors_of(history, items))


def learned_items(pasts: Pasts, cutoff: Microseconds) -> tuple[str, ...]:
    """List the items that enough contacts bought before an instant, those with most buyers first, then by name."""
    _, item = bought_pairs(pasts, -(2**62), cutoff)
    buyers = np.bincount(item, minlength=len(pasts.items)).astype(np.int64)
    kept = np.flatnonzero(buyers >= LEAST_OF_ITEM)
    order = np.lexsort((kept, -buyers[kept]))[:MOST_ITEMS]
    return tuple([pasts.items[code] for code in kept[order]])


def bought_pairs(pasts: Pasts, begin: Microseconds, end: Microseconds) -> tuple[Rows, NDArray[np.int64]]:
    """List who bought what at `begin <= t < end`, each pair once: contacts, and items as the pasts number them."""
    codes = [code for name in PURCHASES if (code := pasts.type_code(name)) >= 0]
    rows = np.flatnonzero(np.isin(pasts.type, codes) & (pasts.item >= 0) & (pasts.at >= begin) & (pasts.at < end))
    owner = np.searchsorted(pasts.offsets, rows, side="right") - 1
    pairs = np.unique(owner * max(len(pasts.items), 1) + pasts.item[rows])
    return pairs // max(len(pasts.items), 1), pairs % max(len(pasts.items), 1)


def material_of(pasts: Pasts, *, now: Microseconds, horizon_days: int | None) -> RecommendationMaterial:
    """Look at given pasts; events from now on are not.

    Raises:
        InsufficientData: too few buyers or items, or too short a time, in counts.
    """
    until = min(now, int(pasts.at.max()) + 1) if len(pasts.at) else now
    owner, _ = bought_pairs(pasts, -(2**62), until)
    buyers, items = len(np.unique(owner)), len(learned_items(pasts, until))
    if buyers < LEAST_BUYERS or items < LEAST_ITEMS:
        raise InsufficientData(
            f"{buyers} contacts bought an item that has a name (`item` of order events), and {items} items were bought "
            f"by {LEAST_OF_ITEM} contacts or more; {LEAST_BUYERS} such contacts and {LEAST_ITEMS} such items are "
            "needed. Import orders with their items.",
            buyers=buyers,
            needed_buyers=LEAST_BUYERS,
            items=items,
            needed_items=LEAST_ITEMS,
        )
    days = _days(pasts, until)
    horizon = min(HORIZON_DAYS, max(SHORTEST_DAYS, days // HORIZONS)) if horizon_days is None else horizon_days
    if days < HORIZONS * horizon:
        raise InsufficientData(
            f"The purchases span {days} days; {HORIZONS * horizon} are needed to look {horizon} days ahead and to be "
            "judged. Import older orders, or look less far ahead with --horizon-days.",
            days=days,
            needed_days=HORIZONS * horizon,
        )
    return RecommendationMaterial(pasts, until, horizon)


def _days(pasts: Pasts, until: Microseconds) -> int:
    codes = [code for name in PURCHASES if (code := pasts.type_code(name)) >= 0]
    first = pasts.at[np.isin(pasts.type, codes) & (pasts.item >= 0)].min()
    return int((until - first) // DAY)

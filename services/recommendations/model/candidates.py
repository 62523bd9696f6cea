"""Which items come into question for each contact, and what speaks for each of them. Pure."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.factors import MOST_FOLDED, Factors, strength
from services.recommendations.model.history import History, Rows, Vector
from services.recommendations.model.items import ItemFacts, own_gap
from services.recommendations.model.neighbours import Neighbours
from shared.ties import falling

COLUMNS = (
    "popularity",
    "trend",
    "people_alike",
    "bought_together",
    "own_purchases",
    "days_since_own",
    "own_interval",
    "due",
    "bought_again_by",
    "viewed",
    "orders_60d",
)
"""What speaks for an item, in matrix order."""
POPULARITY, TREND, ALIKE, TOGETHER, OWN, SINCE, INTERVAL, DUE, AGAIN, VIEWED, LATELY = range(len(COLUMNS))
MOST_OWN, MOST_ALIKE, MOST_TOGETHER, MOST_POPULAR, MOST_TRENDING = 100, 80, 80, 40, 10
MOST_PULLING = 60
"""Items of a history that pull others, the latest."""
PULL_FADE_DAYS = 60.0
VIEW_FADE_DAYS = 14.0
LEAST_TRENDING = 1.0
"""Recent buyers below which an item is not said to be trending."""
BLOCK_CELLS = 4_000_000
"""Contacts times items in memory at once."""


@dataclass(frozen=True)
class ItemKnowledge:
    """All that is known of items: each by itself, what goes together, vectors."""

    facts: ItemFacts
    neighbours: Neighbours
    factors: Factors

    def __len__(self) -> int:
        """Count the items."""
        return len(self.facts.popular)

    def popular_first(self, shown: NDArray[np.bool_]) -> Rows:
        """List the items that may be shown, those first that most buy lately."""
        return self._by_popularity[shown[self._by_popularity]]

    def trending_first(self, shown: NDArray[np.bool_]) -> Rows:
        """List the items that may be shown and somebody buys lately, those first that more buy than before."""
        return self._by_trend[shown[self._by_trend]]

    @cached_property
    def _by_popularity(self) -> Rows:
        return falling(self.facts.popular).astype(np.int64)

    @cached_property
    def _by_trend(self) -> Rows:
        order = falling(self.facts.trend).astype(np.int64)
        return order[self.facts.popular[order] >= LEAST_TRENDING]


@dataclass(frozen=True, slots=True)
class CandidateItems:
    """Pairs of a contact and an item that comes into question."""

    owner: Rows
    """(n,) ascending."""
    item: Rows
    """(n,) ascending within a contact."""
    values: NDArray[np.float64]
    """(n, len(COLUMNS)); NaN where there is nothing to say."""


def candidates(
    known: ItemKnowledge, history: History, shown: NDArray[np.bool_], *, excluded_days: float = 0.0
) -> CandidateItems:
    """Gather candidates of every contact of a history.

    Args:
        known: of the items.
        history: of the contacts.
        shown: which items may be shown, shape (items,).
        excluded_days: items that a contact bought within so many days are left out.
    """
    size = max(1, BLOCK_CELLS // max(len(known), 1))
    blocks = [
        _block(known, history, begin, min(begin + size, history.contacts), shown, excluded_days)
        for begin in range(0, history.contacts, size)
    ]
    if not blocks:
        nobody = np.empty(0, dtype=np.int64)
        return CandidateItems(nobody, nobody, np.empty((0, len(COLUMNS))))
    if len(blocks) == 1:
        return blocks[0]
    return CandidateItems(
        np.concatenate([one.owner for one in blocks]),
        np.concatenate([one.item for one in blocks]),
        np.concatenate([one.values for one in blocks]),
    )


@dataclass(frozen=True, slots=True)
class _Block:
    """A few contacts of a history, counted from 0."""

    contacts: int
    offsets: Rows
    owner: Rows
    item: Rows
    count: Vector
    age: Vector
    span: Vector
    rank: Rows
    viewed_owner: Rows
    viewed_item: Rows
    viewed_age: Vector
    lately: Vector

    @classmethod
    def of(cls, history: History, begin: int, end: int) -> "_Block":
        rows = slice(int(history.offsets[begin]), int(history.offsets[end]))
        offsets = history.offsets[begin : end + 1] - rows.start
        owner = history.owner[rows] - begin
        looked = (history.viewed_owner >= begin) & (history.viewed_owner < end)
        return cls(
            end - begin,
            offsets,
            owner,
            history.item[rows],
            history.count[rows],
            history.age[rows],
            history.span[rows],
            np.arange(len(owner)) - offsets[owner],
            history.viewed_owner[looked] - begin,
            history.viewed_item[looked],
            history.viewed_age[looked],
            history.lately[begin:end],
        )


def _block(
    known: ItemKnowledge, history: History, begin: int, end: int, shown: NDArray[np.bool_], excluded_days: float
) -> CandidateItems:
    block, items = _Block.of(history, begin, end), len(known)
    kept = block.rank < MOST_FOLDED
    people = known.factors.fold_in(
        np.searchsorted(block.owner[kept], np.arange(block.contacts + 1)),
        block.item[kept],
        strength(block.count[kept], block.age[kept]),
    )
    recent = block.rank < MOST_PULLING
    pull = 0.5 ** (block.age[recent] / PULL_FADE_DAYS)
    together = known.neighbours.pull(block.owner[recent], block.item[recent], pull)
    pairs = _pairs(known, block, people, together, shown)
    pairs = pairs[shown[pairs % items]]
    if excluded_days > 0:
        fresh = block.age < excluded_days
        pairs = np.setdiff1d(pairs, block.owner[fresh] * items + block.item[fresh], assume_unique=True)
    owner, item = pairs // items, pairs % items
    values = np.full((len(pairs), len(COLUMNS)), np.nan)
    values[:, POPULARITY] = np.log(known.facts.popular[item] + 0.1)
    values[:, TREND] = known.facts.trend[item]
    # Summed row by row: a contact's numbers do not depend on who is asked about beside it.
    values[:, ALIKE] = np.einsum("ij,ij->i", people[owner], known.factors.item[item])
    place = _found(together[0], pairs)
    values[:, TOGETHER] = np.where(place >= 0, together[1][place] if len(together[1]) else 0.0, 0.0)
    values[:, AGAIN] = known.facts.rebuy[item]
    values[:, LATELY] = block.lately[owner]
    _put_own(known.facts, block, owner, item, values)
    return CandidateItems(owner + begin, item, values)


def _pairs(
    known: ItemKnowledge,
    block: _Block,
    people: NDArray[np.float64],
    together: tuple[Rows, Vector],
    shown: NDArray[np.bool_],
) -> Rows:
    """Return the candidates of a block as `contact * items + item`, ascending, each once; some may not be shown."""
    items = len(known)
    own = block.rank < MOST_OWN
    alike = known.factors.values(people)
    if not shown.all():
        alike[:, ~shown] = -np.inf
    most = min(MOST_ALIKE, items)
    top = np.argpartition(alike, items - most, axis=1)[:, items - most :]
    every = np.arange(block.contacts)[:, None] * items
    usual = np.concatenate([known.popular_first(shown)[:MOST_POPULAR], known.trending_first(shown)[:MOST_TRENDING]])
    return np.unique(
        np.concatenate(
            [
                block.owner[own] * items + block.item[own],
                block.viewed_owner * items + block.viewed_item,
                (every + top).ravel(),
                _strongest(*together, items, shown),
                (every + usual).ravel(),
            ]
        )
    )


def _strongest(pairs: Rows, value: Vector, items: int, shown: NDArray[np.bool_]) -> Rows:
    """Return the pairs of each contact with the largest values, of what may be shown."""
    kept = shown[pairs % items]
    pairs, value = pairs[kept], value[kept]
    owner = pairs // items
    order = np.lexsort((-value, owner))
    owner = owner[order]
    rank = np.arange(len(order)) - np.searchsorted(owner, owner)
    found: Rows = pairs[order[rank < MOST_TOGETHER]]
    return found


def _put_own(facts: ItemFacts, block: _Block, owner: Rows, item: Rows, values: NDArray[np.float64]) -> None:
    """Write what a contact's own purchases and looks say of each candidate."""
    width = len(facts.popular)
    place = owner * width + item
    row = _found(block.owner * width + block.item, place)
    mine = row >= 0
    row = row[mine]
    gap = own_gap(facts, item[mine], block.count[row], block.span[row])
    values[:, OWN] = 0.0
    values[mine, OWN] = block.count[row]
    values[mine, SINCE] = block.age[row]
    values[mine, INTERVAL] = gap
    values[mine, DUE] = np.log(np.maximum(block.age[row], 0.5) / gap)
    look = _found(block.viewed_owner * width + block.viewed_item, place)
    values[:, VIEWED] = 0.0
    values[look >= 0, VIEWED] = 0.5 ** (block.viewed_age[look[look >= 0]] / VIEW_FADE_DAYS)


def _found(keys: Rows, wanted: Rows) -> Rows:
    """Return where each wanted key stands among others, -1 where it does not."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return np.where(keys[place] == wanted, place, -1)

"""Which items the same contacts buy, counted block by block: never items times items at once."""

from typing import Any

import numpy as np

from services.recommendations.model.history import History
from services.recommendations.model.neighbours import MOST_NEIGHBOURS, SHRINKAGE, Neighbours

BLOCK_ENTRIES = 20_000_000
"""Pairs of items that may be held at once."""
MOST_OF_ONE = 500
"""Items of one contact that are counted, the latest: who buys everything says little of what goes together."""


def neighbours_of(history: History, items: int, *, most: int = MOST_NEIGHBOURS) -> Neighbours:
    """Count how often two items have the same buyers, and keep the most alike of each.

    Likeness is the cosine with a shrinkage: common buyers over the root of the product of both items' buyers plus 10.

    Args:
        history: of everybody who is learned from.
        items: how many codes there are.
        most: kept of each item.
    """
    from scipy import sparse

    kept = history.rank < MOST_OF_ONE
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    bought = sparse.csr_matrix((ones, (history.owner[kept], history.item[kept])), shape=(history.contacts, items))
    buyers = np.asarray(bought.sum(axis=0)).ravel().astype(np.float64)
    by_item = bought.T.tocsr()
    width = np.diff(bought.indptr).astype(np.float64)
    work = np.asarray(by_item @ width).ravel()
    near = np.full((items, most), -1, dtype=np.int32)
    likeness = np.zeros((items, most), dtype=np.float32)
    begin = 0
    while begin < items:
        ends = np.cumsum(np.minimum(work[begin:], items))
        end = begin + max(1, int(np.searchsorted(ends, BLOCK_ENTRIES)))
        common = (by_item[begin:end] @ bought).tocsr()
        _keep_most(common, begin, buyers, near, likeness, most)
        begin = end
    return Neighbours(near, likeness)


def _keep_most(common: Any, begin: int, buyers: Any, near: Any, likeness: Any, most: int) -> None:
    row = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
    other = common.indices
    alike = common.data / (np.sqrt(buyers[begin + row] * buyers[other]) + SHRINKAGE)
    alike[other == begin + row] = 0.0
    alike[common.data < 2] = 0.0
    kept = alike > 0
    row, other, alike = row[kept], other[kept], alike[kept]
    order = np.lexsort((other, -alike, row))
    row, other, alike = row[order], other[order], alike[order]
    starts = np.searchsorted(row, np.arange(common.shape[0]))
    place = np.arange(len(row)) - starts[row]
    fits = place < most
    near[begin + row[fits], place[fits]] = other[fits]
    likeness[begin + row[fits], place[fits]] = alike[fits]

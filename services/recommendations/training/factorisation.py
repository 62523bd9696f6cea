"""Alternating least squares for implicit feedback, all contacts at once by conjugate gradients on sparse matrices.

Sources: Hu, Koren, Volinsky (2008); Takacs, Pilaszy, Tikk (2011), conjugate gradients for it.
"""

from typing import Any

import numpy as np

from services.recommendations.model.factors import MOST_FOLDED, Factors, strength
from services.recommendations.model.history import History

WIDTH = 64
ROUNDS = 12
STEPS = 3
RIDGE = 5.0
ALPHA = 10.0
CHUNK = 500_000


def factors_of(
    history: History,
    items: int,
    *,
    width: int = WIDTH,
    alpha: float = ALPHA,
    ridge: float = RIDGE,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Factors:
    """Learn a vector for each item.

    Args:
        history: of everybody who is learned from.
        items: how many codes there are.
        width: of a vector.
        alpha: how much more a bought item counts than one that was not.
        ridge: pull to zero.
        rounds: of solving for contacts, then for items.
        seed: of the beginning.
    """
    from scipy import sparse

    width = min(width, items)
    kept = history.rank < MOST_FOLDED
    extra = (alpha * strength(history.count[kept], history.age[kept])).astype(np.float32)
    rows = sparse.csr_matrix((extra, (history.owner[kept], history.item[kept])), shape=(history.contacts, items))
    columns = rows.T.tocsr()
    draw = np.random.default_rng(seed)
    people = np.zeros((history.contacts, width), dtype=np.float32)
    item = (draw.standard_normal((items, width)) * 0.01).astype(np.float32)
    for _ in range(rounds):
        people = _solved(rows, item, people, ridge)
        item = _solved(columns, people, item, ridge)
    return Factors.of(item, alpha=alpha, ridge=ridge)


def _solved(extra: Any, fixed: Any, start: Any, ridge: float) -> Any:
    """Solve for every row of a sparse matrix, given the vectors of its columns, by a few steps from where it was."""
    gram = (fixed.T @ fixed + ridge * np.eye(fixed.shape[1], dtype=np.float32)).astype(np.float32)
    row = np.repeat(np.arange(extra.shape[0]), np.diff(extra.indptr))
    weighted = extra.copy()
    weighted.data = extra.data + 1.0
    x = start
    residual = weighted @ fixed - _applied(extra, row, fixed, gram, x)
    direction = residual.copy()
    old = np.einsum("ij,ij->i", residual, residual)
    for _ in range(STEPS):
        moved = _applied(extra, row, fixed, gram, direction)
        step = old / np.maximum(np.einsum("ij,ij->i", direction, moved), 1e-20)
        x = x + step[:, None] * direction
        residual -= step[:, None] * moved
        new = np.einsum("ij,ij->i", residual, residual)
        direction = residual + (new / np.maximum(old, 1e-20))[:, None] * direction
        old = new
    x[np.diff(extra.indptr) == 0] = 0.0
    return x.astype(np.float32)


def _applied(extra: Any, row: Any, fixed: Any, gram: Any, x: Any) -> Any:
    """Multiply each row's own matrix with its vector."""
    product = extra.copy()
    for begin in range(0, len(row), CHUNK):
        part = slice(begin, begin + CHUNK)
        dots = np.einsum("ij,ij->i", x[row[part]], fixed[extra.indices[part]])
        product.data[part] = extra.data[part] * dots
    return x @ gram + product @ fixed

"""Exact contributions of boosted trees, looked up instead of computed: a table made once from LightGBM's text.

A tree is cut into pieces, each of neighbouring leaves. What a piece adds to the margin and to each contribution depends
on nothing but which conditions on the paths to its leaves hold: read as a number, that is a row of the piece's table.

Of a leaf with `value`, feature i of its path gets, with `o` 1 where a row meets all conditions on that feature and else
0, and `r` the share of the training rows that does,

    value * (o_i - r_i) * integral over t from 0 to 1 of the product over all other features of (r_j + t * (o_j - r_j))

A polynomial in t, which Gauss-Legendre quadrature integrates exactly.
Source: Lundberg and others (2020), tree SHAP by paths; Owen (1972), multilinear extensions of games; Yang (2021), Fast
TreeSHAP v2, for the tables.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import NamedTuple
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from shared.learners.simple import Matrix, Vector
from shared.learners.tree_text import ZERO_IS_MISSING, Condition, Leaf, leaves_of

Places = NDArray[np.intp]
TABLE_BYTES = 16_000_000
"""A larger table is not made: LightGBM computes. 200 trees of 7 leaves take 0.6 MB, of 15 leaves 6 MB, deep more."""
ALL_TABLE_BYTES = 64_000_000
"""The same for all tables of a process."""
MOST_CONDITIONS = 12
"""Of one piece, unless one leaf alone has more."""
PIECE_BYTES = 4_000
"""One more piece is worth so much memory: each costs every row a few nanoseconds."""
ROWS_AT_ONCE = 64
_ZERO = float(np.float32(1e-35))
"""What is no further from 0 is 0 to LightGBM."""
_ALL: "WeakSet[ContributionTable]" = WeakSet()
"""Tables in memory; a model that is put away takes its own along."""
_ONE_BY_ONE = Lock()
"""Two that are made at the same time would both find room."""


class _Piece(NamedTuple):
    """Neighbouring leaves of one tree."""

    leaves: Sequence[Leaf]
    conditions: tuple[Condition, ...]
    features: tuple[int, ...]

    @classmethod
    def of(cls, leaves: Sequence[Leaf]) -> "_Piece":
        """Collect what the leaves depend on."""
        conditions = dict.fromkeys(step.condition for leaf in leaves for step in leaf.path)
        return cls(leaves, tuple(conditions), tuple(sorted({one.feature for one in conditions})))

    @property
    def width(self) -> int:
        """Count the numbers of a row: of each feature, and of the margin."""
        return len(self.features) + 1

    @property
    def size(self) -> int:
        """Count all numbers."""
        return self.width << len(self.conditions)


def _pieces(leaves: Sequence[Leaf]) -> list[_Piece]:
    """Cut a tree where its tables, and that there are many, cost least."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(leaves) + 1):
        options, conditions = [], set[Condition]()
        for begin in reversed(range(end)):
            conditions.update(step.condition for step in leaves[begin].path)
            if len(conditions) > MOST_CONDITIONS and begin < end - 1:
                break
            size = len({one.feature for one in conditions}) + 1 << len(conditions)
            options.append((best[begin][0] + 8 * size + PIECE_BYTES, begin))
        best.append(min(options))
    found, end = [], len(leaves)
    while end:
        begin = best[end][1]
        found.append(_Piece.of(leaves[begin:end]))
        end = begin
    return found[::-1]


def _fitting(trees: Iterable[Sequence[Leaf]], most: int) -> list[_Piece]:
    """Cut all trees; nothing where they take more than so many numbers, or a leaf had no training row."""
    found = list[_Piece]()
    for leaves in trees:
        mine = _pieces(leaves)
        most -= sum(piece.size for piece in mine)
        if most < 0 or not all(step.share > 0 for leaf in leaves for step in leaf.path):
            return []
        found += mine
    return found


def _shares(leaf: Leaf) -> dict[int, float]:
    """Return for each feature of a path the share of the training rows that meets its conditions."""
    shares: dict[int, float] = {}
    for step in leaf.path:
        shares[step.condition.feature] = shares.get(step.condition.feature, 1.0) * step.share
    return shares


def _leaf_tables(leaves: Sequence[Leaf]) -> list[Matrix]:
    """Compute each leaf's contributions, shape (2 ** m, m): by which of its m features meet their conditions."""
    by_size = defaultdict(list)
    for number, leaf in enumerate(leaves):
        by_size[len(_shares(leaf))].append(number)
    found = [np.zeros((1, 0))] * len(leaves)
    for m, numbers in by_size.items():
        shares = np.array([list(_shares(leaves[number]).values()) for number in numbers])
        values = np.array([leaves[number].value for number in numbers])
        for number, table in zip(numbers, _tables_of_size(shares, values, m), strict=True):
            found[number] = table
    return found


def _tables_of_size(shares: Matrix, values: Vector, m: int) -> NDArray[np.float64]:
    """Compute the same for k leaves of m features, shape (k, 2 ** m, m).

    Args:
        shares: of the training rows that meet each feature's conditions, shape (k, m).
        values: of the leaves, shape (k,).
        m: how many features.
    """
    k = len(values)
    points, weights = np.polynomial.legendre.leggauss(max(1, (m + 1) // 2))
    t, r = (points + 1) / 2, shares[:, :, None]
    factors = np.stack([r * (1 - t), r + t * (1 - r)], axis=2)  # leaf, feature, met or not, point
    slopes = (np.array([0.0, 1.0])[:, None] - r[..., None]) / factors
    products = np.broadcast_to((values[:, None] * weights / 2)[:, None, :], (k, 1, len(t)))
    for i in range(m):
        products = (factors[:, i, :, None, :] * products[:, None]).reshape(k, -1, len(t))
    table = np.empty((k, 1 << m, m))
    for i in range(m):
        halves = products.reshape(k, -1, 2, 1 << i, len(t))
        table[:, :, i] = np.einsum("kaobq,koq->kaob", halves, slopes[:, i]).reshape(k, -1)
    return table


def _fill(cells: Matrix, piece: _Piece, tables: Sequence[Matrix]) -> None:
    """Add up what the leaves of a piece contribute.

    Args:
        cells: zeros, shape (2 ** conditions, features + 1); the last column is the margin.
        piece: whose they are.
        tables: of its leaves.
    """
    bit = {condition: 1 << place for place, condition in enumerate(piece.conditions)}
    column = {feature: place for place, feature in enumerate(piece.features)}
    state = np.arange(len(cells))
    for leaf, table in zip(piece.leaves, tables, strict=True):
        looked_at, wanted = dict.fromkeys(_shares(leaf), 0), dict.fromkeys(_shares(leaf), 0)
        for condition, holds, _ in leaf.path:
            looked_at[condition.feature] |= bit[condition]
            wanted[condition.feature] |= bit[condition] * holds
        met = np.zeros(len(cells), dtype=np.intp)
        for place, feature in enumerate(wanted):
            met |= ((state & looked_at[feature]) == wanted[feature]).astype(np.intp) << place
        cells[:, [column[feature] for feature in wanted]] += table[met]
        cells[met == len(table) - 1, -1] += leaf.value


@dataclass(frozen=True)
class _Conditions:
    """Conditions on columns of a matrix; those on categories stand behind the others."""

    feature: Places
    """Of each way to look at a column."""
    fill: Vector
    """What a missing number becomes there: not above any threshold, or NaN, of which no condition holds."""
    zero_is_missing: NDArray[np.bool_]
    way: Places
    """Of each condition on a number."""
    threshold: Vector
    categorical: Places
    """The column of each condition on a category."""
    members: NDArray[np.bool_]
    """Whether it holds for each category, shape (conditions, categories + 1); the last one is any other."""

    @classmethod
    def of(cls, numeric: Sequence[Condition], categorical: Sequence[Condition]) -> "_Conditions":
        """Lay conditions out."""
        ways = {(one.feature, one.missing, one.holds_missing): None for one in numeric}
        place = {way: number for number, way in enumerate(ways)}
        sets = [sorted(one.categories or ()) for one in categorical]
        members = np.zeros((len(sets), max(chain([-1], *sets)) + 2), dtype=bool)
        for row, mine in zip(members, sets, strict=True):
            row[mine] = True
        return cls(
            feature=np.array([feature for feature, _, _ in ways], dtype=np.intp),
            fill=np.array([(-np.inf if holds else np.nan) if missing else 0.0 for _, missing, holds in ways]),
            zero_is_missing=np.array([missing == ZERO_IS_MISSING for _, missing, _ in ways], dtype=bool),
            way=np.array([place[one.feature, one.missing, one.holds_missing] for one in numeric], dtype=np.intp),
            threshold=np.array([one.threshold for one in numeric]),
            categorical=np.array([one.feature for one in categorical], dtype=np.intp),
            members=members,
        )

    def hold(self, matrix: Matrix) -> NDArray[np.bool_]:
        """Look which hold, shape (n, conditions)."""
        numbers = matrix.take(self.feature, axis=1)
        missing = np.isnan(numbers)
        if self.zero_is_missing.any():
            missing |= self.zero_is_missing & (np.abs(numbers) <= _ZERO)
        found = np.where(missing, self.fill, numbers).take(self.way, axis=1) <= self.threshold
        if not len(self.categorical):
            return found
        codes, other = matrix.take(self.categorical, axis=1), self.members.shape[1] - 1
        codes = np.where((codes > -1) & (codes < other), codes, other).astype(np.intp)
        return np.concatenate([found, self.members[np.arange(len(self.members)), codes]], axis=1)


@dataclass(frozen=True, eq=False)
class ContributionTable:
    """The tables of all pieces of a model, and how a row is looked up in them."""

    width: int
    """Columns of a matrix."""
    base: float
    """What the margin is expected to be."""
    conditions: _Conditions
    bits: Places
    """The conditions of every piece, piece by piece."""
    steps: Places
    """How much further in the table each of them leads where it holds."""
    begins: Places
    """The first of each piece."""
    cells: Vector
    """All tables."""
    piece: Places
    """Of each number that a row finds."""
    first: Places
    """Where it stands if no condition of its piece holds."""
    column: Places
    """What it adds to: a feature, or behind them the margin."""

    @classmethod
    def of(cls, text: str, width: int) -> "ContributionTable | None":
        """Make the table of a model; None: its trees are too deep for one, or of another kind.

        Args:
            text: LightGBM's own.
            width: how many columns its matrix has.
        """
        with _ONE_BY_ONE:
            taken = sum([table.cells.nbytes for table in _ALL])
            pieces = _fitting(leaves_of(text) or (), min(TABLE_BYTES, ALL_TABLE_BYTES - taken) // 8)
            if not any(piece.conditions for piece in pieces):
                return None
            table = cls._laid_out(pieces, width)
            _ALL.add(table)
        return table

    @classmethod
    def _laid_out(cls, pieces: Sequence[_Piece], width: int) -> "ContributionTable":
        leaves = [leaf for piece in pieces for leaf in piece.leaves]
        tables = iter(_leaf_tables(leaves))
        starts = np.cumsum([0, *(piece.size for piece in pieces)])
        cells = np.zeros(starts[-1])
        for piece, begin, end in zip(pieces, starts, starts[1:], strict=False):
            _fill(cells[begin:end].reshape(-1, piece.width), piece, [next(tables) for _ in piece.leaves])
        every = dict.fromkeys(one for piece in pieces for one in piece.conditions)
        numeric = [one for one in every if one.categories is None]
        categorical = [one for one in every if one.categories is not None]
        number = {one: place for place, one in enumerate([*numeric, *categorical])}
        # A tree without a condition gets one that leads nowhere.
        bits = [[number[one] for one in piece.conditions] or [0] for piece in pieces]
        steps = [[piece.width << place for place in range(len(piece.conditions))] or [0] for piece in pieces]
        return cls(
            width=width,
            base=sum(leaf.value * float(np.prod([step.share for step in leaf.path])) for leaf in leaves),
            conditions=_Conditions.of(numeric, categorical),
            bits=np.concatenate(bits, dtype=np.intp),
            steps=np.concatenate(steps, dtype=np.intp),
            begins=np.cumsum([0, *map(len, bits[:-1])], dtype=np.intp),
            cells=cells,
            piece=np.repeat(np.arange(len(pieces)), [piece.width for piece in pieces]),
            first=np.concatenate([begin + np.arange(one.width) for begin, one in zip(starts, pieces, strict=False)]),
            column=np.concatenate([[*piece.features, width] for piece in pieces], dtype=np.intp),
        )

    def explained(self, matrix: Matrix) -> tuple[Vector, Matrix]:
        """Return margins, shape (n,), and contributions with the base behind them, shape (n, width + 1).

        A row's margin is LightGBM's to the bit: the leaves that it meets are added in the order of the trees.
        """
        parts = [self._sums(matrix[at : at + ROWS_AT_ONCE]) for at in range(0, len(matrix), ROWS_AT_ONCE)]
        sums = parts[0] if len(parts) == 1 else np.concatenate([np.empty((0, self.width + 1)), *parts])
        margins = sums[:, -1].copy()
        sums[:, -1] = self.base
        return margins, sums

    def _sums(self, matrix: Matrix) -> Matrix:
        """Add up what is found for each row by feature, and behind them the margin."""
        n, columns = len(matrix), self.width + 1
        hold = self.conditions.hold(matrix).take(self.bits, axis=1)
        further = np.add.reduceat(hold * self.steps, self.begins, axis=1)
        found = self.cells.take(further.take(self.piece, axis=1) + self.first)
        target = self.column + columns * np.arange(n)[:, None]
        sums = np.bincount(target.ravel(), found.ravel(), n * columns).astype(np.float64, copy=False)
        return sums.reshape(n, columns)

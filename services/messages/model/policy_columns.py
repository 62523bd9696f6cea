"""A contact's features as standardised columns that weights can be put on. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.learners.simple import LEAST_SCALE, Columns, encode, encoding

Matrix = NDArray[np.float64]
Relevance = Callable[[Matrix], Matrix]
"""From standardised columns, shape (n, k), to how much each says of rewards, shape (k,)."""
MOST_COLUMNS = 32
"""Columns of contacts: more are neither learned from a few thousand sends nor quick to draw. Numbers come twice."""


@dataclass(frozen=True)
class PolicyColumns:
    """Numbers compressed by log, categories as 0 or 1; 0 is the average, also of what is not known.

    Each number comes once more, bent: what a message earns often rises with it and then no further.
    """

    source: NDArray[np.intp]
    """Column of the matrix that each one comes from."""
    code: Matrix
    """For a category its code; NaN: a number; -1: whether the value is missing."""
    center: Matrix
    scale: Matrix
    bent: NDArray[np.bool_]
    """Whether the standardised number is bent by tanh."""
    low: Matrix
    """What a column is between, as far as was learned: a line says nothing of beyond."""
    high: Matrix

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.source)

    @classmethod
    def fit(
        cls, values: Matrix, columns: Columns, relevance: Relevance | None = None, *, most: int = MOST_COLUMNS
    ) -> Self:
        """Learn which columns a matrix has.

        Args:
            values: shape (n, p); NaN is missing.
            columns: names and which are categories.
            relevance: of standardised columns; None: those that vary most are kept.
            most: columns that are kept, those that tell most.
        """
        source, code = encoding(values, columns)
        raw = encode(values, source, code)
        missing = np.isnan(raw)
        counts = np.maximum(len(raw) - missing.sum(axis=0), 1)
        low, high = (
            end(raw, axis=0, where=~missing, initial=beyond) for end, beyond in ((np.min, np.inf), (np.max, -np.inf))
        )
        raw[missing] = 0.0
        center = raw.sum(axis=0) / counts
        raw -= center
        raw[missing] = 0.0
        scale = np.sqrt(np.einsum("ij,ij->j", raw, raw) / max(len(raw), 1))
        usable = np.flatnonzero(scale > LEAST_SCALE)
        if len(usable) > most:
            relevant = scale[usable] if relevance is None else relevance(raw[:, usable] / scale[usable])
            usable = np.sort(usable[np.argsort(-relevant, kind="stable")[:most]])
        kept = usable
        numbers = kept[np.isnan(code[kept])]
        every = np.concatenate([kept, numbers])
        bent = np.arange(len(every)) >= len(kept)
        return cls(source[every], code[every], center[every], scale[every], bent, low[every], high[every])

    def of(self, values: Matrix) -> Matrix:
        """Return the columns of contacts, shape (n, len(self)); beyond what was learned they are as at its end."""
        within = np.clip(encode(values, self.source, self.code), self.low, self.high)
        found: Matrix = np.nan_to_num((within - self.center) / self.scale)
        found[:, self.bent] = np.tanh(found[:, self.bent])
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Write as arrays by name."""
        names = ("source", "code", "center", "scale", "bent", "low", "high")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], width: int) -> Self:
        """Read what `to_arrays` wrote.

        Args:
            arrays: by name.
            width: of the matrix.

        Raises:
            ValueError: they do not fit each other or the matrix.
        """
        source = arrays["source"].astype(np.intp)
        # Versions that were learned before columns had ends have none.
        endless = {"low": np.full(len(source), -np.inf), "high": np.full(len(source), np.inf)}
        names = ("code", "center", "scale", "low", "high")
        code, center, scale, low, high = ({**endless, **arrays}[name].astype(np.float64) for name in names)
        bent = arrays["bent"].astype(np.bool_)
        whole = {len(source)} == {len(one) for one in (code, center, scale, bent, low, high)}
        if not whole or source.max(initial=-1) >= width or not ((scale > LEAST_SCALE) & (low <= high)).all():
            raise ValueError("the columns do not fit")
        return cls(source, code, center, scale, bent, low, high)

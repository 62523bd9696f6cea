"""What a learner must know of the matrix's columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Names and kinds of the columns of a matrix."""

    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()
    """Positions of the columns whose numbers are codes without order."""

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.names)


def log_odds(probability: Vector | float) -> Vector:
    """Turn probabilities into log-odds; 0 and 1 are kept finite."""
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    odds: Vector = np.log(clipped / (1 - clipped))
    return odds


def chance(margin: Vector) -> Vector:
    """Turn log-odds into probabilities without overflow.

    >>> float(chance(np.array([0.0]))[0])
    0.5
    """
    result: Vector = 0.5 * (1.0 + np.tanh(0.5 * margin))
    return result

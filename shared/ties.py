"""Order and choose by floats so that their last bit decides nothing.

Processors and releases of numpy add in another order and so differ in the last bits of a sum. Wherever an order, a
choice or a step hangs on floats, they are rounded first, and what is equal then goes by its name or its place.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

BITS = 30
"""How much of a float counts: 30 bits, a little more than nine significant digits."""
NOTHING = 1e-15
Kind = TypeVar("Kind")


def rounded(values: ArrayLike, *, bits: int = BITS) -> NDArray[np.float64]:
    """Round floats to their first bits, whatever their size, of the same shape.

    In bits and not in digits, since only that is exact: the logarithm that finds a digit has a last bit of its own.
    What is smaller than 1e-15 is what a sum of nothing leaves, and becomes 0.

    Args:
        values: any floats; infinite and missing ones stay what they are.
        bits: how many count.

    >>> 0.1 + 0.2 == 0.3, bool(rounded(0.1 + 0.2) == rounded(0.3)), bool(rounded(1e-9) == rounded(1.00001e-9))
    (False, True, False)
    """
    floats = np.asarray(values, dtype=np.float64)
    mantissa, exponent = np.frexp(np.where(np.abs(floats) < NOTHING, 0.0, floats))
    with np.errstate(over="ignore"):  # the very largest floats become infinite
        return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


def rounded_one(value: float) -> float:
    """Round one float as `rounded` does, without an array's fixed cost.

    >>> rounded_one(0.1 + 0.2) == rounded_one(0.3), rounded_one(1e-16), rounded_one(float("inf"))
    (True, 0.0, inf)
    """
    if abs(value) < NOTHING:
        return 0.0
    if not math.isfinite(value):
        return value
    mantissa, exponent = math.frexp(value)
    try:
        return math.ldexp(round(math.ldexp(mantissa, BITS)), exponent - BITS)
    except OverflowError:
        return math.copysign(math.inf, value)


def falling(values: ArrayLike) -> NDArray[np.intp]:
    """List positions along the last axis, the largest value first; what is equal stays in its order.

    >>> falling([0.3, 0.5, 0.1 + 0.2]).tolist()
    [1, 0, 2]
    """
    return np.argsort(-rounded(values), axis=-1, kind="stable")


def largest(values: ArrayLike) -> NDArray[np.intp]:
    """Find the position of the largest value along the last axis; of equal ones the first.

    >>> int(largest([0.3, 0.1 + 0.2, -1.0]))
    0
    """
    return np.asarray(np.argmax(rounded(values), axis=-1))


def least(candidates: Iterable[Kind], loss: Callable[[Kind], Any]) -> Kind:
    """Choose the candidate of the least loss; of equal ones the first, so list the simpler ones first.

    >>> least([0.1 + 0.2, 0.3], loss=lambda value: value) == 0.1 + 0.2
    True
    """
    return min(candidates, key=lambda one: float(rounded(loss(one))))


def step_of(edges: ArrayLike, values: ArrayLike, *, includes_edge: bool) -> NDArray[np.intp]:
    """Count the edges that lie below each value, and those equal to it where `includes_edge`.

    Args:
        edges: ascending, shape (m,).
        values: any shape.
        includes_edge: whether a value that is an edge counts it.

    >>> step_of([0.3, 0.6], [0.1 + 0.2, 0.5], includes_edge=True).tolist()
    [1, 1]
    >>> step_of([0.1 + 0.2, 0.6], [0.3], includes_edge=True).tolist()
    [1]
    """
    return np.searchsorted(rounded(edges), rounded(values), side="right" if includes_edge else "left")


def in_words(value: float) -> float:
    """Round to twelve digits what is to be put into words, so that a sum reads the same whichever way it was added.

    >>> in_words(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.12g}")

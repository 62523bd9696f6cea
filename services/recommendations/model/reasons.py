"""Why an item is recommended, in a marketer's words: columns that speak of the same thing are one reason."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.recommendations.model.candidates import (
    AGAIN,
    ALIKE,
    DUE,
    INTERVAL,
    LATELY,
    OWN,
    POPULARITY,
    SINCE,
    TOGETHER,
    TREND,
    VIEWED,
    ItemKnowledge,
)
from services.recommendations.model.history import History
from shared.contracts.prediction import ReasonPart
from shared.learners.trees import Learner

THINGS = {
    "own_purchases": (OWN, SINCE, INTERVAL, DUE, AGAIN),
    "bought_together": (TOGETHER,),
    "people_alike": (ALIKE,),
    "popularity": (POPULARITY,),
    "trend": (TREND,),
    "viewed": (VIEWED,),
    "orders_60d": (LATELY,),
}
"""Which columns speak of the same thing."""


class NamedItems(Protocol):
    """Items with what they are called."""

    @property
    def known(self) -> ItemKnowledge:
        """What is known of them."""

    def name(self, code: int) -> str:
        """Return what an item is called."""


@dataclass(frozen=True, slots=True)
class ExplainedItems:
    """What each thing adds to the log-odds of some candidates."""

    shares: NDArray[np.float64]
    """(n, len(THINGS))"""
    margin: NDArray[np.float64]
    """(n,) base and all shares."""
    base: float

    @classmethod
    def of(cls, learner: Learner, values: NDArray[np.float64]) -> "ExplainedItems":
        """Explain rows of candidates exactly."""
        columns = learner.contributions(values)
        shares = np.column_stack([columns[:, list(mine)].sum(axis=1) for mine in THINGS.values()])
        return cls(shares, columns.sum(axis=1), float(columns[0, -1]))


def item_reasons(
    model: NamedItems,
    history: History,
    contact: int,
    code: int,
    values: NDArray[np.float64],
    explained: ExplainedItems,
    row: int,
    *,
    most: int,
    raising: bool,
) -> list[ReasonPart]:
    """List what speaks for an item and against it, the strongest for it first.

    Args:
        model: names the items.
        history: of the contacts.
        contact: whose list it is.
        code: of the item.
        values: of its candidate, shape (len(COLUMNS),).
        explained: of all that is listed.
        row: of this item in it.
        most: reasons at most; a sentence is only made of those.
        raising: leave out what speaks against it.
    """
    shares = explained.shares[row]
    order = np.lexsort((np.arange(len(shares)), -shares))
    names = tuple(THINGS)
    parts = []
    for place in order[:most].tolist():
        if raising and shares[place] <= 0:
            break
        thing = names[place]
        value, text = _sentence(model, history, contact, code, values, thing)
        parts.append(ReasonPart(thing, value, float(shares[place]), text))
    return parts


def _sentence(
    model: NamedItems, history: History, contact: int, code: int, values: NDArray[np.float64], thing: str
) -> tuple[float | None, str]:
    if thing == "own_purchases":
        return _own(history, contact, code, values)
    if thing == "bought_together":
        return _together(model, history, contact, code)
    if thing == "people_alike":
        return round(float(values[ALIKE]), 4), "Popular among people who buy alike"
    if thing == "popularity":
        buyers = int(model.known.facts.buyers[code])
        return float(buyers), f"Bought by {buyers:,} contacts"
    if thing == "trend":
        times = float(np.exp(values[TREND]))
        word = "more" if times >= 1 else "less"
        return round(times, 2), f"Bought {word} often in the last 4 weeks than before"
    if thing == "viewed":
        seen = values[VIEWED] > 0
        return round(float(values[VIEWED]), 4), "Looked at lately" if seen else "Not looked at lately"
    count = int(values[LATELY])
    return float(count), f"{count} purchases in the last 60 days"


def _own(history: History, contact: int, code: int, values: NDArray[np.float64]) -> tuple[float, str]:
    count = int(values[OWN])
    if not count:
        return 0.0, "Not bought before"
    ago = days(float(values[SINCE]))
    if count == 1:
        return 1.0, f"Bought once, {ago} ago"
    begin, end = int(history.offsets[contact]), int(history.offsets[contact + 1])
    row = begin + int(np.flatnonzero(history.item[begin:end] == code)[0])
    return float(count), f"Bought every {days(float(history.span[row]) / (count - 1))}, last {ago} ago"


def days(number: float) -> str:
    """Write a number of days.

    >>> days(1.2), days(30.4), days(0.1)
    ('1 day', '30 days', 'less than a day')
    """
    whole = round(number)
    return "less than a day" if whole < 1 else "1 day" if whole == 1 else f"{whole} days"


def _together(model: NamedItems, history: History, contact: int, code: int) -> tuple[float, str]:
    """Name the item of the contact's own that says most for another."""
    begin, end = int(history.offsets[contact]), int(history.offsets[contact + 1])
    mine = history.item[begin:end]
    near = model.known.neighbours
    likeness = np.where(near.item[mine] == code, near.likeness[mine], 0.0).max(axis=1, initial=0.0)
    if not len(mine) or likeness.max() <= 0:
        return 0.0, "Seldom bought by those who buy the same"
    return round(float(likeness.max()), 4), f"Often bought with {model.name(int(mine[likeness.argmax()]))}"

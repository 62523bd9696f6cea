"""In which order of time the rows of a flat table came, so that later ones judge what earlier ones taught."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY
from shared.errors import BadRequest
from shared.features.attributes import as_days, entry_at
from shared.timeline import NEVER, Pasts
from shared.timeline.frames import Frames

CREATED_AT = "created_at"
NO_ORDER = "none"
LEAST_DATED = 0.95
"""Share of the rows that must say when they came."""
LEAST_DAYS = 10
"""Distinct days, without which an order is that of one import."""
_NOT_A_BEGINNING = re.compile(
    r"birth|\bdob\b|clos|\bend|\bwon\b|\blost\b|cancel|churn|\bdue\b|last|updat|modif|chang|expir|renew|next|"
    r"deliver|\bdeath|convert|geburt|letzt|ende"
)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Order:
    """When each frame's row came, and what says so."""

    name: str
    """`created_at`, or an attribute."""
    at: NDArray[np.int64]
    """Microseconds, shape (n,); NEVER where a row does not say."""
    asked: bool
    """Whether somebody named it; otherwise it was found."""

    @property
    def attribute(self) -> str | None:
        """Return the attribute that gives the order; None for `created_at`."""
        return None if self.name == CREATED_AT else self.name


def order_of(pasts: Pasts, frames: Frames, *, excluded: str | None, asked: str | None = None) -> Order | None:
    """Find what tells in which order the rows of a flat table came.

    Args:
        pasts: the contacts.
        frames: of the flat table.
        excluded: the outcome's own attribute.
        asked: `created_at`, an attribute, or `none`; None: `created_at` where nearly all contacts have one, else the
            one attribute that is a date for nearly all and whose name does not speak of an end or of a birthday.

    Returns:
        None where nothing gives an order, several things could, or none was asked for.

    Raises:
        BadRequest: what was asked for is no date for nearly all rows, or all of one day.
    """
    if asked == NO_ORDER:
        return None
    if asked is not None:
        at = _times(pasts, frames, asked)
        if at is None or not _orders(at):
            raise BadRequest(
                f"The rows cannot be ordered by {asked}: at least {LEAST_DATED:.0%} of them must have a date there, on "
                f"{LEAST_DAYS} days or more. Name another column, or --order-by {NO_ORDER}."
            )
        return Order(asked, at, asked=True)
    created = _times(pasts, frames, CREATED_AT)
    if created is not None and _orders(created):
        return Order(CREATED_AT, created, asked=False)
    found = [
        (name, at)
        for name in sorted(pasts.attributes)
        if name != excluded and not _NOT_A_BEGINNING.search(" ".join(_WORD_BREAK.split(name)).lower())
        if (at := _times(pasts, frames, name)) is not None and _orders(at)
    ]
    return Order(*found[0], asked=False) if len(found) == 1 else None


def _times(pasts: Pasts, frames: Frames, name: str) -> NDArray[np.int64] | None:
    if name == CREATED_AT:
        return pasts.created_at[frames.contact]
    stored = pasts.attributes.get(name)
    if stored is None:
        return None
    entry = entry_at(stored, frames.contact, frames.cutoff)
    days = np.array([as_days(value) for value in stored.value], dtype=np.float64)
    known = (entry >= 0) & np.isfinite(days[entry])
    at = np.full(len(frames), NEVER, dtype=np.int64)
    at[known] = (days[entry[known]] * DAY).astype(np.int64)
    return at


def _orders(at: NDArray[np.int64]) -> bool:
    known = at[at < NEVER]
    return len(known) >= LEAST_DATED * len(at) and len(np.unique(known // DAY)) >= LEAST_DAYS

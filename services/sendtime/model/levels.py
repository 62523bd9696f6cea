"""What goes into a response and what it says of contacts: rows of sends in, log-odds out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.week import DAY_OF, HOUR_OF, Matrix, Vector


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages and what came of them, one a row."""

    who: NDArray[np.int64]
    """(m,) contact or frame, 0 to n - 1."""
    slot: NDArray[np.int64]
    """(m,)"""
    campaign: NDArray[np.int64]
    """(m,) index into the response's campaigns, -1 for one not known."""
    engaged: Vector
    """(m,) 0.0 or 1.0."""
    weight: Vector
    """(m,) by age."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is known of n contacts, as log-odds that add up to the population's of each slot."""

    contact: Vector
    """(n,) engages more or less than the others, whenever."""
    lookalike_hours: Matrix
    """(n, 24)"""
    lookalike_days: Matrix
    """(n, 7)"""
    hours: Matrix
    """(n, 24) beyond the look-alikes."""
    days: Matrix
    """(n, 7) beyond the look-alikes."""
    sends: Vector
    """(n,) weighted by age."""
    engaged: Vector
    """(n,) weighted by age."""

    def margins(self, population: Vector) -> Matrix:
        """Add all up for every slot, shape (n, 168); the campaign's share is not in it."""
        hours, days = self.lookalike_hours + self.hours, self.lookalike_days + self.days
        summed: Matrix = population + self.contact[:, None] + hours[:, HOUR_OF] + days[:, DAY_OF]
        return summed

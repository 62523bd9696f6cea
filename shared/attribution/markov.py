"""Credit by removal: how many conversions are lost when every journey that meets a channel ends there.

Source: Anderl, Becker, von Wangenheim, Schumann, "Mapping the customer journey", International Journal of Research in
Marketing 33 (2016): a first-order Markov chain over channels, solved exactly. A channel that many journeys pass through
gets credit whether or not it changed anything: it says where conversions came along, not what caused them.
"""

import numpy as np
from numpy.typing import NDArray

from shared.attribution.journeys import Journeys
from shared.learners.simple import Vector


class Chain:
    """The steps of all journeys, numbered once, so that the chain can be counted again with other weights."""

    def __init__(self, journeys: Journeys) -> None:
        self.size = len(journeys.channels)
        begin, length = journeys.offsets[:-1], np.diff(journeys.offsets)
        walked = length > 0
        owner = journeys.owner
        inner = np.flatnonzero(owner[1:] == owner[:-1]) if len(owner) else np.zeros(0, dtype=np.intp)
        self._pair = journeys.channel[inner].astype(np.int64) * self.size + journeys.channel[inner + 1]
        self._pair_owner = owner[inner]
        self._walked: NDArray[np.intp] = np.flatnonzero(walked)
        self._first = journeys.channel[begin[self._walked]]
        self._last = journeys.channel[begin[self._walked] + length[self._walked] - 1]

    def removal_effects(self, conversions: Vector, nulls: Vector) -> Vector:
        """Return which share of the conversions is lost without each channel, shape (n_channels,).

        With h the chance that a journey ever meets a channel and p the chance that one converts from there, the chain
        without it converts P - h * p: every journey that meets it ends when it does so first.

        Args:
            conversions: how often each journey ended in one, shape (n,).
            nulls: how often in none, shape (n,).
        """
        size, gone = self.size, conversions + nulls
        steps = np.bincount(self._pair, weights=gone[self._pair_owner], minlength=size * size).reshape(size, size)
        won = np.bincount(self._last, weights=conversions[self._walked], minlength=size)
        lost = np.bincount(self._last, weights=nulls[self._walked], minlength=size)
        begun = np.bincount(self._first, weights=gone[self._walked], minlength=size)
        left = steps.sum(axis=1) + won + lost
        if begun.sum() <= 0 or won.sum() <= 0:
            return np.zeros(size)
        share = 1.0 / np.where(left > 0, left, 1.0)
        visits = np.linalg.inv(np.eye(size) - steps * share[:, None])
        converts = visits @ (won * share)
        start = begun / begun.sum()
        met = (start @ visits) / np.diag(visits)
        effects: Vector = np.clip(met * converts / (start @ converts), 0.0, 1.0)
        return effects

    def credits(self, conversions: Vector, nulls: Vector) -> Vector:
        """Share the conversions of journeys with touches out by removal effect, shape (n_channels,)."""
        effects = self.removal_effects(conversions, nulls)
        total = float(conversions[self._walked].sum())
        credit: Vector = effects / effects.sum() * total if effects.sum() > 0 else effects
        return credit

"""Credit by removal: how many conversions are lost when every journey that meets a channel ends there.

Source: Anderl, Becker, von Wangenheim, Schumann, "Mapping the customer journey", International Journal of Research in
Marketing 33 (2016): a first-order Markov chain over channels, solved exactly. A channel that many journeys pass through
gets credit whether or not it changed anything: it says where conversions came along, not what caused them.
"""

import numpy as np

from shared.attribution.draws import Draws, Sums
from shared.learners.simple import Vector


class Chain:
    """The steps of all journeys, numbered once, so that the chain can be counted again in every draw."""

    def __init__(self, draws: Draws) -> None:
        """Number the steps."""
        journeys = draws.journeys
        self.size = size = len(journeys.channels)
        owner, walked = journeys.owner, np.flatnonzero(journeys.touched)
        inner = np.flatnonzero(owner[1:] == owner[:-1])
        pair = journeys.channel[inner].astype(np.int64) * size + journeys.channel[inner + 1]
        self._steps = Sums(draws, owner[inner], pair, size * size)
        self._begun = Sums(draws, walked, journeys.channel[journeys.offsets[walked]], size)
        self._ended = Sums(draws, walked, journeys.channel[journeys.offsets[walked + 1] - 1], size)

    def removal_effects(self, draw: int = 0) -> Vector:
        """Return which share of the conversions is lost without each channel, shape (n_channels,).

        With h the chance that a journey ever meets a channel and p the chance that one converts from there, the chain
        without it converts P - h * p: every journey that meets it ends when it does so first.
        """
        size = self.size
        steps = np.add(*self._steps.of(draw)).reshape(size, size)
        won, lost = self._ended.of(draw)
        begun = np.add(*self._begun.of(draw))
        left = steps.sum(axis=1) + won + lost
        if begun.sum() <= 0 or won.sum() <= 0:
            return np.zeros(size)
        share = 1.0 / np.where(left > 0, left, 1.0)
        passages = np.linalg.inv(np.eye(size) - steps * share[:, None])
        converts = passages @ (won * share)
        start = begun / begun.sum()
        met = (start @ passages) / np.diag(passages)
        effects: Vector = np.clip(met * converts / (start @ converts), 0.0, 1.0)
        return effects

    def credits(self, draw: int = 0) -> Vector:
        """Share the conversions of journeys with touches out by removal effect, shape (n_channels,)."""
        effects, total = self.removal_effects(draw), float(self._ended.of(draw)[0].sum())
        credit: Vector = effects / effects.sum() * total if effects.sum() > 0 else effects
        return credit

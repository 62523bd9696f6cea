"""Rewards of messages as lines over what contacts did, drawn towards each other: the posterior in closed form. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Stack = NDArray[np.float64]
"""(messages, columns, columns)"""

STEPS = 15
"""Of the strengths: they hardly move after ten."""
IMAGINED = 2.0
"""Weights of which the usual strength is imagined before any was seen: strengths do not fall to nothing by chance."""
USUAL = 0.02
"""Of the reward's variance."""
ALIKE = 3.0
"""Weights of which the common strength is imagined for each column: what few messages say of it is not all."""
LEAST, MOST = 1e-6, 4.0
LEAST_NOISE = 1e-6


class Strengths(NamedTuple):
    """How far weights are expected from what they are drawn to: variances, in units of the reward's variance."""

    shared_slope: float = USUAL
    group_level: float = USUAL
    group_slopes: tuple[float, ...] = (USUAL,)
    """Of each column: some tell messages apart, most do not. One alone stands for all columns."""
    own_level: float = USUAL
    own_slopes: tuple[float, ...] = (USUAL,)
    """Of each column, as those of groups."""
    noise: float = 1.0
    """Of one reward."""

    @classmethod
    def of(cls, described: Mapping[str, Any], columns: int) -> Self:
        """Read what `_asdict` wrote.

        Raises:
            ValueError: they are not those of so many columns.
        """
        values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in described.items()}
        read = cls(**values)
        levels = (read.shared_slope, read.group_level, read.own_level, read.noise)
        whole = all(len(slopes) in (1, columns) for slopes in (read.group_slopes, read.own_slopes))
        if not whole or not all(one > 0 for one in (*levels, *read.group_slopes, *read.own_slopes)):
            raise ValueError("the strengths do not fit")
        return read


SHARED_LEVEL = 1.0
"""The level of all messages is not drawn to anything: one whole variance."""


@dataclass(frozen=True, slots=True)
class RewardSums:
    """What the decisions say of each message, summed: all that the posterior needs."""

    gram: Stack
    """(messages, d, d) of weighted outer products."""
    cross: Matrix
    """(messages, d) of weighted products with the reward."""
    squares: float
    """Of weighted rewards."""
    weight: float
    """Of all decisions."""

    @classmethod
    def of(
        cls, design: Matrix, message: NDArray[np.intp], reward: Vector, weight: Vector, messages: int
    ) -> "RewardSums":
        """Sum up decisions.

        Args:
            design: with a first column of ones, shape (n, d).
            message: index of what was sent, shape (n,).
            reward: centred and scaled, shape (n,).
            weight: of each decision, shape (n,).
            messages: how many there are.
        """
        width = design.shape[1]
        gram, cross = np.zeros((messages, width, width)), np.zeros((messages, width))
        order = np.argsort(message, kind="stable")
        ends = np.searchsorted(message[order], np.arange(messages + 1))
        for code in range(messages):
            rows = order[ends[code] : ends[code + 1]]
            if len(rows):
                mine = design[rows] * weight[rows, None]
                gram[code], cross[code] = mine.T @ design[rows], mine.T @ reward[rows]
        return cls(gram, cross, float(weight @ reward**2), float(weight.sum()))


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of the weights after the decisions."""

    strengths: Strengths
    shared: Matrix
    """(1 + groups, d) means: of all messages first, then of each group."""
    shared_covariance: Matrix
    """((1 + groups) * d, the same)"""
    own_covariance: Stack
    """(messages, d, d) of a message's own weights, given the shared ones."""
    pull: Stack
    """(messages, d, d): how much of the shared weights a message's own take back, for each unit."""
    own_data: Matrix
    """(messages, d): a message's own weights where the shared ones are 0."""
    member: Matrix
    """(messages, 1 + groups) 0 or 1."""

    @property
    def weights(self) -> Matrix:
        """Return the means of each message's weights, shape (messages, d)."""
        drawn_to = self.member @ self.shared
        found: Matrix = drawn_to + self.own_data - np.einsum("mab,mb->ma", self.pull, drawn_to)
        return found

    @property
    def weights_covariance(self) -> Stack:
        """Return the covariance of each message's weights, shape (messages, d, d)."""
        kept = np.eye(self.pull.shape[1]) - self.pull
        return self.own_covariance + kept @ self.drawn_to_covariance() @ kept.transpose(0, 2, 1)

    def drawn_to_covariance(self) -> Stack:
        """Return the covariance of what each message is drawn to, shape (messages, d, d)."""
        groups, width = self.shared.shape
        messages = len(self.member)
        blocks = self.shared_covariance.reshape(groups, width, groups, width).transpose(0, 2, 1, 3)
        pairs = (self.member[:, :, None] * self.member[:, None, :]).reshape(messages, -1)
        found: Stack = (pairs @ blocks.reshape(groups * groups, -1)).reshape(messages, width, width)
        return found


def posterior(
    sums: RewardSums,
    member: Matrix,
    strengths: Strengths | None = None,
    *,
    steps: int = STEPS,
    noise: float | None = None,
) -> Posterior:
    """Find the weights, and how strongly they are drawn towards each other, from the decisions alone.

    A message's weights are those of all messages, plus those of its groups, plus its own. Each kind is normal around
    0 with a variance that makes the rewards most likely; levels and slopes have variances of their own.

    Source: MacKay (1992), Bayesian interpolation, Neural Computation 4(3); the own weights are integrated out first,
    so that only the shared ones are solved for together.

    Args:
        sums: of the decisions.
        member: which groups each message belongs to, shape (messages, 1 + groups); the first column is 1.
        strengths: where to begin.
        steps: of the strengths; 0 keeps them.
        noise: of one reward, where it is known; None: found from the rewards.
    """
    strengths = Strengths() if strengths is None else strengths
    strengths = strengths if noise is None else strengths._replace(noise=noise)
    found = _solved(sums, member, strengths)
    for _ in range(steps):
        strengths = _stronger(sums, found)
        strengths = strengths if noise is None else strengths._replace(noise=noise)
        found = _solved(sums, member, strengths)
    return found


def prior_variances(strengths: Strengths, groups: int, width: int) -> Matrix:
    """Return the variance of each shared weight, shape (1 + groups, d)."""
    prior = np.empty((1 + groups, width))
    prior[:, 1:] = strengths.group_slopes
    prior[:, 0] = strengths.group_level
    prior[0] = strengths.shared_slope
    prior[0, 0] = SHARED_LEVEL
    return prior


def own_variances(strengths: Strengths, width: int) -> Vector:
    """Return the variance of each weight of a message's own, shape (d,)."""
    own = np.empty(width)
    own[0], own[1:] = strengths.own_level, strengths.own_slopes
    return own


def _solved(sums: RewardSums, member: Matrix, strengths: Strengths) -> Posterior:
    messages, width = sums.cross.shape
    groups = member.shape[1]
    gram, cross = sums.gram / strengths.noise, sums.cross / strengths.noise
    own_covariance = np.asarray(np.linalg.inv(gram + np.diag(1.0 / own_variances(strengths, width))), dtype=np.float64)
    pull = own_covariance @ gram
    own_data = np.einsum("mab,mb->ma", own_covariance, cross)
    seen = gram - gram @ pull
    heard = cross - np.einsum("mab,mb->ma", gram, own_data)
    pairs = (member[:, :, None] * member[:, None, :]).reshape(messages, -1)
    blocks = (pairs.T @ seen.reshape(messages, -1)).reshape(groups, groups, width, width)
    precision = blocks.transpose(0, 2, 1, 3).reshape(groups * width, groups * width)
    precision = (precision + precision.T) / 2
    precision[np.diag_indices_from(precision)] += 1.0 / prior_variances(strengths, groups - 1, width).ravel()
    inverse = np.linalg.inv(precision)
    covariance: Matrix = (inverse + inverse.T) / 2
    shared: Matrix = (covariance @ (member.T @ heard).ravel()).reshape(groups, width)
    return Posterior(strengths, shared, covariance, own_covariance, pull, own_data, member)


def _stronger(sums: RewardSums, found: Posterior) -> Strengths:
    """Move the strengths to where the weights that were found are most likely."""
    weights, covariance = found.weights, found.weights_covariance
    own = found.own_data - np.einsum("mab,mb->ma", found.pull, found.member @ found.shared)
    drawn = found.pull @ found.drawn_to_covariance() @ found.pull.transpose(0, 2, 1)
    own_spread = np.einsum("maa->ma", found.own_covariance + drawn)
    spread = np.diag(found.shared_covariance).reshape(found.shared.shape)
    before, shared = found.strengths, found.shared
    explained = 2 * np.sum(weights * sums.cross) - np.einsum("ma,mab,mb->", weights, sums.gram, weights)
    unsure = float(np.einsum("mab,mab->", sums.gram, covariance))
    noise = max((sums.squares - explained + unsure) / max(sums.weight, 1e-9), LEAST_NOISE)
    return Strengths(
        shared_slope=_variance(shared[0, 1:], spread[0, 1:], before.shared_slope),
        group_level=_variance(shared[1:, 0], spread[1:, 0], before.group_level),
        group_slopes=_variances(shared[1:, 1:], spread[1:, 1:], before.group_slopes),
        own_level=_variance(own[:, 0], own_spread[:, 0], before.own_level),
        own_slopes=_variances(own[:, 1:], own_spread[:, 1:], before.own_slopes),
        noise=float(noise),
    )


def _variance(mean: NDArray[np.float64], spread: NDArray[np.float64], before: float | tuple[float, ...]) -> float:
    """Return the variance of weights that the data determines; what it says nothing of does not count."""
    determined = float(_determined(spread, before).sum())
    found = (float(np.sum(mean**2)) + IMAGINED * USUAL) / (determined + IMAGINED)
    return float(np.clip(found, LEAST, MOST))


def _variances(mean: Matrix, spread: Matrix, before: tuple[float, ...]) -> tuple[float, ...]:
    """Return the variance of each column's weights, drawn towards that of all.

    Source: automatic relevance determination; MacKay (1994), Bayesian methods for backpropagation networks.
    """
    common = _variance(mean, spread, before)
    determined = _determined(spread, before).sum(axis=0)
    found = (np.sum(mean**2, axis=0) + ALIKE * common) / (determined + ALIKE)
    return tuple(np.clip(found, LEAST, MOST).tolist())


def _determined(spread: NDArray[np.float64], before: float | tuple[float, ...]) -> NDArray[np.float64]:
    """Return how much of each weight comes from the data, 0 to 1."""
    found: NDArray[np.float64] = np.clip(1.0 - spread / np.asarray(before), 0.0, 1.0)
    return found


def members(attributes: Sequence[frozenset[tuple[str, str]]], groups: Sequence[tuple[str, str]]) -> Matrix:
    """Lay out which groups messages belong to, shape (messages, 1 + groups); all belong to the first."""
    found = np.zeros((len(attributes), 1 + len(groups)))
    found[:, 0] = 1.0
    places = {group: place for place, group in enumerate(groups, start=1)}
    for row, own in enumerate(attributes):
        for group in own:
            if group in places:
                found[row, places[group]] = 1.0
    return found

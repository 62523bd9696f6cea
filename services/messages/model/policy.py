"""The policy: what each message earns with each contact, and with which chance each is sent. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from services.messages.model.hierarchy import (
    Matrix,
    Posterior,
    RewardSums,
    Strengths,
    Vector,
    members,
    own_variances,
    posterior,
    prior_variances,
)
from shared.learners.simple import chance, log_odds

DRAWS = 128
"""Of the weights: the chance that a message is the best one is counted in steps of 1/128, before the floor."""
MOST_GROUPS = 40
"""Attribute values that messages share; the rarest are left out."""
SEED = 42
ROWS = 16
"""Contacts at a time: what is drawn for them stays in the processor's cache."""
NARROWED = 0.25
"""How wide the draws are by which messages are chosen, against how sure the weights are."""
FAR = 5.0
"""Standard deviations: no contact counts for more, however much it did."""

Draws = NDArray[np.float32]
Allowed = NDArray[np.bool_]
Group = tuple[str, str]
"""An attribute and one of its values."""


class MessageTraits(NamedTuple):
    """What the policy knows of a message."""

    id: str
    attributes: Mapping[str, str] = {}

    @property
    def groups(self) -> frozenset[Group]:
        """Return the groups it belongs to."""
        return frozenset(self.attributes.items())


Link = Literal["identity", "logit"]
"""What a line of weights is: the reward itself, or the log-odds of a reward that is a chance."""


@dataclass(frozen=True)
class Policy:
    """The rewards of messages as draws from what is known of them."""

    ids: tuple[str, ...]
    """Of the messages that can be chosen."""
    link: Link
    weights: Matrix
    """(messages, d) means; the first column is the level."""
    draws: Draws
    """(DRAWS, messages, d): how sure the weights are."""
    groups: tuple[Group, ...]
    """Attribute values that are known."""
    shared: Draws
    """(DRAWS, 1 + groups, d): of all messages first, then of each group."""
    strengths: Strengths
    scale: float
    """How large a unit of the strengths is."""
    least: float
    """No reward is expected below it."""
    new: frozenset[str] = frozenset()
    """Messages of which no decision is known."""

    @property
    def width(self) -> int:
        """Count the columns of a contact, without the level."""
        return int(self.weights.shape[1]) - 1

    @cached_property
    def chosen_by(self) -> Draws:
        """Return the draws by which messages are chosen: closer to the mean, but for what was never sent.

        The floor explores already. Source: Chapelle and Li (2011), An empirical evaluation of Thompson sampling, who
        narrow the posterior in the same way.
        """
        known = np.array([name not in self.new for name in self.ids], dtype=bool)
        narrow = np.where(known, np.float32(NARROWED), np.float32(1.0))[:, None]
        mean = self.weights.astype(np.float32)
        return np.asarray(mean + narrow * (self.draws - mean), dtype=np.float32)

    def expected(self, design: Matrix) -> Matrix:
        """Return what each message is expected to earn with each contact.

        Args:
            design: standardised columns of each contact, shape (n, width).

        Returns:
            Shape (n, messages).
        """
        return self.reward(self.lines(design))

    def lines(self, design: Matrix) -> Matrix:
        """Return the sums of weights behind it, shape (n, messages)."""
        found: Matrix = with_level(design) @ self.weights.T
        return found

    def reward(self, lines: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn sums of weights into rewards."""
        return chance(lines) if self.link == "logit" else np.maximum(lines, self.least)

    def chances(self, design: Matrix, allowed: Allowed, *, floor: float) -> Matrix:
        """Return the chance with which each message is chosen for each contact.

        It is how often the message is the best of the allowed ones under the draws of the weights (Thompson
        sampling), mixed with equal chances.

        Args:
            design: shape (n, width).
            allowed: what may be chosen, shape (n, messages).
            floor: share of the equal chances, 0 to 1.

        Returns:
            Shape (n, messages); each row sums to 1, or to 0 where nothing is allowed.
        """
        equal = equal_chances(allowed)
        several = np.flatnonzero(allowed.sum(axis=1) > 1)
        if floor >= 1.0 or not len(several):
            return equal
        used = np.flatnonzero(allowed[several].any(axis=0))
        every = self.chosen_by
        draws = every if len(used) == len(self.ids) else np.ascontiguousarray(every[:, used])
        rows, best = with_level(design).astype(np.float32), np.zeros(allowed.shape)
        for start in range(0, len(several), ROWS):
            part = several[start : start + ROWS]
            best[np.ix_(part, used)] = _best_of(draws, rows[part], allowed[np.ix_(part, used)])
        equal[several] = (1.0 - floor) * best[several] + floor * equal[several]
        return equal

    def interval(self, design: Matrix, message: NDArray[np.intp], *, sure: float) -> tuple[Vector, Vector]:
        """Return from where to where the average reward lies of one message a contact, shape (n,) each.

        Args:
            design: shape (n, width).
            message: index of the message, shape (n,).
            sure: in standard deviations.
        """
        rows = with_level(design)
        spread = np.empty(len(rows))
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            mine = self.draws[:, message[part]].astype(np.float64)
            spread[part] = np.einsum("tnd,nd->tn", mine, rows[part]).std(axis=0)
        line = np.einsum("nd,nd->n", rows, self.weights[message])
        return self.reward(line - sure * spread), self.reward(line + sure * spread)

    def with_messages(self, messages: Sequence[MessageTraits]) -> Self:
        """Return the policy over other messages; a new one is drawn from what its attributes let expect.

        Args:
            messages: those that can be chosen, in the order in which answers number them.
        """
        place = {name: code for code, name in enumerate(self.ids)}
        draws = np.empty((len(self.draws), len(messages), self.weights.shape[1]), dtype=np.float32)
        weights = np.empty((len(messages), self.weights.shape[1]))
        for row, message in enumerate(messages):
            code = place.get(message.id)
            draws[:, row] = self._new(message) if code is None else self.draws[:, code]
            weights[row] = draws[:, row].mean(axis=0) if code is None else self.weights[code]
        new = frozenset(message.id for message in messages if message.id not in place or message.id in self.new)
        return replace(self, ids=tuple(one.id for one in messages), draws=draws, weights=weights, new=new)

    def _new(self, message: MessageTraits) -> Draws:
        """Draw the weights of a message that no decision is known of; the same each time."""
        width = self.weights.shape[1]
        known = {group: place for place, group in enumerate(self.groups, start=1)}
        found = self.shared[:, 0].astype(np.float64)
        group_prior = prior_variances(self.strengths, 1, width)[1]
        for group in sorted(message.groups):
            if group in known:
                found += self.shared[:, known[group]]
            else:
                found += self.scale * _normal("\0".join(group), width) * np.sqrt(group_prior)
        own = _normal(message.id, width) * np.sqrt(own_variances(self.strengths, width))
        return (found + self.scale * own).astype(np.float32)


def equal_chances(allowed: Allowed) -> Matrix:
    """Return equal chances of what may be chosen, shape (n, messages): rows sum to 1, or to 0 if nothing may."""
    found: Matrix = allowed / np.maximum(allowed.sum(axis=1), 1)[:, None]
    return found


def _best_of(draws: Draws, rows: Draws, allowed: Allowed) -> Matrix:
    """Count how often each message is the best one under the draws, shape (n, messages)."""
    contacts, messages = allowed.shape
    count, _, width = draws.shape
    earned = (rows @ draws.reshape(count * messages, width).T).reshape(contacts, count, messages)
    if not allowed.all():
        earned += np.where(allowed, np.float32(0), np.float32(-np.inf))[:, None, :]
    best = earned.argmax(axis=2) + np.arange(contacts)[:, None] * messages
    counted = np.bincount(best.ravel(), minlength=contacts * messages).reshape(contacts, messages)
    share: Matrix = counted / count
    return share


def with_level(design: Matrix) -> Matrix:
    """Put a column of ones first, and keep numbers near."""
    found = np.ones((len(design), design.shape[1] + 1))
    np.clip(design, -FAR, FAR, out=found[:, 1:])
    return found


ROUNDS, STEPS_A_ROUND = 6, 3
"""Of a chance: how often its curve is laid anew, and the strengths moved in between."""
FARTHEST = 6.0
"""Log-odds beyond which the curve of a chance is as good as flat."""


def fit(
    design: Matrix,
    message: NDArray[np.intp],
    reward: Vector,
    messages: Sequence[MessageTraits],
    *,
    weight: Vector | None = None,
    is_share: bool = True,
) -> Policy:
    """Learn what each message earns with which contacts.

    Args:
        design: standardised columns of the contact of each decision, shape (n, width); 0 is usual or unknown.
        message: index of what was sent, shape (n,).
        reward: what it earned, shape (n,).
        messages: what can be sent, with attributes.
        weight: of each decision, shape (n,); None: one each.
        is_share: whether a reward lies between 0 and 1, so that what is expected is a chance.
    """
    weight = np.ones(len(reward)) if weight is None else weight
    groups = _shared_groups(messages)
    member = members([one.groups for one in messages], groups)
    rows = _Decisions(with_level(design), message, reward, weight, len(messages))
    mean = rows.mean
    if is_share:
        level, scale, found = float(log_odds(np.clip(mean, 1e-4, 1 - 1e-4))), 1.0, _curved(rows, member)
    else:
        level, scale = mean, float(np.sqrt(weight @ (reward - mean) ** 2 / rows.total)) or 1.0
        found = posterior(rows.sums((reward - mean) / scale, weight), member)
    shared, draws = _drawn(found)
    shared, draws, weights = shared * scale, draws * scale, found.weights * scale
    shared[:, 0, 0] += level
    draws[:, :, 0] += level
    weights[:, 0] += level
    return Policy(
        ids=tuple(one.id for one in messages),
        link="logit" if is_share else "identity",
        weights=weights,
        draws=draws.astype(np.float32),
        groups=groups,
        shared=shared.astype(np.float32),
        strengths=found.strengths,
        scale=scale,
        least=min(0.0, float(reward.min(initial=0.0))),
    )


class _Decisions(NamedTuple):
    """Decisions as a fit reads them."""

    design: Matrix
    """With a level."""
    message: NDArray[np.intp]
    reward: Vector
    weight: Vector
    messages: int

    @property
    def total(self) -> float:
        """Return the weight of all."""
        return max(float(self.weight.sum()), 1e-9)

    @property
    def mean(self) -> float:
        """Return the mean reward."""
        return float(self.weight @ self.reward) / self.total

    def sums(self, reward: Vector, weight: Vector) -> RewardSums:
        """Sum up other rewards with other weights."""
        return RewardSums.of(self.design, self.message, reward, weight, self.messages)


def _curved(rows: _Decisions, member: Matrix) -> Posterior:
    """Find the weights of log-odds: the curve of a chance is a parabola around where the weights lie by now.

    Source: Laplace's approximation by reweighted least squares; McCullagh and Nelder (1989), Generalized linear models.
    """
    level = float(log_odds(np.clip(rows.mean, 1e-4, 1 - 1e-4)))
    line, strengths, found = np.full(len(rows.reward), level), Strengths(noise=1.0), None
    for _ in range(ROUNDS):
        expected = chance(line)
        curve = np.maximum(expected * (1.0 - expected), 1e-4)
        sums = rows.sums(line - level + (rows.reward - expected) / curve, curve * rows.weight)
        found = posterior(sums, member, strengths, steps=STEPS_A_ROUND, noise=1.0)
        strengths = found.strengths
        line = np.clip(level + np.einsum("nd,nd->n", rows.design, found.weights[rows.message]), -FARTHEST, FARTHEST)
    if found is None:
        raise ValueError("no round was made")
    return found


def _shared_groups(messages: Sequence[MessageTraits]) -> tuple[Group, ...]:
    """Choose the attribute values that weights are learned for: the most frequent ones."""
    counts = Counter(group for one in messages for group in one.groups)
    chosen = sorted(counts, key=lambda group: (-counts[group], group))[:MOST_GROUPS]
    return tuple(sorted(chosen))


def _drawn(found: Posterior) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw shared weights and those of messages, in pairs around the mean, so that the mean stays exact."""
    random = np.random.default_rng(SEED)
    groups, width = found.shared.shape
    messages = len(found.member)
    half = DRAWS // 2
    root = np.linalg.cholesky(found.shared_covariance + 1e-12 * np.eye(groups * width))
    moved = (random.standard_normal((half, groups * width)) @ root.T).reshape(half, groups, width)
    shared = found.shared + np.concatenate([moved, -moved])
    own_root = np.linalg.cholesky(found.own_covariance + 1e-12 * np.eye(width))
    apart = np.einsum("mab,tmb->tma", own_root, random.standard_normal((half, messages, width)), optimize=True)
    drawn_to = np.einsum("mg,tgd->tmd", found.member, shared, optimize=True)
    own = found.own_data - np.einsum("mab,tmb->tma", found.pull, drawn_to, optimize=True)
    return shared, drawn_to + own + np.concatenate([apart, -apart])


def _normal(name: str, width: int) -> Matrix:
    """Draw normal numbers in pairs around 0, shape (DRAWS, width): by name, so that they are the same each time."""
    seed = int.from_bytes(blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
    drawn = np.random.default_rng(seed).standard_normal((DRAWS // 2, width))
    return np.concatenate([drawn, -drawn])

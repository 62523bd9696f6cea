"""The policy that is served, in the made world: eight weeks of sends, trained again after each, judged on strangers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.messages.world import CONTACTS, COUNTRIES, MESSAGES, NUMBERS, Matrix, Standing, World, offered, standing
from services.messages.model.policy import MessageTraits, Policy, fit
from services.messages.model.policy_columns import PolicyColumns
from services.messages.schemas import FLOOR
from shared.learners import Columns

COLUMNS = Columns((*NUMBERS, "country", "plan"), (len(NUMBERS), len(NUMBERS) + 1))
TRAITS = tuple(MessageTraits(one.id, {"topic": one.topic, "offer": one.offer}) for one in MESSAGES)


class Learned(NamedTuple):
    """What became of a policy in a world."""

    seed: int
    weekly: list[Standing]
    """After each week, on contacts who were never sent anything, all messages there."""
    earned: float
    """Clicks a send of all weeks, learning included."""

    @property
    def last(self) -> Standing:
        """After the stated number of sends."""
        return self.weekly[-1]


def learned(seed: int) -> Learned:
    """Send, train, send again.

    The first week all messages have equal chances, as without a version; a message that enters has the chances that
    its topic and offer let expect.
    """
    world = World(seed)
    contacts = world.contacts(CONTACTS)
    truth = world.chances(contacts)
    random = np.random.default_rng([seed, 4])
    rows, message, reward = (np.empty(0, kind) for kind in (np.intp, np.intp, np.float64))
    policy: Policy | None = None
    columns = PolicyColumns.fit(_as_served(contacts.matrix), COLUMNS)

    def design(matrix: Matrix) -> Matrix:
        return columns.of(_as_served(matrix))

    found = []
    for week, sent in enumerate(world.weekly(), 1):
        there = np.broadcast_to(offered(week), (len(sent), len(MESSAGES)))
        chances = there / there.sum(axis=1, keepdims=True)
        if policy is not None:
            chances = policy.chances(design(contacts.matrix[sent]), there, floor=FLOOR)
        chosen = np.minimum((random.random(len(sent))[:, None] > chances.cumsum(axis=1)).sum(axis=1), len(MESSAGES) - 1)
        came = world.rewards(truth[sent], chosen, week)
        rows, message, reward = (np.concatenate(pair) for pair in ((rows, sent), (message, chosen), (reward, came)))
        policy = _trained(design(contacts.matrix[rows]), message, reward)
        found.append(standing(world, _served(policy, design)))
    return Learned(seed, found, float(reward.mean()))


def _trained(design: Matrix, message: NDArray[np.intp], reward: Matrix) -> Policy:
    """Learn from the messages that were sent, and let the others be expected."""
    known = np.unique(message)
    place = np.full(len(MESSAGES), -1)
    place[known] = np.arange(len(known))
    return fit(design, place[message], reward, [TRAITS[one] for one in known]).with_messages(TRAITS)


def _served(policy: Policy, design: Callable[[Matrix], Matrix]) -> Callable[[Matrix], Matrix]:
    def chances(matrix: Matrix) -> Matrix:
        allowed = np.ones((len(matrix), len(MESSAGES)), bool)
        return policy.chances(design(matrix), allowed, floor=FLOOR)

    return chances


def _as_served(matrix: Matrix) -> Matrix:
    """Return numbers, then country and plan as one category each."""
    first = len(NUMBERS)
    country = matrix[:, first : first + len(COUNTRIES)].argmax(axis=1)
    return np.column_stack([matrix[:, :first], country, matrix[:, first + len(COUNTRIES) :].argmax(axis=1)])

"""A made world of contacts and messages whose effects are known; the policy was written after it, and never looked in.

What is fixed here, and not changed once a policy exists: `WEEKS` rounds of `SENDS` messages, the policy retrained after
each; ten messages, of which one enters in week 5; `DEVELOPMENT`, the seed to work with, and `FINAL`, five others that
are tried only at the end. A policy passes where its chances, its exploration included, earn more on fresh contacts
than the best single message, and make `WANTED_WAY` of the way from equal chances to the oracle.

The chance of a click is 1 + 19 * logistic(z) percent: z adds how active a contact is, what nobody sees of it, how good
a message is, what its topic and offer mean to the contact (bends, thresholds and products of features, so that no
linear model is right), and a few pairs of feature and message. Numbers are jittered by seed; the structure is not.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

WEEKS: Final = 8
SENDS: Final = 5_000
"""A week, each to another contact of the list."""
CONTACTS: Final = 20_000
"""On the list: a contact gets two messages in eight weeks."""
DEVELOPMENT: Final = 11
FINAL: Final = (101, 202, 303, 404, 505)
WANTED_WAY: Final = 0.8
NEW_MESSAGE, NEW_FROM_WEEK = "gift-new", 5
"""The message that enters, from this week on, the first being 1."""


class MadeMessage(NamedTuple):
    """A message with its attributes."""

    id: str
    topic: str
    offer: str


MESSAGES: Final = (
    MadeMessage("sale-percent", "sale", "percent"),
    MadeMessage("sale-plain", "sale", "none"),
    MadeMessage("sale-gift", "sale", "gift"),
    MadeMessage("new-plain", "new", "none"),
    MadeMessage("new-percent", "new", "percent"),
    MadeMessage("delivery-plain", "delivery", "none"),
    MadeMessage("delivery-free", "delivery", "percent"),
    MadeMessage("advice-plain", "advice", "none"),
    MadeMessage("advice-gift", "advice", "gift"),
    MadeMessage(NEW_MESSAGE, "new", "gift"),
)
NUMBERS: Final = (
    "days_since_order",
    "orders_90d",
    "basket",
    "opens_28d",
    "clicks_28d",
    "discount_share",
    "account_age",
    "weekend_share",
    "noise",
)
COUNTRIES: Final = ("DE", "FR", "NL", "ES")
PLANS: Final = ("free", "plus", "pro")
FEATURES: Final = (*NUMBERS, *(f"country={one}" for one in COUNTRIES), *(f"plan={one}" for one in PLANS))

Matrix = NDArray[np.float64]


class Contacts(NamedTuple):
    """People, as a policy sees them, and what it does not see."""

    matrix: Matrix
    """(n, len(FEATURES)): numbers about standardised, then countries and plans as 0 or 1."""
    unseen: Matrix
    """(n,) how willing to click at all, apart from every feature."""

    def take(self, rows: NDArray[np.intp]) -> "Contacts":
        """Keep some, in the order given."""
        return Contacts(self.matrix[rows], self.unseen[rows])

    def attributes(self) -> list[dict[str, Any]]:
        """Return each contact as attributes, as an account would send them."""
        country = self.matrix[:, len(NUMBERS) : len(NUMBERS) + len(COUNTRIES)].argmax(axis=1)
        plan = self.matrix[:, len(NUMBERS) + len(COUNTRIES) :].argmax(axis=1)
        return [
            {**dict(zip(NUMBERS, row.tolist(), strict=True)), "country": COUNTRIES[at], "plan": PLANS[on]}
            for row, at, on in zip(self.matrix[:, : len(NUMBERS)], country, plan, strict=True)
        ]


class World:
    """One draw of the world."""

    def __init__(self, seed: int) -> None:
        """Draw the numbers that differ between worlds; the same for the same seed."""
        random = np.random.default_rng([seed, 0])
        self._seed = seed
        self.quality = random.normal(0.0, 0.25, len(MESSAGES))
        self.strength = random.uniform(0.75, 1.25, 7)
        """Of each topic, then of each offer but none, then of the pairs."""
        self.pairs = random.normal(0.0, 0.25, (len(MESSAGES), 3))

    def contacts(self, n: int, stream: int = 1) -> Contacts:
        """Make n contacts; another stream brings others."""
        random = np.random.default_rng([self._seed, stream])
        active = random.normal(size=n)  # makes orders, opens and clicks of one contact alike
        mixed = {"orders_90d": 0.5, "opens_28d": 0.5, "clicks_28d": 0.6, "days_since_order": -0.5}
        numbers = [
            mixed.get(name, 0.0) * active + np.sqrt(1 - mixed.get(name, 0.0) ** 2) * random.normal(size=n)
            for name in NUMBERS
        ]
        country = random.choice(len(COUNTRIES), size=n, p=[0.4, 0.3, 0.2, 0.1])
        plan = random.choice(len(PLANS), size=n, p=[0.5, 0.35, 0.15])
        sorts = [country == one for one in range(len(COUNTRIES))] + [plan == one for one in range(len(PLANS))]
        return Contacts(np.column_stack([*numbers, *sorts]).astype(np.float64), random.normal(0.0, 0.4, n))

    def chances(self, contacts: Contacts) -> Matrix:
        """Return the chance of a click of each contact for each message, shape (n, len(MESSAGES)): the truth."""
        of = {name: contacts.matrix[:, place] for place, name in enumerate(FEATURES)}
        topics, offers = _appeals(of), _offers(of)
        names = [*topics, *offers]
        scaled = {
            name: self.strength[place] * value
            for place, (name, value) in enumerate(zip(names, [*topics.values(), *offers.values()], strict=True))
        }
        willing = -1.15 + 0.35 * of["clicks_28d"] + 0.15 * of["opens_28d"] + contacts.unseen
        paired = np.column_stack([of["account_age"], of["weekend_share"], of["plan=pro"]])
        z = [
            willing
            + self.quality[place]
            + scaled[one.topic]
            + (scaled[one.offer] if one.offer != "none" else 0.0)
            + self.strength[6] * (paired @ self.pairs[place])
            for place, one in enumerate(MESSAGES)
        ]
        return np.asarray(0.01 + 0.19 / (1.0 + np.exp(-np.column_stack(z))))

    def rewards(self, chances: Matrix, chosen: NDArray[np.intp], stream: int) -> Matrix:
        """Draw clicks, 0.0 or 1.0, of what was sent, shape (n,)."""
        random = np.random.default_rng([self._seed, 2, stream])
        return (random.random(len(chosen)) < chances[np.arange(len(chosen)), chosen]).astype(np.float64)

    def weekly(self) -> list[NDArray[np.intp]]:
        """Return who of the list gets a message in each week, shape (SENDS,) each."""
        random = np.random.default_rng([self._seed, 3])
        return [random.choice(CONTACTS, size=SENDS, replace=False) for _ in range(WEEKS)]


def offered(week: int) -> NDArray[np.bool_]:
    """Return which messages exist in a week, the first being 1, shape (len(MESSAGES),)."""
    return np.array([one.id != NEW_MESSAGE or week >= NEW_FROM_WEEK for one in MESSAGES])


def _appeals(of: dict[str, Matrix]) -> dict[str, Matrix]:
    """Return what each topic means to a contact: each bent, cut or multiplied."""
    return {
        "sale": 1.3 * np.tanh(of["discount_share"] - 0.5 * of["basket"]),
        "new": 1.1 * np.tanh(of["clicks_28d"] + 0.5 * of["orders_90d"]) * np.where(of["plan=free"] > 0, 0.5, 1.2),
        "delivery": 1.2 * (of["country=FR"] + of["country=ES"]) + 0.5 * np.tanh(of["basket"]) - 0.5,
        "advice": np.where(of["days_since_order"] > 0.6, 1.3, -0.4) - 0.3 * of["discount_share"],
    }


def _offers(of: dict[str, Matrix]) -> dict[str, Matrix]:
    """Return what each offer adds."""
    return {
        "percent": 0.6 * np.minimum(of["discount_share"], 1.0) - 0.2 * of["plan=pro"],
        "gift": np.where(of["account_age"] > 0.0, 0.6, -0.3) + 0.3 * of["plan=plus"],
    }


class Standing(NamedTuple):
    """What blanket rules and the oracle earn, and what a policy does."""

    uniform: float
    best_single: float
    oracle: float
    policy: float

    @property
    def way(self) -> float:
        """Share of the way from equal chances to the oracle."""
        return (self.policy - self.uniform) / (self.oracle - self.uniform)

    @property
    def passes(self) -> bool:
        """Whether it earns more than the best single message, and makes the way that is wanted."""
        return self.policy > self.best_single and self.way >= WANTED_WAY


def standing(world: World, policy: Callable[[Matrix], Matrix], *, n: int = 20_000) -> Standing:
    """Return what a policy truly earns on fresh contacts, with all messages there.

    Args:
        world: the truth.
        policy: from a matrix of features to the chance of each message, shape (n, len(MESSAGES)), as it is served:
            exploration included.
        n: number of contacts, none of whom was ever sent anything.
    """
    contacts = world.contacts(n, stream=9)
    truth = world.chances(contacts)
    chances = policy(contacts.matrix)
    return Standing(
        uniform=float(truth.mean()),
        best_single=float(truth.mean(axis=0).max()),
        oracle=float(truth.max(axis=1).mean()),
        policy=float((chances * truth).sum(axis=1).mean()),
    )

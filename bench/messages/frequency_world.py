"""A made account whose best number of mails is known: too many tire people, and drive them away.

Each mail that finds `s` others in the 28 days before it earns `click / (1 + s / tires)` clicks on average, and costs
the contact with the chance `leaves * (1 + (s / bears) ** 2)`; a contact that leaves costs COST clicks. So `n` mails in
28 days, at an even pace, are worth `n * (clicks - COST * chance)` at `s = n - 1`. Fixed before any model was written.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.contracts.rows import DAY, HOUR, SECOND
from shared.timeline import ContactFacts, EventTuple, Pasts, build

Vector = NDArray[np.float64]
START = 1_736_121_600_000_000
"""6 January 2025, a Monday."""
SEND_HOUR = 10
WINDOW = 28
"""Days that a mail tires for."""
MOST = 10
"""Mails in a window that any contact gets."""
COST = 15.0
"""What a contact that leaves would still have earned, clicks."""
SPREAD = 0.3
"""Standard deviation of what nobody sees of a contact, in logarithms: more clicks, and less leaving."""
BLOCKS = 8
"""Windows that are logged."""
USUAL_MAILS = 4
SEED = 28
OTHER_SEEDS = (101, 202, 303, 404, 505)
"""Tried once, at the end."""


class Kind(NamedTuple):
    """How one kind of contact takes mails."""

    name: str
    click: float
    tires: float
    leaves: float
    bears: float

    def clicks(self, before: Vector) -> Vector:
        """Return the chance of a click on a mail that finds so many before it."""
        chance: Vector = self.click / (1 + before / self.tires)
        return chance

    def losses(self, before: Vector) -> Vector:
        """Return the chance that a mail that finds so many before it drives the contact away."""
        chance: Vector = np.minimum(self.leaves * (1 + (before / self.bears) ** 2), 1.0)
        return chance

    def worth(self, before: Vector) -> Vector:
        """Return what a mail brings, less what it costs, clicks."""
        return self.clicks(before) - COST * self.losses(before)


KINDS = (
    Kind("keen", click=0.36, tires=8.0, leaves=0.0006, bears=4.5),
    Kind("usual", click=0.20, tires=6.0, leaves=0.0012, bears=3.5),
    Kind("touchy", click=0.10, tires=5.0, leaves=0.0022, bears=2.2),
)
OPTIMUM = {"keen": 8, "usual": 4, "touchy": 2}
"""The best whole number of mails in 28 days; `worth_of` shows it, and a test holds it."""

# What is asked of the model, stated beforehand. Mails in 28 days are means over contacts of a kind in the second half
# of half a year under its decisions; worth is over all kinds, as a share of what the optimum of each kind brings.
WITHIN, CONFOUNDED_WITHIN = 1.0, 2.0
WORTH, CONFOUNDED_WORTH = 0.9, 0.85


def worth_of(kind: Kind, mails: NDArray[np.int64]) -> Vector:
    """Return what numbers of mails in 28 days bring at an even pace, clicks."""
    counts = mails.astype(np.float64)
    worth: Vector = counts * kind.worth(np.maximum(counts - 1, 0.0))
    return worth


@dataclass(frozen=True)
class World:
    """What was sent, on which days, and what came of it; shapes (n_contacts, n_days)."""

    kind: NDArray[np.intp]
    """Of each contact, index into KINDS, shape (n_contacts,)."""
    hidden: Vector
    """What nobody sees: more clicks and less leaving where it is above 0, shape (n_contacts,)."""
    sent: NDArray[np.bool_]
    clicked: NDArray[np.bool_]
    opened: NDArray[np.bool_]
    lost_on: NDArray[np.int64]
    """Day of leaving, -1 where the contact stays, shape (n_contacts,)."""

    @property
    def n_days(self) -> int:
        """Return how long it lasts."""
        return self.sent.shape[1]

    @property
    def until(self) -> int:
        """Return the end of its last day, microseconds."""
        return START + self.n_days * DAY


def world(*, contacts: int = 9_000, confounded: bool = False, seed: int = SEED) -> World:
    """Make an account.

    Args:
        contacts: how many, all kinds alike.
        confounded: whether better contacts get more mails, as marketers do; one window in five is drawn all the same.
        seed: of everything.
    """
    draw = np.random.default_rng(seed)
    kind = np.arange(contacts) % len(KINDS)
    hidden = draw.normal(0, SPREAD, contacts)
    sent = np.concatenate(
        [planned(_mails(kind, hidden, draw, confounded=confounded), draw) for _ in range(BLOCKS)], axis=1
    )
    if not confounded:
        sent[draw.random(contacts) < 0.1] &= draw.random((1, sent.shape[1])) < 0.25  # a group that gets little
    clicked, opened = np.zeros_like(sent), np.zeros_like(sent)
    lost_on = np.full(contacts, -1)
    for day in range(sent.shape[1]):
        sent[:, day] &= lost_on < 0
        before = sent[:, max(0, day - WINDOW) : day].sum(axis=1).astype(np.float64)
        click, leave = truth(kind, hidden, before)
        clicked[:, day] = sent[:, day] & (draw.random(contacts) < click)
        opened[:, day] = clicked[:, day] | (sent[:, day] & (draw.random(contacts) < 0.15 + click))
        lost_on[sent[:, day] & (draw.random(contacts) < leave)] = day
    return World(kind, hidden, sent, clicked, opened, lost_on)


def truth(kind: NDArray[np.intp], hidden: Vector, before: Vector) -> tuple[Vector, Vector]:
    """Return the true chances of a click and of leaving for a mail, each of shape (n,)."""
    click, leave = np.empty(len(kind)), np.empty(len(kind))
    for code, one in enumerate(KINDS):
        mine = kind == code
        click[mine], leave[mine] = one.clicks(before[mine]), one.losses(before[mine])
    return np.minimum(click * np.exp(hidden), 0.95), np.minimum(leave * np.exp(-hidden), 1.0)


def _mails(kind: NDArray[np.intp], hidden: Vector, draw: np.random.Generator, *, confounded: bool) -> NDArray[np.int64]:
    """Draw how many mails each contact gets in a window."""
    anything = draw.integers(0, MOST + 1, len(kind))
    if not confounded:
        return np.where(draw.random(len(kind)) < 0.6, anything, USUAL_MAILS)
    better = USUAL_MAILS + 2.0 * (1 - kind) + 2.0 * hidden / SPREAD + draw.normal(0, 1, len(kind))
    wanted = np.clip(np.rint(better), 0, MOST).astype(np.int64)
    return np.where(draw.random(len(kind)) < 0.2, anything, wanted)


def planned(mails: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.bool_]:
    """Put so many mails on days of a window, each day as likely as another, shape (n, WINDOW)."""
    place = draw.random((len(mails), WINDOW)).argsort(axis=1).argsort(axis=1)
    days: NDArray[np.bool_] = place < mails[:, None]
    return days


def pasts_of(made: World) -> Pasts:
    """Write the account as events, as a store holds it."""
    events: list[EventTuple] = []
    lost = {(int(row), int(made.lost_on[row])) for row in np.flatnonzero(made.lost_on >= 0)}
    for row, day in np.argwhere(made.sent).tolist():
        at = START + day * DAY + SEND_HOUR * HOUR
        after = [("email_sent", at)]
        after += [("email_opened", at + 600 * SECOND)] if made.opened[row, day] else []
        after += [("email_clicked", at + 1_200 * SECOND)] if made.clicked[row, day] else []
        after += [("email_unsubscribed", at + 2 * HOUR)] if (row, day) in lost else []
        message = f"m{row}-{day}"
        events += [(f"c{row}", f"{type_}-{day}", type_, when, None, message, None, None, 1) for type_, when in after]
    names = [f"c{row}" for row in range(len(made.kind))]
    return build(names, {name: ContactFacts(created_at=START) for name in names}, [events])

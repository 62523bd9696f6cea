"""What a slot promises a contact: judged by answers where sends are known, by activity where they are not."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Stages
from services.sendtime.model.columns import Known, matrix_of
from services.sendtime.model.saying import HOUR, LOOKALIKE, WEEKDAY, Tally, by_thing, reasons
from services.sendtime.model.timing import Timing
from services.sendtime.model.week import HOURS, SLOTS, Matrix, Vector, by_hour
from shared.features import ReasonPart
from shared.learners.simple import log_odds

ENOUGH_SENDS = 20.0
"""Sends in an hour of the day, by weight, below which it is not recommended before hours that were tried."""
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the chosen slots are what they are, one a contact."""

    margin: Vector
    """Log-odds of the contact at its slot, shape (n,)."""
    base: Vector
    """Of the population at the same slot, shape (n,)."""
    reasons: list[list[ReasonPart]]
    """Each list sums to margin - base when nothing was cut off."""


class Judge(Protocol):
    """One way to judge slots; made for the contacts of a call."""

    @property
    def is_chance(self) -> bool:
        """Whether margins are those of a chance; else of a share of activity."""

    @property
    def population(self) -> Vector:
        """Log-odds of the average contact, shape (168,)."""

    @property
    def confidence(self) -> Vector:
        """How much each contact's own past decides, 0 to 1, shape (n,)."""

    @property
    def has_groups(self) -> bool:
        """Whether look-alikes differ from the population."""

    @property
    def tried(self) -> NDArray[np.bool_]:
        """Which hours of the day were sent at often enough to know anything of them, shape (24,)."""

    def margins(self, rows: Rows, slots: Rows) -> Matrix:
        """Log-odds of contacts in slots, shape (len(rows), len(slots))."""

    def explained(self, rows: Rows, slots: Rows, most: int) -> Explained:
        """Explain one slot a contact."""


@dataclass(frozen=True)
class ByAnswers:
    """Sends are known: the calibrated chance of an answer."""

    timing: Timing
    known: Known
    tally: Tally
    is_chance: bool = True

    @property
    def population(self) -> Vector:
        """Log-odds of an answer of the average contact."""
        return self.timing.population_margins()

    @property
    def confidence(self) -> Vector:
        """Own engagements against the pseudo-engagements of the pooling."""
        own = self.known.levels.engaged
        return own / (own + self.timing.response.pulling.hours)

    @property
    def has_groups(self) -> bool:
        """Whether look-alikes were told apart."""
        return len(self.timing.response.group_share) > 1

    @property
    def tried(self) -> NDArray[np.bool_]:
        """Hours with some sends to many contacts, by weight of age."""
        often: NDArray[np.bool_] = by_hour(self.timing.response.sent) >= ENOUGH_SENDS
        return often

    def margins(self, rows: Rows, slots: Rows) -> Matrix:
        """Log-odds of an answer."""
        frame, slot = np.repeat(rows, len(slots)), np.tile(slots, len(rows))
        return self.timing.margins(self._laid_out(frame, slot)).reshape(len(rows), len(slots))

    def explained(self, rows: Rows, slots: Rows, most: int) -> Explained:
        """Against the average contact in the same slot."""
        values = self._laid_out(rows, slots)
        if not most:
            base = self.population[slots]
            return Explained(self.timing.margins(values), base, [[] for _ in rows])
        shares, base = self.timing.against_population(values, slots)
        listed = reasons(by_thing(shares), self.tally, rows=rows, slots=slots, most=most)
        return Explained(self.timing.margins(values), base, listed)

    def _laid_out(self, frame: Rows, slot: Rows) -> Matrix:
        return matrix_of(self.timing.response, self.known, frame, slot)


@dataclass(frozen=True)
class ByActivity:
    """Only activity is known: the share of the week's activity that falls into a slot."""

    stages: Stages
    strength: float
    has_groups: bool
    tally: Tally
    is_chance: bool = False

    @property
    def tried(self) -> NDArray[np.bool_]:
        """Nobody sent anything: every hour was open to activity."""
        return np.ones(HOURS, dtype=bool)

    @property
    def population(self) -> Vector:
        """Log-odds of the population's shares."""
        return log_odds(self.stages.population)

    @property
    def confidence(self) -> Vector:
        """Own acts against the acts' worth of the pooling."""
        return self.stages.evidence / (self.stages.evidence + self.strength)

    def margins(self, rows: Rows, slots: Rows) -> Matrix:
        """Log-odds of the shares."""
        return log_odds(self.stages.days[np.ix_(rows, slots)])

    def explained(self, rows: Rows, slots: Rows, most: int) -> Explained:
        """By what each stage changed."""
        base = self.population[slots]
        alike, hours, days = (
            log_odds(stage[rows, slots]) for stage in (self.stages.lookalike, self.stages.hours, self.stages.days)
        )
        things = {LOOKALIKE: alike - base, HOUR: hours - alike, WEEKDAY: days - hours}
        listed = reasons(things, self.tally, rows=rows, slots=slots, most=most) if most else [[] for _ in rows]
        return Explained(days, base, listed)


def week_of(judge: Judge, rows: Rows) -> Matrix:
    """Log-odds of contacts in every slot, shape (len(rows), 168)."""
    return judge.margins(rows, np.arange(SLOTS))

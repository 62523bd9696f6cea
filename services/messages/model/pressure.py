"""Whether to send at all: what one more mail risks and takes from the next ones, against what it earns. Pure.

A mail that finds `s` others in the 28 days before it drives the contact away with the chance h(s), and earns r(s). At
the contact's pace, the `s` mails of the next 28 days each find one mail more because of it: so it adds
`h(s) + s (h(s) - h(s - 1))` to the chance that the contact leaves within 28 days, and brings
`r(s) - s (r(s - 1) - r(s))`. This is what the value of n mails in 28 days, n (r(n - 1) - cost h(n - 1)), gains by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.messages.model.sends import PACE_DAYS, WINDOW_DAYS, SendColumns, Vector

Matrix = NDArray[np.float64]
DRAWS = 100
"""Of the weights: how sure anything is."""
ROWS = 64
"""Contacts at a time: what is drawn for them stays in the processor's cache."""
SURE = 0.8
"""Share of the draws that must agree before a contact is called under or over."""
NARROW = 0.5
"""Share of what a message earns within which 80 % of the draws of its value must lie, to call the pressure right."""
SEND_FLOOR = 0.02
"""Chance of a message though nothing is worth more, and of nothing though a message is: what keeps both measured."""
PRIOR_SENDS = 10.0
"""Imagined mails, answered at the account's rate, that each contact's own rates begin with."""
PRIOR_DAYS = 28.0
"""Imagined days at the account's pace that each contact's own pace begins with."""
LONGEST_DAYS = 90.0
"""So long ago is the last mail of a contact that never got one, or none for longer."""
KNOTS = (0.0, 2.0, 5.0)
"""Mails before, at which the line of what one more does may bend."""
COLUMNS = (
    "sends_28d_to_2",
    "sends_28d_to_5",
    "sends_28d_beyond",
    "sends_7d",
    "sends_28d_engaged",
    "sends_28d_others",
    "days_since_send",
    "click_share",
    "open_share",
    "days_known",
    "pace",
)
TIRED, RISING = 4, 6
"""The first so many columns: more mails never make answers more likely, or leaving less likely. Two columns let mails
drive some away sooner than others, and neither weight is negative: the sum rises with the mails of any contact."""


class Pressure(StrEnum):
    """How the number of mails of late stands to the best one for this contact."""

    under = "under"
    """One more mail pays: four in five draws say so."""
    right = "right"
    """Neither, and the draws lie close together."""
    over = "over"
    """The last mail cost more than it brought: four in five draws say so."""
    unknown = "unknown"
    """Too few contacts left to say, or the draws lie far apart."""


@dataclass(frozen=True, slots=True)
class Scales:
    """What columns are measured by: the account's own rates, and centre and spread of each column."""

    clicks: float
    """Clicks a mail."""
    opens: float
    pace: float
    """Mails in 28 days."""
    center: Vector
    """Shape (len(COLUMNS),)."""
    spread: Vector

    def design(self, columns: SendColumns) -> Matrix:
        """Return a column of ones, then COLUMNS in units of their spread, shape (n, 1 + len(COLUMNS))."""
        found = np.ones((len(columns), 1 + len(COLUMNS)))
        found[:, 1:] = (raw_columns(columns, self.clicks, self.opens, self.pace) - self.center) / self.spread
        return found


def raw_columns(columns: SendColumns, clicks: float, opens: float, pace: float) -> Matrix:
    """Return COLUMNS before they are scaled, shape (n, len(COLUMNS)); the rates are the account's."""
    known = np.log1p(np.minimum(np.nan_to_num(columns.days_since_send, nan=LONGEST_DAYS), LONGEST_DAYS))
    own_pace = (columns.sends_before + pace * PRIOR_DAYS / WINDOW_DAYS) / (
        (columns.days_before + PRIOR_DAYS) / WINDOW_DAYS
    )
    clicked, opened = _share(columns.clicks, columns.sends, clicks), _share(columns.opens, columns.sends, opens)
    answers = (clicked - np.log(max(clicks, 1e-4)) + opened - np.log(max(opens, 1e-4))) / 2
    engaged = np.clip(answers, -1.0, 1.0)
    return np.column_stack(
        [
            *(np.clip(columns.sends_28d - low, 0.0, high - low) for low, high in pairwise((*KNOTS, np.inf))),
            np.log1p(columns.sends_7d),
            np.log1p(columns.sends_28d) * (1 + engaged) / 2,
            np.log1p(columns.sends_28d) * (1 - engaged) / 2,
            known,
            clicked,
            opened,
            np.log1p(np.minimum(columns.days_known, 4.0 * PACE_DAYS)),
            np.log1p(own_pace),
        ]
    )


def _share(answers: Vector, sends: Vector, rate: float) -> Vector:
    """Return the logarithm of the contact's rate of answers, drawn towards the account's."""
    drawn: Vector = np.log((answers + PRIOR_SENDS * max(rate, 1e-4)) / (sends + PRIOR_SENDS))
    return drawn


class Line(NamedTuple):
    """Weights of the columns of a design, and draws of them."""

    weight: Vector
    """Shape (p,)."""
    draws: Matrix
    """Shape (DRAWS, p)."""

    def is_of(self, columns: int) -> bool:
        """Whether it weighs so many columns, by finite numbers."""
        shapes = (self.weight.shape, self.draws.shape)
        finite = bool(np.isfinite(self.weight).all() and np.isfinite(self.draws).all())
        return shapes == ((columns,), (DRAWS, columns)) and finite

    def sums(self, design: Matrix) -> Matrix:
        """Return the weighted sums, shape (n, 1 + DRAWS): of the weights themselves first."""
        found: Matrix = design @ np.vstack([self.weight, self.draws]).T
        return found


@dataclass(frozen=True, slots=True)
class Rates:
    """The plain rule: the account's rate of leaving by the number of mails in the 28 days before; between, a line."""

    knots: Vector
    """Numbers of mails, ascending, shape (p,)."""

    def design(self, columns: SendColumns) -> Matrix:
        """Return how near each contact's number of mails is to each knot; rows sum to 1, shape (n, p)."""
        place = np.interp(columns.sends_28d, self.knots, np.arange(len(self.knots)))
        return np.maximum(1.0 - np.abs(place[:, None] - np.arange(len(self.knots))), 0.0)


class Marginal(NamedTuple):
    """What one more mail does to each contact; shapes (n, 1 + DRAWS), the best estimate first."""

    chance: Matrix
    """By how much the contact becomes more likely to leave within 28 days."""
    kept: Matrix
    """Share of what a message earns that is left when what it takes from the next ones is subtracted, 0 to 1."""


class Weighed(NamedTuple):
    """Whether to send, shape (n,) each."""

    pays: NDArray[np.bool_]
    """Whether the best message is worth more than nothing."""
    value: Vector
    """What the best message is worth, in units of the reward; nothing is worth 0."""
    unsubscribe_chance: Vector
    """What one more mail adds to the chance of leaving within 28 days; NaN where unknown."""
    low: Vector
    """Of the chance, with 95 % confidence."""
    high: Vector
    pressure: NDArray[np.str_]
    """Values of `Pressure`."""


@dataclass(frozen=True, slots=True)
class PressureModel:
    """What mails cost in contacts that leave, and in answers to the next mails."""

    kind: str
    """`logistic`; `rate` where it does not beat the plain rule; `unknown` where too few left."""
    scales: Scales
    leaving: Line | None
    """Log-odds that a mail drives the contact away; None: unknown."""
    rates: Rates | None
    """Columns of `leaving`, where it is the plain rule."""
    tiring: Line | None
    """Logarithm of what a mail earns, by the same columns as the logistic; None: nothing is known to tire."""
    most: float
    """Mails before, above which nothing is known: so many were hardly ever sent, so that more are never advised."""
    cost: float | None
    """What a contact that leaves would still have earned in 180 days, in units of the reward; None: unknown."""

    @property
    def is_known(self) -> bool:
        """Whether it can decide between a message and nothing."""
        return self.leaving is not None

    def losing(self, columns: SendColumns) -> Matrix:
        """Return the chance that a mail now drives each contact away, shape (n, 1 + DRAWS)."""
        if self.leaving is None:
            return np.full((len(columns), 1 + DRAWS), np.nan)
        design = self.scales.design(columns) if self.rates is None else self.rates.design(columns)
        chance: Matrix = 0.5 * (1.0 + np.tanh(0.5 * self.leaving.sums(design)))
        return chance

    def marginal(self, columns: SendColumns) -> Marginal:
        """Return what one more mail does to each contact."""
        fewer, before = columns.with_fewer(1.0), columns.sends_28d[:, None]
        now = self.losing(columns)
        # Each later mail finds as many as this one does, or one fewer; rounding must not make that less than nothing.
        chance = np.clip(now + before * np.maximum(now - self.losing(fewer), 0.0), 0.0, 1.0)
        # A mail takes at most what it earns: where the next ones would lose more, nothing is worth more anyhow.
        return Marginal(chance, np.clip(1.0 - before * self._tired(columns, fewer), 0.0, 1.0))

    def _tired(self, columns: SendColumns, fewer: SendColumns) -> Matrix:
        """Return by which share a mail that finds one fewer earns more, at least 0, shape (n, 1 + DRAWS)."""
        if self.tiring is None:
            return np.zeros((len(columns), 1))
        apart = self.scales.design(fewer) - self.scales.design(columns)
        apart[:, TIRED + 1 :] = 0.0
        share: Matrix = np.expm1(np.maximum(self.tiring.sums(apart), 0.0))
        return share

    def weighed(self, columns: SendColumns, reward: Vector, cost: float) -> Weighed:
        """Weigh the best message of each contact against nothing.

        Args:
            columns: what was sent to each contact.
            reward: what the best message is expected to earn, shape (n,).
            cost: of a contact that leaves, in units of the reward.
        """
        starts = range(0, max(len(columns), 1), ROWS)
        rows = np.arange(len(columns))
        parts = [
            self._weighed(columns.take(part), reward[part], cost) for part in (rows[at : at + ROWS] for at in starts)
        ]
        return Weighed(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def _weighed(self, columns: SendColumns, reward: Vector, cost: float) -> Weighed:
        now = self.marginal(columns)
        if not self.is_known:
            unknown = np.full(len(columns), np.nan)
            pays = np.ones(len(columns), dtype=bool)
            return Weighed(pays, reward, unknown, unknown, unknown, np.full(len(columns), Pressure.unknown.value))
        value = reward[:, None] * now.kept - cost * now.chance
        low, high = np.quantile(now.chance[:, 1:], (0.025, 0.975), axis=1)
        return Weighed(
            pays=(value[:, 0] > 0) & (columns.sends_28d <= self.most),
            value=value[:, 0],
            unsubscribe_chance=now.chance[:, 0],
            low=np.minimum(low, now.chance[:, 0]),
            high=np.maximum(high, now.chance[:, 0]),
            pressure=_pressure(value, self._last(columns, reward, cost), reward, columns.sends_28d),
        )

    def _last(self, columns: SendColumns, reward: Vector, cost: float) -> Matrix:
        """Return what the last mail brought: the value of one more to whom it was not sent, shape (n, 1 + DRAWS)."""
        fewer = columns.with_fewer(1.0)
        before = self.marginal(fewer)
        then = reward[:, None] * (1.0 + self._tired(columns, fewer))
        value: Matrix = then * before.kept - cost * before.chance
        return value

    def to_json(self) -> dict[str, Any]:
        """Write as plain values."""
        scales = self.scales
        return {
            "kind": self.kind,
            "scales": {
                "clicks": scales.clicks,
                "opens": scales.opens,
                "pace": scales.pace,
                "center": scales.center.tolist(),
                "spread": scales.spread.tolist(),
            },
            "leaving": _line_to_json(self.leaving),
            "rates": None if self.rates is None else self.rates.knots.tolist(),
            "tiring": _line_to_json(self.tiring),
            "most": self.most,
            "cost": self.cost,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "PressureModel":
        """Read what `to_json` wrote.

        Raises:
            ValueError: its parts do not fit each other.
        """
        scales, knots = written["scales"], written["rates"]
        width = 1 + len(COLUMNS)
        read = cls(
            kind=written["kind"],
            scales=Scales(
                scales["clicks"],
                scales["opens"],
                scales["pace"],
                np.array(scales["center"]),
                np.array(scales["spread"]),
            ),
            leaving=_line_of(written["leaving"]),
            rates=None if knots is None else Rates(np.array(knots)),
            tiring=_line_of(written["tiring"]),
            most=written["most"],
            cost=written["cost"],
        )
        lines = [(read.leaving, width if knots is None else len(knots)), (read.tiring, width)]
        fits = all(line is None or line.is_of(columns) for line, columns in lines)
        if not fits or {len(read.scales.center), len(read.scales.spread)} != {len(COLUMNS)}:
            raise ValueError("the weights of what mails cost do not fit their columns")
        return read


def send_chances(pays: NDArray[np.bool_], *, floor: float = SEND_FLOOR) -> Vector:
    """Return the chance with which anything is sent, before which message it is; the floor keeps both choices alive.

    It follows what is expected, not draws of it: who asks every day about one contact asks 28 times in 28 days, and
    a draw that favours sending one day in five would send six mails where two are right.

    >>> send_chances(np.array([True, False])).tolist()
    [0.98, 0.02]
    """
    return np.where(pays, 1.0 - floor, floor)


def _pressure(more: Matrix, last: Matrix, reward: Vector, sends: Vector) -> NDArray[np.str_]:
    """Name the pressure of each contact by draws of what one more mail is worth, and of what the last one was."""
    draws = more[:, 1:]
    under = (draws > 0).mean(axis=1) >= SURE
    over = ((last[:, 1:] < 0).mean(axis=1) >= SURE) & (sends >= 1)
    low, high = np.quantile(draws, (0.1, 0.9), axis=1)
    narrow = high - low <= 2 * NARROW * np.abs(reward)
    names = [Pressure.over.value, Pressure.under.value, Pressure.right.value]
    return np.select([over, under, narrow], names, Pressure.unknown.value)


def _line_to_json(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else {"weight": line.weight.tolist(), "draws": line.draws.tolist()}


def _line_of(written: Mapping[str, Any] | None) -> Line | None:
    return None if written is None else Line(np.array(written["weight"]), np.array(written["draws"]))

"""The chance of an answer in each slot: columns of a frame, the calibrated hierarchy, and trees on top. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity, Stages
from services.sendtime.model.history import Acts, Sends, counted, faded, seen_before
from services.sendtime.model.local_week import DAY_OF, HOUR_OF, SLOTS, Matrix, Vector, by_hour, sums
from services.sendtime.model.response import Levels, Response, Sent, effect
from shared.contracts.rows import DAY
from shared.evaluation.calibration import Calibrator
from shared.learners.simple import Columns, chance
from shared.learners.trees import Trees
from shared.ties import largest
from shared.timeline import NEVER

PAIR_STRENGTH = 1.0
"""Pseudo-engagements that draw a contact's own answer to one campaign to what it answers otherwise."""
PARTS = ("population", "campaign", "level", "lookalike", "own_hours", "own_days", "pair")
"""The hierarchy: these sum to its margin."""
MORE = (
    "sends",
    "sends_1d",
    "sends_7d",
    "sends_30d",
    "engaged_1d",
    "engaged_7d",
    "engaged_30d",
    "days_since_send",
    "days_since_engagement",
    "days_since_pair",
    "active_then",
    "acts_7d",
    "days_since_act",
    "hour",
    "weekday",
)
NAMES = (*PARTS, *MORE)
TIMING = ("population", "lookalike", "own_hours", "own_days", "active_then", "hour", "weekday")
"""Columns that know the slot; without them the model knows who is written to, not when."""
COLUMNS = Columns(NAMES)
_PLACE = {name: place for place, name in enumerate(NAMES)}
_RECENT = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of n frames before any slot is looked at."""

    levels: Levels
    campaign: Vector
    """(n,) effect of the requested campaign."""
    pair: Vector
    """(n,) effect of this contact and that campaign together."""
    lively: Matrix
    """(n, 12) the columns from `sends` to `days_since_act`, except `active_then`."""
    activity: Matrix
    """(n, 168) log of the contact's share of activity over the population's."""


_LIVELY = tuple(name for name in MORE if name not in ("active_then", "hour", "weekday"))


def known(
    response: Response,
    activity: Activity,
    sends: Sends,
    acts: Acts,
    *,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    campaign: NDArray[np.int64],
    code_of: NDArray[np.int64],
) -> Known:
    """Gather what lies before each frame's cutoff.

    Args:
        response: of the population.
        activity: of the population.
        sends: of all contacts.
        acts: of all contacts.
        contact: of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
        campaign: requested, an index into the response's campaigns, -1 for none or a new one, shape (n,).
        code_of: index into the response's campaigns of each campaign of the pasts, -1 last, shape (c + 1,).
    """
    n = len(contact)
    sent = sent_before(response, sends, contact, cutoff, code_of)
    levels = response.levels(sent, n)
    effects = np.append(response.campaign_effect, 0.0)
    margin = response.population[sent.slot] + effects[sent.campaign] + levels.contact[sent.who]
    mine = (campaign[sent.who] >= 0) & (sent.campaign == campaign[sent.who])
    observed, expected, count = (
        sums(sent.who, sent.weight * mine * part, n) for part in (sent.engaged, chance(margin), 1.0)
    )
    pair = effect(observed, expected, count, rate=response.rate, strength=PAIR_STRENGTH)
    lively = np.column_stack([*_of_sends(sends, contact, cutoff, campaign, code_of), *_of_acts(acts, contact, cutoff)])
    stages = activity_stages(activity, acts, contact, cutoff)
    active_then = np.log(stages.days) - np.log(stages.population)
    return Known(levels, effects[campaign], pair, lively, np.where(stages.evidence[:, None] > 0, active_then, 0.0))


def sent_before(
    response: Response, sends: Sends, contact: NDArray[np.int32], cutoff: NDArray[np.int64], code_of: NDArray[np.int64]
) -> Sent:
    """List each frame's past sends whose day is over, weighted by age."""
    seen = seen_before(sends, contact, cutoff, closed=DAY)
    return Sent(
        seen.frame,
        sends.slot[seen.row],
        code_of[sends.campaign[seen.row]],
        sends.engaged[seen.row],
        faded(cutoff[seen.frame] - sends.at[seen.row], response.pulling.half_life_days),
    )


def activity_stages(activity: Activity, acts: Acts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Stages:
    """Return each frame's shares of the week from what it did before its cutoff."""
    seen = seen_before(acts, contact, cutoff)
    weight = acts.weight[seen.row] * faded(cutoff[seen.frame] - acts.at[seen.row], activity.pooling.half_life_days)
    return activity.stages(counted(seen.frame, acts.slot[seen.row], weight, len(contact)))


def matrix_of(response: Response, found: Known, frame: NDArray[np.int64], slot: NDArray[np.int64]) -> Matrix:
    """Lay out one row a (frame, slot) pair, shape (m, p)."""
    levels = found.levels
    hour, day = HOUR_OF[slot], DAY_OF[slot]
    values = np.empty((len(frame), len(NAMES)))
    parts = (
        response.population[slot],
        found.campaign[frame],
        levels.contact[frame],
        levels.lookalike_hours[frame, hour] + levels.lookalike_days[frame, day],
        levels.hours[frame, hour],
        levels.days[frame, day],
        found.pair[frame],
    )
    for place, part in enumerate(parts):
        values[:, place] = part
    for place, name in enumerate(_LIVELY):
        values[:, _PLACE[name]] = found.lively[frame, place]
    values[:, _PLACE["active_then"]] = found.activity[frame, slot]
    values[:, _PLACE["hour"]], values[:, _PLACE["weekday"]] = hour, day
    return values


def of_population(response: Response, slot: NDArray[np.int64]) -> Matrix:
    """Lay out the average contact, of whom nothing is known, in each slot, shape (m, p)."""
    values = np.zeros((len(slot), len(NAMES)))
    values[:, _PLACE["population"]] = response.population[slot]
    for name in _LIVELY:
        values[:, _PLACE[name]] = np.nan
    values[:, _PLACE["hour"]], values[:, _PLACE["weekday"]] = HOUR_OF[slot], DAY_OF[slot]
    return values


def _of_sends(
    sends: Sends,
    contact: NDArray[np.int32],
    cutoff: NDArray[np.int64],
    campaign: NDArray[np.int64],
    code_of: NDArray[np.int64],
) -> list[Vector]:
    n = len(contact)
    seen = seen_before(sends, contact, cutoff)
    age = cutoff[seen.frame] - sends.at[seen.row]
    answered_at = sends.answered_at[seen.row]
    answered = answered_at < cutoff[seen.frame]
    mine = answered & (campaign[seen.frame] >= 0) & (code_of[sends.campaign[seen.row]] == campaign[seen.frame])
    since_answer = cutoff[seen.frame] - answered_at
    count = sums(seen.frame, 1.0, n)
    # Nothing known is not the same as nothing answered: it must look like the average contact.
    silent = np.where(count > 0, 0.0, np.nan)
    return [
        np.log1p(count) + silent,
        *(sums(seen.frame[age <= days * DAY], 1.0, n) + silent for days in _RECENT),
        *(sums(seen.frame[answered & (since_answer <= days * DAY)], 1.0, n) + silent for days in _RECENT),
        _days_since(seen.frame, sends.at[seen.row], cutoff, n),
        _days_since(seen.frame[answered], answered_at[answered], cutoff, n),
        _days_since(seen.frame[mine], answered_at[mine], cutoff, n),
    ]


def _of_acts(acts: Acts, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> list[Vector]:
    n = len(contact)
    seen = seen_before(acts, contact, cutoff)
    recent = cutoff[seen.frame] - acts.at[seen.row] <= 7 * DAY
    return [
        np.where(sums(seen.frame, 1.0, n) > 0, sums(seen.frame, acts.weight[seen.row] * recent, n), np.nan),
        _days_since(seen.frame, acts.at[seen.row], cutoff, n),
    ]


def _days_since(frame: NDArray[np.int64], at: NDArray[np.int64], cutoff: NDArray[np.int64], n: int) -> Vector:
    """Count the days from each frame's latest instant to its cutoff, NaN where there is none."""
    latest = np.full(n, -NEVER)
    np.maximum.at(latest, frame, at)
    days: Vector = np.where(latest > -NEVER, (cutoff - latest) / DAY, np.nan)
    return days


HIERARCHY = "hierarchy"
ENOUGH_ELSEWHERE = 50
SHARE_ELSEWHERE = 0.005
"""Sends at other hours than the usual one, and their share, below which hours cannot be compared."""


@dataclass(frozen=True)
class Timing:
    """How contacts answer in each slot, for one kind of engagement."""

    engagement: str
    response: Response
    calibrator: Calibrator
    trees: Trees | None
    """Corrections on top of the calibrated hierarchy; None where they know nothing more."""
    varied: bool
    """Whether sends were spread enough over the hours to compare any."""

    @property
    def kind(self) -> str:
        """What kind of model answers."""
        return HIERARCHY if self.trees is None else Trees.kind

    @property
    def usual_hour(self) -> int:
        """The local hour that most sends went out at."""
        return int(largest(by_hour(self.response.sent)))

    def margins(self, values: Matrix) -> Vector:
        """Return the log-odds of an answer of rows laid out by `matrix_of`, shape (m,)."""
        margins = self.calibrator.margins(values[:, : len(PARTS)].sum(axis=1))
        return margins if self.trees is None else margins + self.trees.margins(values)

    def against_population(self, values: Matrix, slot: NDArray[np.int64]) -> tuple[Matrix, Vector]:
        """Share the log-odds of rows against the population's in the same slot among the columns.

        Returns:
            Contributions, shape (m, p), and the population's margins, shape (m,); a row's contributions and its
            population's margin sum exactly to its own margin.
        """
        average = of_population(self.response, slot)
        shares = self._shares(values) - self._shares(average)
        return shares, self.margins(average)

    def population_margins(self) -> Vector:
        """Return the log-odds of the average contact in every slot, shape (168,)."""
        return self.margins(of_population(self.response, np.arange(SLOTS)))

    def group_margins(self) -> Matrix:
        """Return the same of a contact of each group of look-alikes of whom nothing else is known, shape (k, 168)."""
        response, slots = self.response, np.arange(SLOTS)
        effects = response.group_hours[:, HOUR_OF] + response.group_days[:, DAY_OF]
        margins = []
        for group in effects:
            values = of_population(response, slots)
            values[:, _PLACE["lookalike"]] = group
            margins.append(self.margins(values))
        return np.array(margins)

    def _shares(self, values: Matrix) -> Matrix:
        shares = np.zeros_like(values) if self.trees is None else self.trees.contributions(values)[:, :-1]
        shares[:, : len(PARTS)] += self.calibrator.slope * values[:, : len(PARTS)]
        return shares


def is_varied(sent: Vector) -> bool:
    """Whether sends were spread enough over the hours to compare any.

    Args:
        sent: how many in each hour of the day, shape (24,).

    >>> is_varied(np.array([0.0, 950.0, 50.0])), is_varied(np.array([0.0, 1000.0, 0.0]))
    (True, False)
    """
    elsewhere = float(sent.sum() - sent.max())
    return elsewhere >= max(ENOUGH_ELSEWHERE, SHARE_ELSEWHERE * float(sent.sum()))

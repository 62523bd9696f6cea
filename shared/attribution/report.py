"""The figures of attribution: every method side by side, each credit with an interval, and what none of it says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.attribution.draws import Draws, drawn
from shared.attribution.journeys import Journeys
from shared.attribution.markov import Chain
from shared.attribution.rules import RULES, Ruled
from shared.attribution.shapley import ShapleyGame
from shared.contracts.attribution import METHODS, AttributionFigures, ChannelCredits, Credit
from shared.errors import TooLittleToAttribute
from shared.learners.simple import Vector

BOOTSTRAPS: Final = 200
LEVEL: Final = 0.95
EDGES: Final = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
LEAST_CONVERSIONS: Final = 40
"""Conversions after a touch below which no method says anything."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What the values of conversions are."""

    known: bool
    """Whether they can be added up."""
    currency: str | None = None
    note: str | None = None
    """Why they cannot be, or what is missing."""


@dataclass(frozen=True, slots=True)
class _Found:
    credits: Mapping[str, NDArray[np.float64]]
    """By method: (n_channels, n_draws)."""
    values: Mapping[str, Vector]
    """By rule: (n_channels,)."""
    without: Vector
    """(n_draws,)"""
    sampling_error: float
    removal: Vector


def attribution_figures(
    journeys: Journeys,
    *,
    worth: Worth | None = None,
    bootstraps: int = BOOTSTRAPS,
    progress: Callable[[float], None] = lambda _: None,
) -> AttributionFigures:
    """Share the conversions of journeys out among their channels by every method.

    Args:
        journeys: of a period, or paths with counts.
        worth: what the values are; None: amounts of one currency that is not named.
        bootstraps: how often units are drawn anew for the intervals.
        progress: hears which share is done.

    Raises:
        TooLittleToAttribute: fewer than 40 conversions came after a touch.
    """
    touched = journeys.touched
    after_touch = float(journeys.conversions[touched].sum())
    if after_touch < LEAST_CONVERSIONS:
        raise _too_little(journeys, after_touch)
    worth = worth or Worth(known=bool(journeys.value.any()))
    found = _found(drawn(journeys, bootstraps), progress)
    each = float(journeys.value[touched].sum()) / after_touch
    credits_of = [_credits(found, channel, each if worth.known else None) for channel in range(len(journeys.channels))]
    order = sorted(range(len(credits_of)), key=lambda one: (-credits_of[one]["shapley"].conversions, one))
    facts, untouched = _facts(journeys, found.removal), bool((~touched).any()) or journeys.idle > 0
    return AttributionFigures(
        journeys=round(float((journeys.conversions + journeys.nulls)[touched].sum())),
        conversions=round(float(journeys.conversions.sum())),
        value=round(float(journeys.value.sum()), 2) if worth.known else None,
        currency=worth.currency,
        untouched_conversions=round(float(journeys.conversions[~touched].sum())),
        expected_without=_credit(found.without, None) if untouched else None,
        sampling_error=round(found.sampling_error, 3),
        channels=[
            ChannelCredits(channel=journeys.channels[one], credits=credits_of[one], **facts[one]) for one in order
        ],
        methods=dict(METHODS),
        notes=_notes(journeys, found, worth, untouched=untouched),
    )


def _too_little(journeys: Journeys, after_touch: float) -> TooLittleToAttribute:
    conversions = round(float(journeys.conversions.sum()))
    after = round(after_touch)
    return TooLittleToAttribute(
        f"{after:,} of {conversions:,} conversions came after a touch in this period; {LEAST_CONVERSIONS} are needed. "
        "Choose a longer period or a longer lookback, or record events that say by which channel contacts came.",
        conversions=conversions,
        conversions_after_a_touch=after,
        needed=LEAST_CONVERSIONS,
        touches=len(journeys.channel),
    )


def _found(draws: Draws, progress: Callable[[float], None]) -> _Found:
    """Share out what was observed, and every draw of it."""
    chain, game, size = Chain(draws), ShapleyGame(draws), len(draws.journeys.channels)
    rules = {name: Ruled(draws, name) for name in RULES}
    shapley, markov, without = np.zeros((size, len(draws))), np.zeros((size, len(draws))), np.zeros(len(draws))
    error = 0.0
    for draw in range(len(draws)):
        one = game.credits(draw)
        shapley[:, draw], without[draw], error = one.credits, one.without, max(error, one.sampling_error)
        markov[:, draw] = chain.credits(draw)
        progress((draw + 1) / len(draws))
    credits = {"shapley": shapley, "markov": markov} | {name: rule.credits() for name, rule in rules.items()}
    values = {name: rule.values() for name, rule in rules.items()}
    return _Found(credits, values, without, error, chain.removal_effects())


def _credits(found: _Found, channel: int, each_value: float | None) -> dict[str, Credit]:
    made = {}
    for name in METHODS:
        drawn_credits = found.credits[name][channel]
        value = None
        if each_value is not None:
            by_rule = found.values.get(name)
            value = float(drawn_credits[0] * each_value if by_rule is None else by_rule[channel])
        made[name] = _credit(drawn_credits, value)
    return made


def _credit(drawn_credits: Vector, value: float | None) -> Credit:
    """Return what was observed, with the interval of the draws of it."""
    low, high = np.quantile(drawn_credits[1:], EDGES) if len(drawn_credits) > 1 else (drawn_credits[0],) * 2
    at = float(drawn_credits[0])
    return Credit(
        conversions=round(at, 3),
        low=round(min(float(low), at), 3),
        high=round(max(float(high), at), 3),
        value=None if value is None else round(value, 2),
    )


def _facts(journeys: Journeys, removal: Vector) -> list[dict[str, Any]]:
    size, owner = len(journeys.channels), journeys.owner
    gone = journeys.conversions + journeys.nulls
    pairs = np.unique(owner * size + journeys.channel)
    met, mine = pairs // size, pairs % size
    touches = np.bincount(journeys.channel, weights=gone[owner], minlength=size)
    passed = np.bincount(mine, weights=gone[met], minlength=size)
    converted = np.bincount(mine, weights=journeys.conversions[met], minlength=size)
    return [
        {
            "touches": round(float(touches[one])),
            "journeys": round(float(passed[one])),
            "converted": round(float(converted[one])),
            "removal_effect": round(float(removal[one]), 6),
        }
        for one in range(size)
    ]


def _notes(journeys: Journeys, found: _Found, worth: Worth, *, untouched: bool) -> list[str]:
    notes = [
        "None of these methods proves that a channel caused a conversion: people who were about to buy also click "
        "more. A holdout does; where one was run for the same outcome, trust its interval."
    ]
    if not untouched:
        notes.append(
            "Every journey here met a channel, so that nothing says what comes without any: all conversions are shared "
            "out among the channels."
        )
    if not journeys.nulls.sum() and not journeys.idle:
        notes.append("No journey here ended in none: Markov and Shapley cannot see what does not lead to a conversion.")
    if np.isnan(journeys.age_days).any():
        notes.append("The paths have no times: time decay takes each touch to be a week before the next.")
    if found.sampling_error:
        notes.append(
            "There are too many combinations of channels to count every order in which they can come: some orders were "
            f"drawn. The largest standard error of that is {found.sampling_error:.1f} conversions, beside the interval."
        )
    if lower := _below_none(journeys, found):
        notes.append(
            f"Below 0: {', '.join(lower)}. Fewer convert who met it than others like them who did not. That proves no "
            "harm: perhaps it reaches those who would not buy, or contacts without any event are not stored."
        )
    if worth.note:
        notes.append(worth.note)
    return notes


def _below_none(journeys: Journeys, found: _Found) -> list[str]:
    """Name the channels whose whole Shapley interval lies below 0."""
    each = zip(journeys.channels, found.credits["shapley"], strict=True)
    return [name for name, drawn_credits in each if _credit(drawn_credits, None).high < 0]

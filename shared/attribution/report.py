"""The attribution report: every method side by side, each credit with an interval, in words that say what it is not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from shared.attribution.journeys import Journeys
from shared.attribution.markov import Chain
from shared.attribution.rules import RULES, Ruled
from shared.attribution.shapley import ShapleyGame
from shared.contracts.prediction import Answer
from shared.learners.simple import Vector

BOOTSTRAPS: Final = 200
SEED: Final = 11
LEVEL: Final = 0.95
LEAST_CONVERSIONS: Final = 40
"""Conversions after a touch below which no method says anything."""
METHODS: Final[Mapping[str, str]] = {
    "shapley": "Shapley: what a channel adds to the rate of conversion, beside journeys that did not meet it.",
    "markov": "Markov: conversions whose journeys pass through the channel, by removing it from the chain.",
    "last_touch": "Last touch: all to the last channel before the conversion.",
    "first_touch": "First touch: all to the channel that came first.",
    "linear": "Linear: each touch of a journey gets the same.",
    "time_decay": "Time decay: a touch seven days earlier counts half.",
    "position": "Position: 40 of 100 to the first, 40 to the last, the rest between.",
}
"""By name, what each does, in one sentence; the first two look at journeys that did not convert, rules do not."""


class Credit(Answer):
    """What one channel gets by one method."""

    conversions: Annotated[float, Field(description="Its part of the conversions; below 0 where it lowers their rate.")]
    low: Annotated[float, Field(description="Lower end of the 95 % interval (bootstrap by contact).")]
    high: Annotated[float, Field(description="Upper end.")]
    value: Annotated[float, Field(description="Its part of the value of the conversions.")]


class ChannelCredits(Answer):
    """One channel, and what it gets by each method."""

    channel: Annotated[str, Field(description="As the events name it.")]
    touches: Annotated[int, Field(ge=0, description="How often journeys met it.")]
    journeys: Annotated[int, Field(ge=0, description="Journeys that met it.")]
    converted: Annotated[int, Field(ge=0, description="Of them, those that ended in a conversion.")]
    removal_effect: Annotated[
        float, Field(ge=0, le=1, description="Share of the conversions that the Markov chain loses without it.")
    ]
    credits: Annotated[dict[str, Credit], Field(description="By method.")]


class AttributionReport(Answer):
    """Which channel gets which part of the conversions, by seven methods."""

    journeys: Annotated[int, Field(ge=0, description="Journeys that were looked at.")]
    conversions: Annotated[int, Field(ge=0, description="Those that ended in a conversion.")]
    value: Annotated[float, Field(description="What the conversions brought.")]
    untouched_conversions: Annotated[
        int, Field(ge=0, description="Conversions before which no channel was met: no method gives them to one.")
    ]
    expected_without: Annotated[
        Credit | None,
        Field(description="Shapley: conversions that are expected without any touch; null where no such journey is."),
    ]
    sampling_error: Annotated[
        float, Field(ge=0, description="Largest standard error of a Shapley credit by sampling; 0: all orders counted.")
    ]
    channels: Annotated[list[ChannelCredits], Field(description="The most credit by Shapley first.")]
    methods: Annotated[dict[str, str], Field(description="What each method does.")]
    notes: Annotated[list[str], Field(description="What to keep in mind, in sentences.")]


class TooFewConversions(Exception):
    """There is too little to give credit for; its words say what is missing."""


@dataclass(frozen=True, slots=True)
class _Found:
    credits: Mapping[str, Vector]
    without: float
    sampling_error: float


def attribution_report(journeys: Journeys, *, bootstraps: int = BOOTSTRAPS) -> AttributionReport:
    """Share the conversions of journeys out among their channels by every method.

    Args:
        journeys: of a period, or paths with counts.
        bootstraps: how often units are drawn anew for the intervals.

    Raises:
        TooFewConversions: fewer than 40 conversions came after a touch.
    """
    touched = np.diff(journeys.offsets) > 0
    after_touch = float(journeys.conversions[touched].sum())
    if after_touch < LEAST_CONVERSIONS:
        raise TooFewConversions(
            f"{after_touch:.0f} conversions came after a touch in this period; {LEAST_CONVERSIONS} are needed. Choose "
            "a longer period or a longer lookback, or import events that say by which channel contacts came."
        )
    share_out = _methods(journeys)
    found = share_out(journeys.conversions, journeys.nulls)
    drawn = [share_out(*counts) for counts in _resamples(journeys, bootstraps)]
    intervals = {
        name: np.quantile([one.credits[name] for one in drawn], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        for name in METHODS
    }
    each_value = float(journeys.value[touched].sum()) / after_touch
    valued = {name: Ruled(journeys, name).credits(journeys.value) for name in RULES}
    credits_of = [
        {
            name: Credit(
                conversions=float(found.credits[name][channel]),
                low=float(intervals[name][0][channel]),
                high=float(intervals[name][1][channel]),
                value=float(valued[name][channel] if name in valued else found.credits[name][channel] * each_value),
            )
            for name in METHODS
        }
        for channel in range(len(journeys.channels))
    ]
    order = sorted(range(len(credits_of)), key=lambda one: (-credits_of[one]["shapley"].conversions, one))
    facts = _facts(journeys)
    untouched = bool((~touched).any())
    edges = np.quantile([one.without for one in drawn], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    expected = Credit(
        conversions=found.without, low=float(edges[0]), high=float(edges[1]), value=found.without * each_value
    )
    return AttributionReport(
        journeys=round(float((journeys.conversions + journeys.nulls).sum())),
        conversions=round(float(journeys.conversions.sum())),
        value=float(journeys.value.sum()),
        untouched_conversions=round(float(journeys.conversions[~touched].sum())),
        expected_without=expected if untouched else None,
        sampling_error=found.sampling_error,
        channels=[
            ChannelCredits(channel=journeys.channels[one], credits=credits_of[one], **facts[one]) for one in order
        ],
        methods=dict(METHODS),
        notes=_notes(journeys, found, untouched=untouched),
    )


def _methods(journeys: Journeys) -> Callable[[Vector, Vector], _Found]:
    """Prepare all methods; what is returned shares out counts of conversions and of journeys that ended in none."""
    chain, game = Chain(journeys), ShapleyGame(journeys)
    rules = {name: Ruled(journeys, name) for name in RULES}

    def share_out(conversions: Vector, nulls: Vector) -> _Found:
        shapley = game.credits(conversions, nulls)
        found = {"shapley": shapley.credits, "markov": chain.credits(conversions, nulls)}
        found |= {name: rule.credits(conversions) for name, rule in rules.items()}
        return _Found(found, shapley.without, shapley.sampling_error)

    return share_out


def _resamples(journeys: Journeys, number: int) -> Any:
    """Yield counts as other draws of the same people would give them (Poisson bootstrap, a weight for each contact).

    Source: Chamandy, Muralidharan, Najmi, Naidu, "Estimating uncertainty for massive data streams" (2012).
    """
    random = np.random.default_rng(SEED)
    for _ in range(number):
        if journeys.counted:
            yield random.poisson(journeys.conversions).astype(float), random.poisson(journeys.nulls).astype(float)
        else:
            weight = random.poisson(1.0, int(journeys.unit.max()) + 1)[journeys.unit]
            yield journeys.conversions * weight, journeys.nulls * weight


def _facts(journeys: Journeys) -> list[dict[str, Any]]:
    size, owner = len(journeys.channels), journeys.owner
    gone = journeys.conversions + journeys.nulls
    pairs = np.unique(owner * size + journeys.channel)
    met, mine = pairs // size, pairs % size
    touches = np.bincount(journeys.channel, weights=gone[owner], minlength=size)
    passed = np.bincount(mine, weights=gone[met], minlength=size)
    converted = np.bincount(mine, weights=journeys.conversions[met], minlength=size)
    removal = Chain(journeys).removal_effects(journeys.conversions, journeys.nulls)
    return [
        {
            "touches": round(float(touches[one])),
            "journeys": round(float(passed[one])),
            "converted": round(float(converted[one])),
            "removal_effect": float(removal[one]),
        }
        for one in range(size)
    ]


def _notes(journeys: Journeys, found: _Found, *, untouched: bool) -> list[str]:
    notes = [
        "None of these methods proves that a channel caused a conversion: people who were about to buy also click "
        "more. A holdout does; where one was run for the same outcome, trust its interval."
    ]
    if not untouched:
        notes.append(
            "Every journey here met a channel, so that nothing says what comes without any: all conversions are shared "
            "out among the channels."
        )
    if not journeys.nulls.sum():
        notes.append("No journey here ended in none: Markov and Shapley cannot see what does not lead to a conversion.")
    if np.isnan(journeys.age_days).any():
        notes.append("The paths have no times: time decay takes each touch to be a week before the next.")
    if found.sampling_error:
        notes.append(
            f"Journeys with more than 12 channels were shared out by {500} drawn orders; the largest standard error of "
            f"that is {found.sampling_error:.1f} conversions."
        )
    return notes

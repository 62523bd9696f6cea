"""The rows of a hazard: every period that a frame was followed through, as a problem that candidates compete on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.churn.model.periods import Periods, expanded, time_columns
from services.churn.training.material import ChurnMaterial
from shared.contracts.rows import DAY
from shared.features import FeatureSet
from shared.learners.simple import Columns, Matrix, Vector
from shared.timeline.pasts import NEVER
from shared.timeline.risk import Waits
from shared.training.material import LEAST_POSITIVE, SEED, Split, forward_chain, nothing_to_judge
from shared.training.problem import Problem

MOST_ROWS = 200_000
"""Rows of a run; more frames are sampled down to them (measured: twice as many moved no figure by its interval)."""
BLOCKS = 4
RECENCY = 4.0
"""Hazards learn more from more data than a label does: the best number of trees grew tenfold over four blocks."""
SEASON_DAYS = 365
"""The time of year is looked at only when each season has been seen once, horizon included."""


@dataclass(frozen=True, slots=True)
class HazardRows:
    """The frames of a run and the rows that they make."""

    waits: Waits
    """After sampling."""
    values: Matrix
    """Features of the frames, shape (n, p)."""
    periods: Periods
    seasonal: bool
    frame: NDArray[np.intp]
    """Frame of each row."""
    problem: Problem
    thinned_from: int
    """How many frames there were before sampling."""


def periods_known(periods: Periods, waits: Waits) -> Periods:
    """Keep the periods that at least 40 contacts were followed through."""
    wait, followed = in_days(waits)
    frame, period, _ = periods.observed(wait, followed)
    contacts = [len(np.unique(waits.contact[frame[period == number]])) for number in range(len(periods))]
    known = next((number for number, count in enumerate(contacts) if count < LEAST_POSITIVE), len(periods))
    return periods.first(known)


def in_days(waits: Waits) -> tuple[Vector, Vector]:
    """Return how long each frame waited, infinite where nothing came, and how long it was followed, in days."""
    wait = np.where(waits.wait == NEVER, np.inf, waits.wait / DAY)
    return wait, (waits.until - waits.cutoff) / DAY


def hazard_rows(material: ChurnMaterial, feature_set: FeatureSet, waits: Waits, values: Matrix) -> HazardRows:
    """Lay the rows out.

    Args:
        material: with the outcome.
        feature_set: of the columns.
        waits: frames.
        values: their features, shape (n, p).

    Raises:
        InsufficientData: no block of time has something to learn from of both kinds, or no frame since the first such
            block is closed, so that nothing is graded.
    """
    outcome, horizon = material.outcome, material.outcome.horizon_days * DAY
    periods = periods_known(Periods.of(outcome.horizon_days), waits)
    all_frames = len(waits)
    rows = len(periods.observed(*in_days(waits))[0])
    if rows > MOST_ROWS:
        kept = np.sort(np.random.default_rng(SEED).permutation(all_frames)[: int(all_frames * MOST_ROWS / rows)])
        waits, values = waits.take(kept), values[kept]
    frame, period, came = periods.observed(*in_days(waits))
    first = int(waits.cutoff.min())
    seasonal = waits.until - first >= SEASON_DAYS * DAY + horizon
    names = (*feature_set.names, *time_columns(seasonal=seasonal))
    known_at = waits.cutoff[frame] + (np.array(periods.ends)[period] * DAY).astype(np.int64)
    problem = Problem(
        matrix=expanded(values[frame], waits.cutoff[frame], period, periods, seasonal=seasonal),
        labels=came,
        owner=waits.contact[frame],
        columns=Columns(names, feature_set.categorical),
        splits=_splits(material, waits, frame, came, known_at, seasonal=seasonal, width=len(names)),
        cutoff=waits.cutoff[frame],
        horizon=horizon,
        known_at=known_at,
        strata=period,
        recency=RECENCY,
    )
    return HazardRows(waits, values, periods, seasonal, frame, problem, all_frames)


def _splits(
    material: ChurnMaterial,
    waits: Waits,
    frame: NDArray[np.intp],
    came: Vector,
    known_at: NDArray[np.int64],
    *,
    seasonal: bool,
    width: int,
) -> tuple[Split, ...]:
    """Chain blocks of time; one that began before each season was seen does not see the season."""
    horizon, first = material.outcome.horizon_days * DAY, int(waits.cutoff.min())
    cutoff = waits.cutoff[frame]
    usable = []
    for split in forward_chain(cutoff, horizon=horizon, blocks=BLOCKS, known_at=known_at):
        if not 0 < came[split.train].sum() < len(split.train):
            continue
        young = int(cutoff[split.test].min()) - first < SEASON_DAYS * DAY + horizon
        usable.append(Split(split.train, split.test, (width - 2, width - 1) if seasonal and young else ()))
    if not usable or not waits.closed(horizon)[waits.cutoff >= cutoff[usable[0].test].min()].any():
        raise nothing_to_judge(material.outcome, material.closed.frames, material.pasts)
    return tuple(usable)

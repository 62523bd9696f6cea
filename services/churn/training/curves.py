"""Curves of the judged frames: the competition on the graded horizon, the figures of the report, and the plot."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.churn.model.churn import cumulative_hazard
from services.churn.model.periods import Periods, expanded
from services.churn.training.hazard import HazardRows, in_days
from services.churn.training.material import ChurnMaterial
from shared.contracts.rows import DAY
from shared.evaluation import metrics
from shared.evaluation.metrics import Interval, losses, of_figures, of_mean
from shared.evaluation.survival import brier_losses, kaplan_meier, over_time
from shared.learners.simple import Columns, Matrix, Vector, chance, log_odds
from shared.ties import falling
from shared.training.competition import CandidateEntry, Competition, SplitJudge, choice, competition
from shared.training.material import Split
from shared.training.problem import Problem
from shared.training.report import as_percent, axes_of, png


@dataclass(frozen=True, slots=True)
class Curves:
    """Out-of-fold cumulative hazards of the judged frames, at the end of each period."""

    frames: NDArray[np.intp]
    """Which frames were judged, ascending."""
    winner: Matrix
    """Of the served candidate, shape (n_judged, n_periods)."""
    nested: Matrix
    """Of the candidate that would have served each block, shape (n_judged, n_periods): every figure comes from it."""
    served: CandidateEntry
    """The candidate that serves, on the rows of the hazard: the best at the graded horizon."""
    graded: Competition
    """All candidates on the closed frames at the graded horizon."""
    problem: Problem
    """The closed frames, labelled 1.0 where the contact left."""
    judged_closed: NDArray[np.intp]
    """Places in `frames` of the graded rows, in their order."""


def curves(material: ChurnMaterial, rows: HazardRows, entries: Sequence[CandidateEntry]) -> Curves:
    """Ask every candidate, as each block's past had taught it, for whole curves, and choose at the graded horizon.

    A candidate that fits the rows of the hazard best need not be the best at the question: the chance of leaving
    within the horizon. That chance is what is judged, so that is what chooses.

    Args:
        material: with the outcome and what is waited for.
        rows: frames and periods.
        entries: the candidates on the rows of the hazard.
    """
    horizon = material.outcome.horizon_days
    blocks = _blocks(rows)
    hazards = {entry.label: _hazards(rows, entry, blocks) for entry in entries}
    constant = _constant(rows, blocks)
    closed = np.flatnonzero(rows.waits.closed(horizon * DAY))
    place = np.full(len(rows.waits), -1)
    place[closed] = np.arange(len(closed))
    came = rows.waits.came_within(horizon * DAY)[closed]
    splits = [_split(rows, block, place, horizon) for block in blocks]
    closing = [number for number, split in enumerate(splits) if len(split.test)]
    problem = Problem(
        matrix=rows.values[closed],
        labels=came if material.wanted.contractual else 1.0 - came,
        owner=rows.waits.contact[closed],
        columns=Columns(rows.problem.columns.names[: rows.values.shape[1]], rows.problem.columns.categorical),
        splits=tuple(splits[number] for number in closing),
        cutoff=rows.waits.cutoff[closed],
        horizon=horizon * DAY,
    )

    def margin_of(hazard: Matrix) -> Vector:
        return log_odds(leaving(rows.periods, hazard[closed], horizon, contractual=material.wanted.contractual))

    at_horizon = [_graded(entry, problem, margin_of(hazards[entry.label])) for entry in entries]
    if problem.chosen_by_folds:  # too little time to choose on: folds of contacts chose among the rows of the hazard
        made = choice(rows.problem, entries)
        made = replace(made, by_split=tuple(made.by_split[number] for number in closing))
    else:
        made = choice(problem, at_horizon)
    graded = competition(problem, at_horizon, margin_of(constant), made)
    served = next(entry for entry in entries if entry.label == made.served)
    nested = hazards[served.label].copy()
    for number, label in zip(closing, made.by_split, strict=True):
        nested[blocks[number]] = hazards[label][blocks[number]]
    judged = np.sort(np.concatenate(blocks[closing[-len(problem.counted)] :]))
    at = np.full(len(rows.waits), -1)
    at[judged] = np.arange(len(judged))
    winner = hazards[served.label][judged]
    return Curves(judged, winner, nested[judged], served, graded, problem, at[closed[graded.judged]])


def leaving(periods: Periods, hazard: Matrix, days: float, *, contractual: bool) -> Vector:
    """Return the chance of leaving within a horizon from cumulative hazards, shape (n,)."""
    at = periods.cumulative(hazard, [days])[:, 0]
    left: Vector = -np.expm1(-at) if contractual else np.exp(-at)
    return left


def _blocks(rows: HazardRows) -> list[NDArray[np.intp]]:
    """List the frames of each block of time."""
    cutoff = rows.problem.cutoff
    assert cutoff is not None  # noqa: S101 - a hazard has times
    starts = [int(cutoff[split.test].min()) for split in rows.problem.splits]
    ends = [*starts[1:], int(np.iinfo(np.int64).max)]
    frames = rows.waits.cutoff
    return [np.flatnonzero((frames >= start) & (frames < end)) for start, end in zip(starts, ends, strict=True)]


def _hazards(rows: HazardRows, entry: CandidateEntry, blocks: list[NDArray[np.intp]]) -> Matrix:
    found = np.full((len(rows.waits), len(rows.periods)), np.nan)
    for judge, block in zip(entry.judges, blocks, strict=True):
        found[block] = _curve(rows, judge, block)
    return found


def _curve(rows: HazardRows, judge: SplitJudge, block: NDArray[np.intp]) -> Matrix:
    k = len(rows.periods)
    frame, period = np.repeat(block, k), np.tile(np.arange(k), len(block))
    matrix = expanded(rows.values[frame], rows.waits.cutoff[frame], period, rows.periods, seasonal=rows.seasonal)
    return cumulative_hazard(judge.margins(matrix, period).reshape(len(block), k))


def _constant(rows: HazardRows, blocks: list[NDArray[np.intp]]) -> Matrix:
    """Return what a plain Kaplan-Meier curve of the block's past says of everybody."""
    found = np.full((len(rows.waits), len(rows.periods)), np.nan)
    for split, block in zip(rows.problem.splits, blocks, strict=True):
        found[block] = cumulative_hazard(rows.problem.base(split.train)[None])
    return found


def _split(rows: HazardRows, block: NDArray[np.intp], place: NDArray[np.intp], horizon_days: int) -> Split:
    """Place a block among the closed frames: what was closed when it began, and what of it is closed by now."""
    start = int(rows.waits.cutoff[block].min())
    closed = np.flatnonzero(place >= 0)
    train = closed[rows.waits.cutoff[closed] + horizon_days * DAY <= start]
    return Split(place[train], place[block][place[block] >= 0])


def _graded(entry: CandidateEntry, problem: Problem, margin: Vector) -> CandidateEntry:
    """Enter a candidate by its chance of leaving within the graded horizon."""
    row_loss = losses(problem.labels, chance(margin))
    return CandidateEntry(entry.kind, entry.label, margin, margin, row_loss, entry.calibrates, (), entry.refit)


HORIZONS = (30, 60, 90)
GROUPS = 4


def horizon_figures(material: ChurnMaterial, rows: HazardRows, found: Curves) -> dict[str, Interval | float]:
    """Judge the curve at several horizons and as a whole.

    Returns:
        For each of 30, 60 and 90 days and the graded horizon, where frames are closed: Brier, calibration slope and
        intercept; and the Brier score over the whole curve, weighted for frames that were not followed to its end.
        Source: Graf and others (1999).
    """
    figures: dict[str, Interval | float] = {}
    contractual = material.wanted.contractual
    for days in sorted({*HORIZONS, material.outcome.horizon_days}):
        closed = rows.waits.closed(days * DAY)[found.frames]
        if days > rows.periods.last_day or closed.sum() < 2:
            continue
        frames = found.frames[closed]
        came = rows.waits.came_within(days * DAY)[frames]
        labels = came if contractual else 1.0 - came
        risk = leaving(rows.periods, found.nested[closed], days, contractual=contractual)
        figures |= _at(days, labels, risk, rows.waits.contact[frames])
    return figures | _whole(rows, found)


def _at(days: int, labels: Vector, risk: Vector, owner: NDArray[np.int32]) -> dict[str, Interval | float]:
    margin = log_odds(risk)
    line = metrics.calibration_line(labels, margin)
    start = line if np.isfinite(line).all() else (1.0, 0.0)

    def line_of(times: Vector) -> dict[str, float]:
        slope, intercept = metrics.calibration_line(labels, margin, times, start=start)
        return {f"calibration_slope_{days}d": slope, f"calibration_intercept_{days}d": intercept}

    return {f"brier_{days}d": of_mean((risk - labels) ** 2, owner), **of_figures(line_of, owner)}


def _whole(rows: HazardRows, found: Curves) -> dict[str, Interval | float]:
    wait, followed = (column[found.frames] for column in in_days(rows.waits))
    durations, events = np.minimum(wait, followed), (wait < followed).astype(np.float64)
    ends = np.array(rows.periods.ends)
    times = ends[ends < durations.max()]
    if len(times) < 2:
        return {}
    survival = np.exp(-found.nested[:, : len(times)])
    losses = over_time(brier_losses(durations, events, survival, times), times)
    return {"integrated_brier": of_mean(losses, rows.waits.contact[found.frames])}


def curve_groups(rows: HazardRows, found: Curves, periods: Periods) -> dict[str, Any]:
    """Compare predicted and seen curves of four equal groups of judged frames, by how soon the event is expected.

    Returns:
        Days, and for each group the mean predicted share without the event and Kaplan-Meier's of what was seen.
    """
    wait, followed = (column[found.frames] for column in in_days(rows.waits))
    durations, events = np.minimum(wait, followed), (wait < followed).astype(np.float64)
    order = falling(-found.nested[:, len(periods) // 2])
    groups = []
    for part in np.array_split(order, GROUPS):
        seen = kaplan_meier(durations[part], events[part], np.array(periods.ends))
        predicted = np.exp(-found.nested[part]).mean(axis=0)
        groups.append(
            {
                "predicted": [round(float(share), 6) for share in predicted],
                "seen": [None if np.isnan(share) else round(float(share), 6) for share in seen],
            }
        )
    return {"days": list(periods.ends), "groups": groups}


_COLOURS = ("#0b3d91", "#1f77b4", "#7fb3d5", "#a9a9a9")


def curve_plot(curve: dict[str, Any], *, contractual: bool) -> bytes:
    """Draw predicted curves as lines and Kaplan-Meier's of what was seen as dots, PNG.

    Args:
        curve: from `curve_groups`: days, and for each group predicted and seen shares.
        contractual: whether the event is that contacts leave.
    """
    figure, axes = axes_of(6.4, 4.4)
    days = [0.0, *curve["days"]]
    for number, (group, colour) in enumerate(zip(curve["groups"], _COLOURS, strict=False)):
        axes.plot(days, [1.0, *group["predicted"]], color=colour, label=_named(number, contractual=contractual))
        seen = [(day, share) for day, share in zip(curve["days"], group["seen"], strict=True) if share is not None]
        axes.plot([day for day, _ in seen], [share for _, share in seen], "o", color=colour, markersize=4)
    left = "share still subscribed" if contractual else "share without the next activity"
    axes.set(xlabel="days after the question", ylabel=left, ylim=(0, 1.02), xlim=(0, days[-1]))
    as_percent(axes.yaxis)
    axes.set_title("Curves: predicted (lines) and seen (dots), four equal groups", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=8)
    return png(figure)


def _named(number: int, *, contractual: bool) -> str:
    soonest = ("least at risk", "below the middle", "above the middle", "most at risk")
    return soonest[number] if contractual else soonest[::-1][number]

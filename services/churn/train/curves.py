"""The candidates' curves of the judged frames, and from them a competition on the graded horizon."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.churn.model.churn import cumulative_hazard
from services.churn.model.periods import Periods, expanded
from services.churn.train.hazard import HazardRows
from services.churn.train.material import ChurnMaterial
from shared.contracts.rows import DAY
from shared.evaluation.metrics import losses
from shared.learners.simple import Columns, Matrix, Vector, chance, log_odds
from shared.timeline.splits import Split
from shared.training.candidates import CandidateEntry, Problem, SplitJudge
from shared.training.competition import Competition, choice, competition


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


def curves(stuff: ChurnMaterial, rows: HazardRows, entries: Sequence[CandidateEntry]) -> Curves:
    """Ask every candidate, as each block's past had taught it, for whole curves, and choose at the graded horizon.

    A candidate that fits the rows of the hazard best need not be the best of what is asked: the chance of leaving
    within the horizon. That chance is what is judged, so that is what chooses.

    Args:
        stuff: tells the outcome and what is waited for.
        rows: frames and periods.
        entries: the candidates on the rows of the hazard.
    """
    horizon = stuff.outcome.horizon_days
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
        labels=came if stuff.wanted.contractual else 1.0 - came,
        owner=rows.waits.contact[closed],
        columns=Columns(rows.problem.columns.names[: rows.values.shape[1]], rows.problem.columns.categorical),
        splits=tuple(splits[number] for number in closing),
        cutoff=rows.waits.cutoff[closed],
        horizon=horizon * DAY,
    )

    def margin_of(hazard: Matrix) -> Vector:
        return log_odds(leaving(rows.periods, hazard[closed], horizon, contractual=stuff.wanted.contractual))

    asked = [_graded(entry, problem, margin_of(hazards[entry.label])) for entry in entries]
    if problem.chosen_by_folds:  # too little time to choose on: folds of contacts chose among the rows of the hazard
        made = choice(rows.problem, entries)
        made = replace(made, by_split=tuple(made.by_split[number] for number in closing))
    else:
        made = choice(problem, asked)
    graded = competition(problem, asked, margin_of(constant), made)
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
    """Tell the chance of leaving within a horizon from cumulative hazards, shape (n,)."""
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
    """Tell what a plain Kaplan-Meier curve of the block's past says of everybody."""
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

"""How contacts answer: strengths chosen on one block of time, hierarchy and trees judged on the blocks after it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity, Pooling
from services.sendtime.model.history import Sends, faded
from services.sendtime.model.local_week import HOUR_OF, HOURS, Matrix, Vector, sums
from services.sendtime.model.response import Pulling, Response, Sent
from services.sendtime.model.timing import COLUMNS, NAMES, PARTS, TIMING, Timing, is_varied, known, matrix_of
from services.sendtime.training.material import SendTimeMaterial, closed
from shared.contracts.rows import DAY, Microseconds
from shared.contracts.training import Progress, silent
from shared.evaluation.calibration import calibrate
from shared.evaluation.metrics import log_loss, losses
from shared.learners.simple import Columns, chance, log_odds
from shared.learners.trees import Trees, TreeShape, grow
from shared.ties import largest, least, rounded
from shared.training.material import SEED

SHARES = (0.4, 0.6, 0.8, 1.0)
"""Of all sends: the first block only chooses, the two after it judge."""
MOST_SENDS, MOST_TO_CHOOSE = 500_000, 100_000
"""Sends that effects are learned from, and those that strengths are chosen on."""
MOST_ROWS = 12_000
"""Sends of a block that are looked at."""
HALF_LIVES = (30.0, 90.0, 365.0)
HOUR_STRENGTHS = (2.0, 5.0, 20.0)
CONTACT_STRENGTHS = (2.0, 10.0, 50.0)
GROUPS = (1, 4)
SHAPE = TreeShape()
LAST_SHARE = 0.25
"""Of the rows that trees learn from: the latest, which choose how many trees there are."""
STEEPEST = 3.0
"""Largest slope of a calibration."""
TIE = 0.001
"""Relative difference of log loss below which the hierarchy alone serves."""
_FRAMES_AT_ONCE = 4_000


@dataclass(frozen=True)
class Block:
    """Sends of a stretch of time, laid out by what was known when the stretch began."""

    values: Matrix
    labels: Vector
    rows: NDArray[np.intp]
    """Which sends they are, in time order."""
    constant: float
    """Log-odds of an answer to the sends before."""

    @property
    def hierarchy(self) -> Vector:
        """Raw margins of the hierarchy."""
        margins: Vector = self.values[:, : len(PARTS)].sum(axis=1)
        return margins


@dataclass(frozen=True)
class Judged:
    """Margins of every candidate on the judged sends, each by what was known before them."""

    labels: Vector
    rows: NDArray[np.intp]
    """Which sends they are."""
    hierarchy: Vector
    trees: Vector
    without_timing: Vector
    """Of the better of the two, without knowing when."""
    slots: Vector
    """One profile of the week for everybody."""
    level: Vector
    """How much the contact engages, whenever."""
    constant: Vector
    trees_serve: bool

    @property
    def served(self) -> Vector:
        """Margins of what serves."""
        return self.trees if self.trees_serve else self.hierarchy


@dataclass(frozen=True)
class LearnedTiming:
    """A fitted timing with the evidence behind it."""

    timing: Timing
    judged: Judged


def learned(
    material: SendTimeMaterial, engagement: str, pooling: Pooling, *, seed: int = SEED, progress: Progress = silent
) -> LearnedTiming:
    """Learn one engagement: choose strengths, judge hierarchy and trees, fit the better one on everything.

    Args:
        material: the account.
        engagement: one of its sends.
        pooling: of the activity.
        seed: of samples and trees.
        progress: called with what is done.
    """
    sends = material.sends[engagement]
    rows = closed(sends, material.until)
    ends = [int(at) for at in np.quantile(sends.at[rows], SHARES)]
    varied = is_varied(sums(HOUR_OF[sends.slot[rows]], 1.0, HOURS))
    progress(f"{engagement}: choosing how strongly to pool", 0.0)
    pulling = chosen_pulling(material, sends, ends[0], ends[1], pooling) if varied else Pulling(groups=1)
    blocks = []
    for number, (begin, end) in enumerate(pairwise(ends)):
        progress(f"{engagement}: judging block {number + 1} of {len(ends) - 1}", 0.3 + 0.2 * number)
        blocks.append(block(material, sends, begin, end + (number == len(ends) - 2), pulling=pulling, pooling=pooling))
    found = judged(blocks, seed=seed, may_grow=varied)
    progress(f"{engagement}: fitting on all sends", 0.9)
    response = fitted(sends, material.pasts.campaigns, pulling, material.until)
    labels, raw = np.concatenate([b.labels for b in blocks]), np.concatenate([b.hierarchy for b in blocks])
    calibrator = calibrate(labels, raw, steepest=STEEPEST)
    trees = None
    if found.trees_serve:
        values = np.concatenate([b.values for b in blocks])
        trees = _grown(values, labels, calibrator.margins(raw), COLUMNS, seed)
    return LearnedTiming(Timing(engagement, response, calibrator, trees, varied), found)


def chosen_pulling(
    material: SendTimeMaterial, sends: Sends, begin: Microseconds, end: Microseconds, pooling: Pooling
) -> Pulling:
    """Choose half-life, strength and groups by the hierarchy's log loss on sends after the choosing began."""
    activity = material.activity(begin, pooling)
    rows = rows_between(material, sends, begin, end, most=MOST_ROWS // 3)

    def loss(pulling: Pulling) -> float:
        response = fitted(sends, material.pasts.campaigns, pulling, begin, most=MOST_TO_CHOOSE)
        values = laid_out(material, sends, rows, response, activity)
        return log_loss(sends.engaged[rows], chance(values[:, : len(PARTS)].sum(axis=1)))

    grid = [
        Pulling(groups=1, hours=hours, days=2 * hours, half_life_days=half)
        for half in HALF_LIVES
        for hours in HOUR_STRENGTHS
    ]
    best = least(grid, loss)
    best = least((replace(best, contact=contact) for contact in CONTACT_STRENGTHS), loss)
    return least((replace(best, groups=groups) for groups in GROUPS), loss)


def fitted(
    sends: Sends, campaigns: tuple[str, ...], pulling: Pulling, until: Microseconds, *, most: int = MOST_SENDS
) -> Response:
    """Learn how contacts answer from the sends whose day was over at an instant; of too many, from whole contacts."""
    rows, owner = closed(sends, until), sends.owner
    if len(rows) > most:
        drawn = np.random.default_rng(SEED).random(len(sends.offsets)) < most / len(rows)
        rows = rows[drawn[owner[rows]]]
    sent = Sent(
        np.unique(owner[rows], return_inverse=True)[1].astype(np.int64),
        sends.slot[rows],
        sends.campaign[rows].astype(np.int64),
        sends.engaged[rows],
        faded(until - sends.at[rows], pulling.half_life_days),
    )
    return Response.fit(sent, campaigns, pulling)


def block(
    material: SendTimeMaterial,
    sends: Sends,
    begin: Microseconds,
    end: Microseconds,
    *,
    pulling: Pulling,
    pooling: Pooling,
    most: int = MOST_ROWS,
) -> Block:
    """Lay out the sends of a stretch: population as known when it began, contacts as known before each send.

    Args:
        material: the account.
        sends: of one engagement.
        begin: start of the stretch, included.
        end: not included.
        pulling: strengths of the answers.
        pooling: strengths of the activity.
        most: sends looked at; a sample where there are more.
    """
    rows = rows_between(material, sends, begin, end, most=most)
    response = fitted(sends, material.pasts.campaigns, pulling, begin)
    activity = material.activity(begin, pooling)
    values = laid_out(material, sends, rows, response, activity)
    before = closed(sends, begin)
    rate = (sends.engaged[before].sum() + 0.5) / (len(before) + 1)
    return Block(values, sends.engaged[rows], rows, float(log_odds(rate)))


def rows_between(
    material: SendTimeMaterial, sends: Sends, begin: Microseconds, end: Microseconds, *, most: int
) -> NDArray[np.intp]:
    """List the sends of a stretch whose day is over, in time order; a sample where there are too many."""
    rows = np.flatnonzero((sends.at >= begin) & (sends.at < end) & (sends.at + DAY <= material.until))
    if len(rows) > most:
        rows = np.random.default_rng(SEED).permutation(rows)[:most]
    return rows[np.argsort(sends.at[rows], kind="stable")]


def laid_out(
    material: SendTimeMaterial, sends: Sends, rows: NDArray[np.intp], response: Response, activity: Activity
) -> Matrix:
    """Lay out sends as a request would have seen them: by what lay before each of them, shape (n, p)."""
    code_of = response.codes_of(material.pasts.campaigns)
    owner = sends.owner
    values = []
    for part in np.array_split(rows, max(1, -(-len(rows) // _FRAMES_AT_ONCE))):
        found = known(
            response,
            activity,
            sends,
            material.acts,
            contact=owner[part],
            cutoff=sends.at[part],
            campaign=code_of[sends.campaign[part]],
            code_of=code_of,
        )
        values.append(matrix_of(response, found, np.arange(len(part)), sends.slot[part]))
    return np.concatenate(values)


def judged(blocks: Sequence[Block], *, seed: int, may_grow: bool = True) -> Judged:
    """Judge every candidate on the blocks after the first, each learned from the blocks before it."""
    parts = [candidates_on(blocks[:number], blocks[number], seed) for number in range(1, len(blocks))]
    margins = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    labels = np.concatenate([b.labels for b in blocks[1:]])
    loss = {name: log_loss(labels, chance(margin)) for name, margin in margins.items()}
    serve = may_grow and bool(rounded(loss["trees"]) < rounded(loss["hierarchy"] * (1 - TIE)))
    return Judged(
        labels=labels,
        rows=np.concatenate([b.rows for b in blocks[1:]]),
        hierarchy=margins["hierarchy"],
        trees=margins["trees"],
        without_timing=margins["trees_who" if serve else "hierarchy_who"],
        slots=margins["slots"],
        level=margins["level"],
        constant=np.concatenate([np.full(len(b.labels), b.constant) for b in blocks[1:]]),
        trees_serve=serve,
    )


def candidates_on(before: Sequence[Block], now: Block, seed: int = SEED) -> dict[str, Vector]:
    """Return the margins of every candidate on a block, calibrated on and grown from the blocks before it.

    Returns:
        `hierarchy` and `trees`; both with `_who`: without the columns that know the slot; `slots` and `level`.
    """
    labels = np.concatenate([b.labels for b in before])
    values = np.concatenate([b.values for b in before])
    who = [place for place, name in enumerate(NAMES) if name not in TIMING]
    margins: dict[str, Vector] = {}
    for name, columns, parts in (
        ("", list(range(len(NAMES))), list(range(len(PARTS)))),
        ("_who", who, [place for place in who if place < len(PARTS)]),
    ):
        base = 0.0 if not name else before[-1].constant
        raw, raw_now = values[:, parts].sum(axis=1) + base, now.values[:, parts].sum(axis=1) + base
        calibrator = calibrate(labels, raw, steepest=STEEPEST)
        start = calibrator.margins(raw_now)
        trees = _grown(
            values[:, columns], labels, calibrator.margins(raw), Columns(tuple(NAMES[c] for c in columns)), seed
        )
        margins[f"hierarchy{name}"] = start
        margins[f"trees{name}"] = start + trees.margins(now.values[:, columns])
    for name, place, base in (
        ("slots", NAMES.index("population"), 0.0),
        ("level", NAMES.index("level"), before[-1].constant),
    ):
        margins[name] = calibrate(labels, values[:, place] + base, steepest=STEEPEST).margins(
            now.values[:, place] + base
        )
    return margins


def _grown(values: Matrix, labels: Vector, start: Vector, columns: Columns, seed: int) -> Trees:
    """Grow trees on top of given margins, as many as help on the latest rows; rows are in time order."""
    first = int(len(labels) * (1 - LAST_SHARE))
    path = grow(
        values[:first],
        labels[:first],
        columns,
        shape=SHAPE,
        seed=seed,
        judge=(values[first:], labels[first:]),
        offsets=(start[:first], start[first:]),
    )
    rounds = int(largest(-path.loss)) + 1
    return Trees.fit(values, labels, columns, shape=SHAPE, rounds=rounds, seed=seed, offset=start)


def loss_of(found: Judged, margins: Vector) -> Vector:
    """Return the log loss of margins on each judged send."""
    return losses(found.labels, chance(margins))

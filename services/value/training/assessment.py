"""Judge candidates by time: each block of frames is answered by what was known when it began."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Histories, Matrix, Vector
from services.value.model.curves import ValueCurves
from services.value.model.intervals import Intervals, quantile_ends
from services.value.model.value import FORM
from services.value.training.material import ValueMaterial
from services.value.training.stage import KINDS, FrameTable, Stage, stages
from shared.contracts.rows import DAY
from shared.contracts.training import Progress
from shared.errors import InsufficientData
from shared.evaluation.metrics import of_mean
from shared.timeline.pasts import positions_before
from shared.training.material import Split, forward_chain

BLOCKS = 3
BETTER_SHARE = 0.8
"""One-sided confidence with which a candidate must be better than a simpler one to be chosen before it."""
BINS = 20
LEAST_IN_BIN = 40
HALVES = 2
"""Of the contacts, by their number: intervals that one half taught are judged on the other."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """Held-out answers about the frames of all blocks; vectors of shape (n,)."""

    rows: NDArray[np.intp]
    """Which frames, in order of time."""
    block: NDArray[np.intp]
    owner: NDArray[np.int32]
    cutoff: NDArray[np.int64]
    actual: Vector
    served: dict[str, Vector]
    """By kind: what each candidate would have answered, totals recalibrated."""
    raw: dict[str, Vector]
    """The same before that."""
    plain: Vector
    """The plain rule: what the contact spent a day so far, times the horizon."""
    constant: Vector
    """The mean of everybody."""
    curves: dict[str, list[tuple[NDArray[np.intp], ValueCurves]]]
    """By kind: frames of each block, and the curves that would have been answered."""
    chosen_by_block: tuple[str, ...]
    """Which kind would have been served in each block."""
    winner: str

    def nested(self, answers: dict[str, Vector]) -> Vector:
        """Return what would have been answered by the kind that would have been served."""
        found = np.empty(len(self.rows))
        for number, kind in enumerate(self.chosen_by_block):
            mine = self.block == number
            found[mine] = answers[kind][mine]
        return found


def assessed(material: ValueMaterial, table: FrameTable, progress: Progress) -> Assessed:
    """Answer every block by candidates that knew nothing of it, and choose.

    Args:
        material: of the run.
        table: its matrix.
        progress: told what is done.

    Raises:
        InsufficientData: no block of time is left to be judged, or too few frames in them.
    """
    splits = _splits(material)
    parts = []
    for number, split in enumerate(splits):
        progress(f"judging, stretch {number + 1} of {len(splits)}", 0.1 + 0.6 * number / len(splits))
        parts.append(_block(material, table, split))
    rows = np.concatenate([split.test for split in splits])
    block = np.repeat(np.arange(len(splits)), [len(split.test) for split in splits])
    kinds = [kind for kind in KINDS if all(kind in part.served for part in parts)]
    served = {kind: np.concatenate([part.served[kind] for part in parts]) for kind in kinds}
    raw = {kind: np.concatenate([part.raw[kind] for part in parts]) for kind in kinds}
    actual = material.came(material.horizon_days, material.contact[rows], material.cutoff[rows]).value
    owner = material.contact[rows]
    errors = {kind: np.abs(served[kind] - actual) for kind in kinds}
    by_block = tuple(
        FORM if not number else chosen({kind: errors[kind][block < number] for kind in kinds}, owner[block < number])
        for number in range(len(splits))
    )
    return Assessed(
        rows,
        block,
        owner,
        material.cutoff[rows],
        actual,
        served,
        raw,
        plain_rule(material, owner, material.cutoff[rows]),
        np.concatenate([part.constant for part in parts]),
        {kind: [(split.test, part.curves[kind]) for split, part in zip(splits, parts, strict=True)] for kind in kinds},
        by_block,
        chosen(errors, owner),
    )


def chosen(errors: dict[str, Vector], owner: NDArray[np.int32]) -> str:
    """Choose the kind with the least mean error; a simpler one stays unless the other is better beyond chance.

    Args:
        errors: of each kind, the simplest first, shape (n,) each.
        owner: contact of each row, shape (n,).
    """
    best = next(iter(errors))
    for kind, error in errors.items():
        if of_mean(errors[best] - error, owner, draws=200, share=BETTER_SHARE).low > 0:
            best = kind
    return best


@dataclass(frozen=True, slots=True)
class _BlockAnswers:
    served: dict[str, Vector]
    raw: dict[str, Vector]
    constant: Vector
    curves: dict[str, ValueCurves]


def _block(material: ValueMaterial, table: FrameTable, split: Split) -> _BlockAnswers:
    test, at = split.test, int(material.cutoff[split.test].min())
    values = table.values[test]
    known = Histories(*(column[test] for column in table.known))
    served, raw, curves = {}, {}, {}
    for stage in stages(material, table, split.train, at):
        answered = stage.curves(values, known, material.cutoff[test])
        curves[stage.kind] = answered
        served[stage.kind] = answered.value_at(material.horizon_days)
        raw[stage.kind] = _without_levels(stage, values, known, material.horizon_days)
    mean = material.came(
        material.horizon_days, material.contact[split.train], material.cutoff[split.train]
    ).value.mean()
    return _BlockAnswers(served, raw, np.full(len(test), float(mean)), curves)


def _without_levels(stage: Stage, values: Matrix, known: Histories, days: float) -> Vector:
    return stage.curves(values, known, None).value_at(days)


def _splits(material: ValueMaterial) -> list[Split]:
    horizon = material.horizon_days * DAY
    found = forward_chain(material.cutoff, horizon=horizon, blocks=BLOCKS)
    if not found:
        days = int((material.cutoff.max() - material.cutoff.min()) // DAY)
        raise InsufficientData(
            f"The cases span {days} days, which leaves nothing to be judged on over {material.horizon_days} days. "
            "Import a longer past, or ask about a shorter horizon (--horizon-days).",
            span_days=days,
            horizon_days=material.horizon_days,
        )
    judged = material.contact[np.concatenate([split.test for split in found])]
    fewest = int(np.bincount(judged % HALVES, minlength=HALVES).min())
    if fewest < LEAST_IN_BIN:
        raise InsufficientData(
            f"{len(judged)} cases of {len(np.unique(judged))} contacts are left to be judged on over "
            f"{material.horizon_days} days. Intervals are measured on one half of the contacts and judged on the "
            f"other, and the smaller half has {fewest} cases; {LEAST_IN_BIN} are needed. Import more or older orders, "
            "or ask about a shorter horizon (--horizon-days).",
            judged_frames=len(judged),
            judged_contacts=len(np.unique(judged)),
            frames_of_smaller_half=fewest,
            needed_frames_of_half=LEAST_IN_BIN,
        )
    return found


def plain_rule(material: ValueMaterial, contact: NDArray[np.int32], cutoff: NDArray[np.int64]) -> Vector:
    """Return what contacts spent so far a day, times the horizon; one known for less than it counts as known so long.

    Args:
        material: of the run.
        contact: row of each frame, shape (n,).
        cutoff: microseconds, shape (n,).
    """
    orders = material.orders
    first = orders.at[np.minimum(orders.offsets[contact], len(orders.at) - 1)]
    days = np.maximum((cutoff - first) / DAY, material.horizon_days)
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(orders.value))])
    spent = sums[positions_before(orders, contact, cutoff)] - sums[orders.offsets[contact]]
    rate: Vector = np.maximum(spent, 0.0) / days * material.horizon_days
    return rate


def measured_intervals(
    material: ValueMaterial, blocks: Sequence[tuple[NDArray[np.intp], ValueCurves]], days: Vector, until: int
) -> Intervals:
    """Measure between which ratios of the expected value most of what came lay, at each judged horizon.

    Source: split conformal prediction (Vovk, Gammerman and Shafer, 2005), within bins of the expected value.

    Args:
        material: of the run.
        blocks: held-out frames with their curves.
        days: the judged horizons.
        until: the instant up to which anything is known.
    """
    found: list[tuple[float, Vector, Vector, Vector]] = []
    for one in days.tolist():
        value, came = [], []
        for rows, curves in blocks:
            over = material.cutoff[rows] + round(one * DAY) <= until
            value.append(curves.value_at(one)[over])
            came.append(material.came(one, material.contact[rows[over]], material.cutoff[rows[over]]).value)
        measured = _measured(np.concatenate(value), np.concatenate(came))
        if measured is not None:
            found.append((one, *measured))
    width = max(len(places) for _, places, _, _ in found)
    padded = [[np.pad(column, (0, width - len(column)), mode="edge") for column in row[1:]] for row in found]
    places, low, high = (np.stack(column) for column in zip(*padded, strict=True))
    places = places + np.arange(width) * 1e-9  # padding must ascend too
    return Intervals(np.array([row[0] for row in found]), places, low, high)


def _measured(value: Vector, came: Vector) -> tuple[Vector, Vector, Vector] | None:
    if len(value) < LEAST_IN_BIN:
        return None
    order = np.argsort(value, kind="stable")
    bins = np.array_split(order, int(np.clip(len(value) // LEAST_IN_BIN, 1, BINS)))
    ends = [quantile_ends(came[rows] / np.maximum(value[rows], 1e-9)) for rows in bins]
    places = np.maximum.accumulate([float(np.log(np.maximum(np.median(value[rows]), 1e-9))) for rows in bins])
    return np.array(places), np.array([low for low, _ in ends]), np.array([high for _, high in ends])

"""The report of a run of value: errors, ranking, totals before and after, deciles, intervals, baselines beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.value.model.closed_form import Vector
from services.value.model.curves import read_at
from services.value.model.intervals import LEVEL, Intervals
from services.value.model.value import BLEND, FORM, RULE, TREES
from services.value.training.assessment import HALVES, Assessed, measured_intervals
from services.value.training.material import ValueMaterial
from services.value.training.stage import FrameTable
from shared.contracts.rows import instant_of
from shared.evaluation.gate import grade, share_of
from shared.evaluation.metrics import Interval, average_ranks, of_figures, of_means
from shared.features import ColumnRead, Learned, LeftOut
from shared.ties import falling, least

Figures = dict[str, Any]
NAMES = {
    RULE: "the own rate of each contact, drawn towards everybody's",
    FORM: "BG/NBD and Gamma-Gamma in closed form",
    BLEND: "half BG/NBD and Gamma-Gamma, half decision trees",
    TREES: "decision trees",
}
PLAIN, CONSTANT = "what the contact spent a day so far", "the mean of everybody"
DECILES = 10
MOST_IMPORTANT = 20


@dataclass(frozen=True, slots=True)
class ValueReport:
    """What one training found."""

    winner: str
    kind: str
    grade: Any
    usable: bool
    data: Figures
    candidates: Sequence[Figures]
    figures: Mapping[str, Interval | float]
    deciles: Sequence[Figures]
    """Held-out frames by expected value, the lowest tenth first: what was expected and what came, on average."""
    importance: Sequence[tuple[str, float]]
    blocks: Sequence[Figures]
    left_out: Sequence[LeftOut] = ()
    columns: Sequence[ColumnRead] = ()
    notes: Sequence[str] = ()
    unusable_because: str = ""

    def to_json(self) -> Figures:
        """Write as plain values."""
        return {
            "winner": self.winner,
            "kind": self.kind,
            "grade": self.grade,
            "usable": self.usable,
            "data": self.data,
            "candidates": list(self.candidates),
            "figures": {
                name: one.to_json() if isinstance(one, Interval) else round(float(one), 6)
                for name, one in self.figures.items()
            },
            "deciles": list(self.deciles),
            "blocks": list(self.blocks),
            "importance": [list(pair) for pair in self.importance],
            "left_out": [{"name": left.name, "reason": left.reason, "remedy": left.remedy} for left in self.left_out],
            "columns": [column.to_json() for column in self.columns],
            "notes": list(self.notes),
        }


def report(
    material: ValueMaterial,
    found: Assessed,
    intervals: Intervals,
    *,
    importance: Vector,
    table: FrameTable,
    learned: Learned,
) -> ValueReport:
    """Judge what would have been served at the time, on frames that nobody learned or chose from.

    Args:
        material: of the run.
        found: held-out answers.
        intervals: as they are served.
        importance: of each column.
        table: the matrix.
        learned: which columns, and what was left out.
    """
    actual, owner = found.actual, found.owner
    served, raw = found.nested(found.served), found.nested(found.raw)
    loss = np.abs(served - actual)
    baselines = {PLAIN: np.abs(found.plain - actual), CONSTANT: np.abs(found.constant - actual)}
    best = least(list(baselines.values()), lambda one: float(one.mean()))
    error, gained, coverage = of_means([loss, best - loss, _covered(material, found)], owner)
    gain = share_of(gained, best)
    buyers = len(np.unique(owner[actual > 0]))
    figures: dict[str, Interval | float] = {
        "mean_absolute_error": error,
        "mean_absolute_error_plain_rule": float(baselines[PLAIN].mean()),
        "mean_absolute_error_constant": float(baselines[CONSTANT].mean()),
        "skill_over_plain_rule": gain,
        **of_figures(_Totals(served, raw, actual), owner),
        "interval_coverage": coverage,
    }
    usable = gain.low > 0
    return ValueReport(
        winner=NAMES[found.winner],
        kind=found.winner,
        grade=grade(gain, positive_contacts=buyers) if usable else "D",
        usable=usable,
        data=_counts(material, found, len(table.feature_set)),
        candidates=_candidates(found, baselines),
        figures=figures,
        deciles=deciles(served, actual),
        importance=_most_important(table.feature_set.names, importance),
        blocks=_blocks(found, served, raw, loss),
        left_out=learned.left_out,
        columns=learned.columns,
        notes=[*material.notes, *_notes(material, found, figures, intervals)],
        unusable_because=f"its error is not surely below that of the best plain rule (share saved {gain})",
    )


class _Totals:
    """Ranking and totals of frames, each counting as often as said; ranks are those of all frames, made once."""

    def __init__(self, served: Vector, raw: Vector, actual: Vector) -> None:
        self._served, self._raw, self._actual = served, raw, actual
        self._ranks = average_ranks(served), average_ranks(actual)

    def __call__(self, times: Vector) -> dict[str, float]:
        """Return the figures when rows count so often, shape (n,)."""
        total = float(times @ self._actual)
        return {
            "spearman": correlation(*self._ranks, times),
            "total_bias_before": float(times @ self._raw) / total - 1 if total > 0 else float("nan"),
            "total_bias": float(times @ self._served) / total - 1 if total > 0 else float("nan"),
        }


def spearman(one: Vector, other: Vector) -> float:
    """Return the correlation of ranks. Source: Spearman (1904), The proof and measurement of association.

    >>> round(spearman(np.array([1.0, 2.0, 9.0]), np.array([0.0, 3.0, 4.0])), 6)
    1.0
    """
    return correlation(average_ranks(one), average_ranks(other), np.ones(len(one)))


def correlation(one: Vector, other: Vector, times: Vector) -> float:
    """Return the correlation of two vectors whose rows count so often; NaN where one of them does not vary."""
    a, b = one - np.average(one, weights=times), other - np.average(other, weights=times)
    scale = float(np.sqrt((times @ a**2) * (times @ b**2)))
    return float(times @ (a * b)) / scale if scale > 0 else float("nan")


def deciles(expected: Vector, actual: Vector) -> list[Figures]:
    """Cut frames into tenths by expected value, the lowest first."""
    parts = np.array_split(np.argsort(expected, kind="stable"), min(DECILES, len(expected)))
    return [
        {
            "frames": len(part),
            "expected": round(float(expected[part].mean()), 4),
            "actual": round(float(actual[part].mean()), 4),
        }
        for part in parts
    ]


def _covered(material: ValueMaterial, found: Assessed) -> Vector:
    """Return whether each frame lay in its interval, by intervals that the other contacts taught: even against odd."""
    inside = np.zeros(len(found.rows))
    days = np.array([float(material.horizon_days)])
    blocks = found.curves[found.winner]
    for half in range(HALVES):
        others = [
            (rows, curves._replace(**_of(curves, material.contact[rows] % HALVES != half))) for rows, curves in blocks
        ]
        others = [(rows[material.contact[rows] % HALVES != half], curves) for rows, curves in others]
        taught = measured_intervals(material, others, days, material.until)
        start = 0
        for rows, curves in blocks:
            low, high = (read_at(curves.days, end, days[0]) for end in taught.ends(curves))
            part = slice(start, start + len(rows))
            mine = material.contact[rows] % HALVES == half
            actual = found.actual[part]
            inside[part] = np.where(mine, (actual >= low) & (actual <= high), inside[part])
            start += len(rows)
    return inside


def _of(curves: Any, kept: NDArray[np.bool_]) -> dict[str, Any]:
    return {name: getattr(curves, name)[kept] for name in ("value", "orders", "silent")}


def _counts(material: ValueMaterial, found: Assessed, features: int) -> Figures:
    return {
        "contacts": len(np.unique(material.contact)),
        "frames": len(material.contact),
        "orders": len(material.orders.at),
        "order_types": ", ".join(material.order_types),
        "currency": material.currency,
        "features": features,
        "judged_frames": len(found.rows),
        "first_cutoff": _day(material.cutoff.min()),
        "last_cutoff": _day(material.cutoff.max()),
        "judged_from": _day(found.cutoff.min()),
        "judged_to": _day(found.cutoff.max()),
        "mean_value": round(float(found.actual.mean()), 4),
    }


def _candidates(found: Assessed, baselines: Mapping[str, Vector]) -> list[Figures]:
    rows = [{"label": label, "error": float(loss.mean()), "served": False} for label, loss in baselines.items()]
    for kind, answers in found.served.items():
        rows.append(
            {
                "label": NAMES[kind],
                "kind": kind,
                "error": float(np.abs(answers - found.actual).mean()),
                "error_before_totals": float(np.abs(found.raw[kind] - found.actual).mean()),
                "spearman": _number(spearman(answers, found.actual)),
                "served": kind == found.winner,
            }
        )
    return rows


def _number(value: float) -> float | None:
    """Return a number as JSON can hold it; None where there is none."""
    return round(value, 6) if np.isfinite(value) else None


def _blocks(found: Assessed, served: Vector, raw: Vector, loss: Vector) -> list[Figures]:
    listed = []
    for number, kind in enumerate(found.chosen_by_block):
        mine = found.block == number
        total = float(found.actual[mine].sum())
        listed.append(
            {
                "frames": int(mine.sum()),
                "judged_from": _day(found.cutoff[mine].min()),
                "judged_to": _day(found.cutoff[mine].max()),
                "error": round(float(loss[mine].mean()), 4),
                "total_bias_before": round(float(raw[mine].sum()) / total - 1, 4) if total > 0 else None,
                "total_bias": round(float(served[mine].sum()) / total - 1, 4) if total > 0 else None,
                "chosen": NAMES[kind],
            }
        )
    return listed


def _most_important(names: Sequence[str], importance: Vector) -> list[tuple[str, float]]:
    total = float(importance.sum()) or 1.0
    order = falling(importance)[:MOST_IMPORTANT]
    return [(names[one], round(float(importance[one]) / total, 4)) for one in order if importance[one] > 0]


def _notes(
    material: ValueMaterial, found: Assessed, figures: Mapping[str, Interval | float], intervals: Intervals
) -> list[str]:
    stretches = len(found.chosen_by_block)
    notes = [
        f"It was judged on {stretches} stretches of time, each by what was known when it began; what answers now has "
        f"learned from all of them. The error is that of the value within {material.horizon_days} days.",
        f"Horizons up to {intervals.days[-1]:g} days were judged; beyond, the closed form goes on from there.",
    ]
    error, before, after = (figures[name] for name in ("mean_absolute_error", "total_bias_before", "total_bias"))
    assert isinstance(error, Interval)  # noqa: S101 - resampled, as the others
    assert isinstance(before, Interval)  # noqa: S101
    assert isinstance(after, Interval)  # noqa: S101
    plain, constant = (figures[f"mean_absolute_error_{name}"] for name in ("plain_rule", "constant"))
    notes.append(
        f"On average an expected value lay {error.value:,.1f} ({error.low:,.1f} to {error.high:,.1f}) from what came; "
        f"{PLAIN}, {plain:,.1f}; {CONSTANT}, {constant:,.1f}."
    )
    if np.isfinite([after.value, before.value]).all():
        notes.append(
            f"All contacts together were expected to bring {_too_much(after)}; before totals were recalibrated, "
            f"{_too_much(before)}."
        )
    else:
        notes.append("Nobody who was asked about brought anything, so that nothing can be said of the total.")
    coverage = figures["interval_coverage"]
    assert isinstance(coverage, Interval)  # noqa: S101 - resampled
    notes.append(f"The {LEVEL:.0%} interval held {coverage.value:.1%} of what came, of contacts that did not set it.")
    return notes


def _too_much(one: Interval) -> str:
    """Write a bias in words.

    >>> _too_much(Interval(-0.034, -0.058, -0.009))
    '3.4 % too little (-5.8 % to -0.9 %)'
    """
    way = "much" if one.value > 0 else "little"
    return f"{abs(100 * one.value):.1f} % too {way} ({100 * one.low:+.1f} % to {100 * one.high:+.1f} %)"


def _day(at: np.int64 | int) -> str:
    return instant_of(int(at)).date().isoformat()

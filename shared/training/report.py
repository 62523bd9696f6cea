"""The report of a run: what was learned from, how good it is with intervals, what was left out. Plain values."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.contracts.prediction import Grade
from shared.contracts.rows import instant_of
from shared.evaluation import metrics
from shared.evaluation.gate import TOO_GOOD_AUC, Signal, calibration_holds, grade, share_of, signal
from shared.evaluation.metrics import Interval, of_figures, of_means
from shared.features import ColumnRead, LeftOut
from shared.learners.simple import Rule, Vector, chance
from shared.ties import falling, least
from shared.training.competition import Competition
from shared.training.problem import Leak, Problem

Figures = dict[str, Any]
LIFT_SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
CHOSEN_BY_FOLDS = (
    "The judged frames span less than two horizons or hold fewer than 100 contacts with the outcome: folds of "
    "contacts over all frames chose the kind of model, time still judged it."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What one training found."""

    winner: str
    kind: str
    grade: Grade
    usable: bool
    """Whether there is a signal; without one the version is registered and never promoted."""
    data: Figures
    """Counts: frames, contacts, positives, base rate, times."""
    candidates: Sequence[Figures]
    figures: dict[str, Interval | float]
    """Of the served candidate on the judged rows."""
    reliability: Figures
    lift: Figures
    importance: Sequence[tuple[str, float]]
    leaks: Sequence[str] = ()
    """Columns left out until somebody says that they are known before the outcome."""
    questioned: Sequence[str] = ()
    """Columns that were kept, though somebody should say whether they are known before the outcome."""
    left_out: Sequence[LeftOut] = ()
    columns: Sequence[ColumnRead] = ()
    """What each attribute was read as."""
    notes: Sequence[str] = field(default_factory=tuple)
    blocks: Sequence[Figures] = ()
    """Figures of each stretch of time, or of each fold, in order."""
    unusable_because: str = "the gain over the base rate is not above 0 with 95 % confidence"
    """What is missing where it is not usable, in words."""

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
                name: figure.to_json() if isinstance(figure, Interval) else _plain(figure)
                for name, figure in self.figures.items()
            },
            "blocks": list(self.blocks),
            "reliability": self.reliability,
            "lift": self.lift,
            "importance": [list(pair) for pair in self.importance],
            "leaks": list(self.leaks),
            "questioned": list(self.questioned),
            "left_out": [{"name": left.name, "reason": left.reason, "remedy": left.remedy} for left in self.left_out],
            "columns": [column.to_json() for column in self.columns],
            "notes": list(self.notes),
        }


def report(
    problem: Problem,
    competition: Competition,
    *,
    importance: Vector,
    leaks: Sequence[Leak] = (),
    questioned: Sequence[Leak] = (),
    left_out: Sequence[LeftOut] = (),
    columns: Sequence[ColumnRead] = (),
    competed_on: Problem | None = None,
    notes: Sequence[str] = (),
    how_judged: Sequence[str] | None = None,
    other_rankings: Mapping[str, float] | None = None,
    most: Grade = "A",
) -> Report:
    """Judge what would have been served at the time, on rows that nobody learned or chose from.

    Args:
        problem: what was learned.
        competition: how the candidates did.
        importance: of each column for the refitted winner, shape (p,).
        leaks: columns left out because they give the outcome away.
        questioned: columns that were kept, about which a person is to decide.
        left_out: attributes left out for other reasons.
        columns: what each attribute was read as.
        competed_on: what the candidates were chosen on, where it is not what is judged: the rows of a hazard.
        notes: further sentences about the data.
        how_judged: sentences about what judged it; None: splits did, and all frames taught what answers now.
        other_rankings: what the ranking would be with `leaks`, and without `questioned`, by the name of the figure.
        most: the best grade that the data allows.
    """
    rows = competition.judged
    labels, owner = problem.labels[rows], problem.owner[rows]
    winner = competition.winner
    margin = competition.nested[rows]
    loss = metrics.losses(labels, chance(margin))
    constant = metrics.losses(labels, chance(competition.constant[rows]))
    others = [competition.loss(entry, problem.labels) for entry in competition.entries if entry is not winner]
    best_other = least([constant, *others], lambda other: other.mean())
    plain = _plain_loss(competition, problem.labels, constant)
    own_loss, brier, over_constant, over_rule, over_other = of_means(
        [loss, (chance(margin) - labels) ** 2, constant - loss, plain - loss, best_other - loss], owner
    )
    skill = share_of(over_rule, plain)
    positives = len(np.unique(problem.owner[problem.labels == 1]))
    found = signal(labels, margin, owner, problem.blocks, chained=problem.chained)
    figures = _figures(labels, margin, owner, brier)
    slope = figures["calibration_slope"]
    assert isinstance(slope, Interval)  # noqa: S101 - resampled, as every figure of `_figures` is
    return Report(
        winner=winner.label,
        kind=winner.kind,
        grade=max(grade(skill, positive_contacts=positives, slope=slope), most) if found.usable else "D",
        usable=found.usable,
        data=_counts(problem, rows),
        candidates=_candidates(problem, competition, constant),
        figures={
            **figures,
            "auc_within_blocks": found.ranking,
            "log_loss": own_loss,
            "log_loss_constant": float(constant.mean()),
            "skill_over_constant": share_of(over_constant, constant),
            "skill_within_blocks": found.gain,
            "skill_over_plain_rule": skill,
            "skill_over_best_other": share_of(over_other, best_other),
            **(other_rankings or {}),
        },
        blocks=_blocks(problem, loss, constant, found),
        reliability=_reliability(labels, margin),
        lift={"share": list(LIFT_SHARES), "lift": [_plain(metrics.lift(labels, margin, s)) for s in LIFT_SHARES]},
        importance=_most_important(problem.columns.names, importance),
        leaks=[str(leak) for leak in leaks],
        questioned=[str(leak) for leak in questioned],
        left_out=left_out,
        columns=columns,
        notes=[
            *(_how_judged(problem, competed_on or problem) if how_judged is None else how_judged),
            *_few(positives),
            *notes,
            *_warnings(found, figures, winner.kind),
        ],
        unusable_because=found.missing,
    )


def _plain_loss(competition: Competition, labels: Vector, constant: Vector) -> Vector:
    """Return the log loss of what a careful marketer would do without a model: the best single rule, or nothing."""
    rules = [competition.loss(entry, labels) for entry in competition.entries if entry.kind == Rule.kind]
    return least([constant, *rules], lambda loss: loss.mean())


def _figures(labels: Vector, margin: Vector, owner: NDArray[np.int32], brier: Interval) -> dict[str, Interval | float]:
    probability = chance(margin)
    ranking = metrics.Ranking(labels, margin)
    line = metrics.calibration_line(labels, margin)
    start = line if np.isfinite(line).all() else (1.0, 0.0)

    def figures_of(times: Vector) -> dict[str, float]:
        slope, intercept = metrics.calibration_line(labels, margin, times, start=start)
        return {
            "auc": ranking.auc(times),
            "average_precision": ranking.average_precision(times),
            "lift_at_10_percent": ranking.lift(times),
            "calibration_slope": slope,
            "calibration_intercept": intercept,
        }

    return {
        **of_figures(figures_of, owner),
        "brier": brier,
        "calibration_error": metrics.calibration_error(labels, probability),
        "calibration_error_if_perfect": metrics.perfect_calibration_error(probability),
    }


def _counts(problem: Problem, judged: NDArray[np.intp]) -> Figures:
    positive = problem.labels == 1
    counts: Figures = {
        "frames": len(problem.labels),
        "contacts": len(np.unique(problem.owner)),
        "positive_frames": int(positive.sum()),
        "positive_contacts": len(np.unique(problem.owner[positive])),
        "negative_contacts": len(np.unique(problem.owner[~positive])),
        "base_rate": round(float(problem.labels.mean()), 6),
        "features": len(problem.columns),
        "judged_frames": len(judged),
        "judged_base_rate": round(float(problem.labels[judged].mean()), 6),
    }
    if problem.cutoff is not None:
        counts |= {
            "first_cutoff": _day(problem.cutoff.min()),
            "last_cutoff": _day(problem.cutoff.max()),
            "judged_from": _day(problem.cutoff[judged].min()),
            "judged_to": _day(problem.cutoff[judged].max()),
        }
    return counts


def _candidates(problem: Problem, competition: Competition, constant: Vector) -> list[Figures]:
    rows = competition.judged
    labels = problem.labels[rows]
    listed: list[Figures] = [{"label": "constant", "kind": "constant", "log_loss": float(constant.mean()), "auc": 0.5}]
    for entry in competition.entries:
        loss = competition.loss(entry, problem.labels)
        listed.append(
            {
                "label": entry.label,
                "kind": entry.kind,
                "log_loss": float(loss.mean()),
                "auc": _plain(metrics.auc(labels, entry.margin[rows])),
                "served": entry is competition.winner,
            }
        )
    return listed


def _blocks(problem: Problem, loss: Vector, constant: Vector, found: Signal) -> list[Figures]:
    """Judge each stretch of time, or each fold, by itself."""
    listed = []
    for split, rows, area in zip(problem.counted, problem.blocks, found.by_block, strict=True):
        block: Figures = {
            "frames": len(rows),
            "positive_frames": int(problem.labels[split.test].sum()),
            "auc": _plain(area),
            "log_loss": _plain(loss[rows].mean()),
            "log_loss_constant": _plain(constant[rows].mean()),
        }
        if problem.cutoff is not None:
            times = problem.cutoff[split.test]
            block |= {"judged_from": _day(times.min()), "judged_to": _day(times.max())}
        listed.append(block)
    return listed


def _reliability(labels: Vector, margin: Vector) -> Figures:
    predicted, seen, count = metrics.reliability(labels, chance(margin))
    return {
        "predicted": [round(float(p), 6) for p in predicted],
        "seen": [round(float(s), 6) for s in seen],
        "count": [int(c) for c in count],
    }


def _most_important(names: Sequence[str], importance: Vector, most: int = 20) -> list[tuple[str, float]]:
    total = float(importance.sum()) or 1.0
    by_name = sorted(range(len(names)), key=names.__getitem__)
    order = [by_name[place] for place in falling(importance[by_name])[:most]]
    return [(names[column], round(float(importance[column]) / total, 4)) for column in order if importance[column] > 0]


def _how_judged(problem: Problem, competed_on: Problem) -> list[str]:
    notes = []
    if problem.chained:
        notes.append(
            f"It was judged on {len(problem.splits)} stretches of time, each by what was known when it began; what "
            "answers now has learned from all of them."
        )
    elif not problem.horizon:
        notes.append(
            "Flat data without times: it was judged on contacts kept aside at random, so that nobody knows whether it "
            "holds in another season. If a column says when each row came, name it with --order-by."
        )
    if competed_on.chosen_by_folds:
        notes.append(CHOSEN_BY_FOLDS)
    return notes


def _few(positives: int) -> list[str]:
    if positives >= 200:
        return []
    return [f"Only {positives} contacts reached the outcome; with fewer than 200 the grade is C at most."]


def _warnings(found: Signal, figures: Figures, kind: str) -> list[str]:
    warnings = []
    slope, area = figures["calibration_slope"], figures["auc"]
    if isinstance(slope, Interval) and not calibration_holds(slope):
        way = "too close together" if slope.value > 1 else "too far apart"
        warnings.append(
            f"The chances are not exact: they lie {way} (calibration slope {slope}; 1 is exact). "
            + ("The order of the contacts is not touched by that; do" if found.usable else "Do")
            + " not promise a chance as a number."
        )
    backwards = [number for number, area_of_block in enumerate(found.by_block, 1) if area_of_block < 0.5]
    if found.usable and backwards:
        warnings.append(
            f"In {len(backwards)} of {len(found.by_block)} stretches of time the ranking was no better than chance."
        )
    if kind == Rule.kind:
        warnings.append("No model beat the best plain rule, so the rule itself answers: grade D.")
    if isinstance(area, Interval) and area.value >= TOO_GOOD_AUC:
        warnings.append(
            f"This is too good to be true (AUC {area.value:.3f}): people are rarely that predictable. Look at the most "
            "important features: is one of them filled in, or changed, by the outcome itself?"
        )
    return warnings


def _day(at: np.int64 | int) -> str:
    return instant_of(int(at)).date().isoformat()


def _plain(number: float) -> float | None:
    return None if not np.isfinite(number) else round(float(number), 6)


_BLUE, _GREY = "#1f5fa8", "#8a8f98"
DOTS_PER_INCH = 110


def plots(report: Report) -> dict[str, bytes]:
    """Draw every plot of a report.

    Args:
        report: the run.

    Returns:
        PNG bytes by name: reliability, lift, importance.
    """
    return {"reliability": _reliability_plot(report), "lift": _lift(report), "importance": _importance(report)}


def axes_of(width: float, height: float) -> tuple[Any, Any]:
    """Make a figure of so many inches and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def as_percent(*axes: Any) -> None:
    """Write an axis in percent."""
    for axis in axes:
        axis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")


def png(figure: Any) -> bytes:
    """Draw a figure as PNG bytes.

    The canvas draws it once; `savefig` would draw it a second time, only to lay it out.
    """
    buffer = io.BytesIO()
    figure.canvas.print_png(buffer)
    return buffer.getvalue()


def _reliability_plot(report: Report) -> bytes:
    figure, axes = axes_of(5, 4.6)
    predicted, seen = report.reliability["predicted"], report.reliability["seen"]
    top = max([*predicted, *seen, 0.05]) * 1.08
    axes.plot([0, top], [0, top], color=_GREY, linewidth=1, linestyle="--", label="perfect")
    axes.plot(predicted, seen, color=_BLUE, marker="o", label="this version")
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="predicted chance", ylabel="share that reached the outcome")
    as_percent(axes.xaxis, axes.yaxis)
    axes.set_title("Reliability: ten groups of equal size", loc="left", fontsize=11)
    axes.legend(frameon=False)
    return png(figure)


def _lift(report: Report) -> bytes:
    figure, axes = axes_of(5, 4)
    shares = [f"{share:.0%}" for share in report.lift["share"]]
    values = [value or 0.0 for value in report.lift["lift"]]
    bars = axes.bar(shares, values, color=_BLUE, width=0.6)
    axes.bar_label(bars, fmt="%.1f×", padding=2, fontsize=9)
    axes.axhline(1, color=_GREY, linewidth=1, linestyle="--")
    axes.margins(y=0.1)
    axes.set(xlabel="contacts with the highest scores", ylabel="times the average rate")
    axes.set_title("Lift: how much more often they reach the outcome", loc="left", fontsize=11)
    return png(figure)


def _importance(report: Report) -> bytes:
    names = [name for name, _ in report.importance][::-1]
    values = [value for _, value in report.importance][::-1]
    figure, axes = axes_of(7, max(2.5, 0.27 * len(names) + 1))
    axes.barh(names, values, color=_BLUE, height=0.65)
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="share of all importance")
    as_percent(axes.xaxis)
    axes.set_title("What the model looks at", loc="left", fontsize=11)
    return png(figure)

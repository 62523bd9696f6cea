"""What people read of a version: the plots of its run and its model card."""

import io
from typing import Any

from shared.evaluation.metrics import Interval
from shared.training.report import Report

_BLUE, _GREY = "#1f5fa8", "#8a8f98"


def plots(report: Report) -> dict[str, bytes]:
    """Draw every plot of a report.

    Args:
        report: the run.

    Returns:
        PNG bytes by name: reliability, lift, importance.
    """
    return {"reliability": _reliability(report), "lift": _lift(report), "importance": _importance(report)}


def axes_of(width: float, height: float) -> tuple[Any, Any]:
    """Make a figure of so many inches and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def as_percent(*axes: Any) -> None:
    """Write an axis in percent."""
    for axis in axes:
        axis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")


def png(figure: Any) -> bytes:
    """Draw a figure as PNG bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _reliability(report: Report) -> bytes:
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


_GRADES = {
    "A": "at least 10 % less log loss than the best plain rule, with 95 % confidence",
    "B": "at least 5 % less log loss than the best plain rule, with 95 % confidence",
    "C": "better than the best plain rule, with 95 % confidence, or judged on few contacts",
    "D": "not proven better than the best plain rule",
}


def card(report: Report, *, name: str, question: str, horizon_days: int | None) -> str:
    """Write a run's card as Markdown.

    Args:
        report: the run.
        name: `<account>.<capability>[.<outcome>]`.
        question: what the model answers.
        horizon_days: None where the outcome is an attribute.
    """
    horizon = "no horizon (flat data)" if horizon_days is None else f"within {horizon_days} days"
    lines = [
        f"# {name}",
        "",
        f"**Question.** {question} Horizon: {horizon}.",
        f"**Kind.** {report.winner}. **Grade {report.grade}**: {_GRADES[report.grade]}.",
        "",
        "## Learned from",
        *[f"- {key.replace('_', ' ')}: {value}" for key, value in report.data.items()],
        "",
        "## How good it is",
        "| figure | value (95 % interval over contacts) |",
        "|---|---|",
        *[f"| {key.replace('_', ' ')} | {_shown(value)} |" for key, value in report.figures.items()],
        "",
        *[f"- {note}" for note in report.notes],
        "",
        "## What it looks at most",
        *[f"- {feature}: {share:.1%}" for feature, share in report.importance[:10]],
        "",
        "## Left out",
        *([f"- {leak}" for leak in report.leaks] or ["- no suspicious column"]),
        *[f"- {left.name}: {left.reason}" for left in report.left_out],
        "",
        *_open_questions(report),
        "## Not for",
        "Decisions about credit, employment, housing, insurance, health or the law; contacts who refused profiling.",
        "A probability is what happened to similar contacts of this account, not a cause.",
        "",
    ]
    return "\n".join(lines)


def _open_questions(report: Report) -> list[str]:
    if not report.questioned:
        return []
    return ["## Kept, though nobody has said that it is known before", *[f"- {one}" for one in report.questioned], ""]


def _shown(figure: Interval | float) -> str:
    return str(figure) if isinstance(figure, Interval) else f"{figure:.3f}"

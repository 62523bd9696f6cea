"""The model card: what a version is for, what it learned from, how good it is, who should not use it."""

from shared.evaluation.bootstrap import Interval
from shared.training.report import Report

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
        *_asked(report),
        "## Not for",
        "Decisions about credit, employment, housing, insurance, health or the law; contacts who refused profiling.",
        "A probability is what happened to similar contacts of this account, not a cause.",
        "",
    ]
    return "\n".join(lines)


def _asked(report: Report) -> list[str]:
    if not report.questioned:
        return []
    return ["## Kept, though nobody has said that it is known before", *[f"- {one}" for one in report.questioned], ""]


def _shown(figure: Interval | float) -> str:
    return str(figure) if isinstance(figure, Interval) else f"{figure:.3f}"

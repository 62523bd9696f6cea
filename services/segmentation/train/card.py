"""The model card of a version: its segments, how they were chosen, how far they hold, who should not use it."""

from services.segmentation.train.report import Report
from shared.evaluation.metrics import Interval

_GRADES = {
    "A": "explains at least 10 % more of the next period than a plain recency-frequency-money score, 95 % confidence",
    "B": "explains at least 5 % more of the next period than a plain recency-frequency-money score, 95 % confidence",
    "C": "explains more of the next period than a plain recency-frequency-money score, or subsamples agree poorly",
    "D": "not proven to know more of the next period than a plain recency-frequency-money score",
}


def card(report: Report, *, name: str) -> str:
    """Write a run's card as Markdown.

    Args:
        report: the run.
        name: `<account>.segmentation`.
    """
    return "\n".join(
        [
            f"# {name}",
            "",
            "**Question.** Which behaviour group does a contact belong to, how surely, and why?",
            f"**Kind.** {report.winner}. **Grade {report.grade}**: {_GRADES[report.grade]}.",
            "",
            "## Segments",
            *[f"- **{one['id']} {one['name']}**: {one['description']}" for one in report.segments],
            "",
            "## Learned from",
            *[f"- {key.replace('_', ' ')}: {value}" for key, value in report.data.items()],
            "",
            "## How far they hold",
            "| figure | value (95 % interval over contacts) |",
            "|---|---|",
            *[f"| {key.replace('_', ' ')} | {_shown(value)} |" for key, value in report.figures.items()],
            "",
            *[f"- {note}" for note in report.notes],
            *[f"- Left out: {left.name}: {left.reason}" for left in report.left_out],
            "",
            "## Not for",
            "Decisions about credit, employment, housing, insurance, health or the law; people who refused profiling.",
            "A segment says how a contact behaves, not why, and not what contacting it would change.",
            "",
        ]
    )


def _shown(figure: Interval | float) -> str:
    return str(figure) if isinstance(figure, Interval) else f"{figure:.3f}"

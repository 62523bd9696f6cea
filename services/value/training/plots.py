"""Plots of a run: what was expected and what came by tenth, and what the model looks at."""

from services.value.training.report import ValueReport
from shared.training.report import as_percent, axes_of, png

_BLUE, _GREY = "#1f5fa8", "#8a8f98"


def plots(report: ValueReport) -> dict[str, bytes]:
    """Draw every plot of a report.

    Args:
        report: the run.

    Returns:
        PNG bytes by name: deciles, importance.
    """
    return {"deciles": _deciles(report), "importance": _importance(report)}


def _deciles(report: ValueReport) -> bytes:
    figure, axes = axes_of(7, 4.2)
    places = range(1, len(report.deciles) + 1)
    money = report.data["currency"] or "value"
    axes.bar(
        [p - 0.2 for p in places], [one["expected"] for one in report.deciles], 0.38, color=_BLUE, label="expected"
    )
    axes.bar([p + 0.2 for p in places], [one["actual"] for one in report.deciles], 0.38, color=_GREY, label="came")
    axes.set(xlabel="tenth of the contacts by expected value, the highest last", ylabel=f"{money} a contact")
    axes.set_xticks(list(places))
    axes.set_title("What was expected of held-out contacts, and what came", loc="left", fontsize=11)
    axes.legend(frameon=False)
    return png(figure)


def _importance(report: ValueReport) -> bytes:
    names = [name for name, _ in report.importance][::-1]
    figure, axes = axes_of(7, max(2.5, 0.27 * len(names) + 1))
    axes.barh(names, [value for _, value in report.importance][::-1], color=_BLUE, height=0.65)
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="share of all importance")
    as_percent(axes.xaxis)
    axes.set_title("What the model looks at", loc="left", fontsize=11)
    return png(figure)

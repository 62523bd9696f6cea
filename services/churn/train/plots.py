"""The plot of curves: what was predicted for four groups, and what was seen."""

from typing import Any

from shared.training.report import as_percent, axes_of, png

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

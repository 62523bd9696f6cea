"""Plots of a run: the line of gains, what each rule brings, effects by place, and what the model looks at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.uplift.training.report import UpliftReport
from shared.training.report import as_percent, axes_of, png

_BLUE, _GREY = "#1f5fa8", "#8a8f98"
_COLOURS = (_BLUE, "#b4541a", "#2f7d4f", "#7a4fa3", "#8a8f98")
MOST_DRAWN = 5
"""Arms that are drawn, those with the greatest effects."""


def plots(report: UpliftReport) -> dict[str, bytes]:
    """Draw every plot of a report.

    Args:
        report: the run.

    Returns:
        PNG bytes by name: qini, rules, places, importance.
    """
    arms = sorted(report.arms, key=lambda one: -one["effect"]["value"])[:MOST_DRAWN]
    drawn = {"qini": _qini(arms), "rules": _rules(report.rules), "places": _places(arms)}
    return {**drawn, "importance": _importance(report)} if report.importance else drawn


def _qini(arms: Sequence[Mapping[str, Any]]) -> bytes:
    figure, axes = axes_of(7, 4.6)
    for colour, arm in zip(_COLOURS, arms, strict=False):
        share = [0.0, *(one["share"] for one in arm["gains"])]
        value, low, high = ([0.0, *(one[name] for one in arm["gains"])] for name in ("value", "low", "high"))
        axes.plot(share, value, color=colour, marker="o", markersize=3, label=arm["name"])
        axes.fill_between(share, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot([0, 1], [0, value[-1]], color=colour, linewidth=1, linestyle="--")
    axes.set(xlabel="contacts that are treated, greatest predicted effect first", ylabel="gained per contact of all")
    as_percent(axes.xaxis)
    axes.set_xlim(0, 1)
    axes.set_title("Gained on held-out contacts (dashed: in no order)", loc="left", fontsize=11)
    axes.legend(frameon=False, loc="upper left")
    return png(figure)


def _rules(rules: Sequence[Mapping[str, Any]]) -> bytes:
    order = sorted(rules, key=lambda one: one["value"])
    figure, axes = axes_of(8, 0.5 * len(order) + 1.4)
    places = np.arange(len(order))
    middle = np.array([one["value"] for one in order])
    ends = np.abs(np.array([[one["low"], one["high"]] for one in order]).T - middle)
    axes.errorbar(middle, places, xerr=ends, fmt="o", color=_BLUE, ecolor=_GREY, capsize=3)
    axes.set_yticks(places, [one["rule"] for one in order], fontsize=9)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlabel("mean outcome per contact, with 95 % interval")
    axes.set_title("What each rule would have brought", loc="left", fontsize=11)
    return png(figure)


def _places(arms: Sequence[Mapping[str, Any]]) -> bytes:
    figure, axes = axes_of(7, 4.4)
    for colour, arm in zip(_COLOURS, arms, strict=False):
        place, effect, low, high = ([one[name] for one in arm["places"]] for name in ("place", "effect", "low", "high"))
        axes.plot(place, effect, color=colour, marker="o", markersize=4, label=arm["name"])
        axes.fill_between(place, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(0, color=_GREY, linewidth=1)
    axes.set(xlabel="contacts by predicted effect, the greatest last", ylabel="measured effect")
    as_percent(axes.xaxis)
    axes.set_title("Measured effect of held-out contacts by predicted effect", loc="left", fontsize=11)
    axes.legend(frameon=False, loc="upper left")
    return png(figure)


def _importance(report: UpliftReport) -> bytes:
    names = [name for name, _ in report.importance][::-1]
    figure, axes = axes_of(7, max(2.5, 0.27 * len(names) + 1))
    axes.barh(names, [value for _, value in report.importance][::-1], color=_BLUE, height=0.65)
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="share of all importance")
    as_percent(axes.xaxis)
    axes.set_title("What the predicted effect looks at", loc="left", fontsize=11)
    return png(figure)

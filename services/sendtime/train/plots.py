"""The plots of a run as PNG bytes: the population's week, exposure against answers, reliability."""

import io
from typing import Any

import numpy as np

from services.sendtime.model.activity import Activity
from services.sendtime.model.judges import ENOUGH_SENDS
from services.sendtime.model.timing import Timing
from services.sendtime.model.week import DAY_NAMES, DAYS, HOURS, Vector, by_hour
from shared.learners.simple import chance
from shared.training.report import Report

_A = {"click": "a click", "open": "an open", "order": "an order"}
_BLUE, _GREY, _ORANGE = "#1f5fa8", "#8a8f98", "#c8641b"


def plots(report: Report, activity: Activity, timing: Timing | None) -> dict[str, bytes]:
    """Draw every plot of a run.

    Args:
        report: of the run.
        activity: of the population.
        timing: of the default engagement; None where sends are not known.

    Returns:
        PNG bytes by name.
    """
    if timing is None:
        return {"week": _week(activity.population, "share of activity", "When contacts are active")}
    answers = chance(timing.population_margins())
    tried = np.tile(by_hour(timing.response.sent) >= ENOUGH_SENDS, DAYS)
    title = f"Chance of {_A[timing.engagement]} within a day, by the hour of sending (blank: hours never tried)"
    return {
        "week": _week(np.where(tried, answers, np.nan), "chance of an answer", title),
        "exposure": _exposure(by_hour(timing.response.sent), answers.reshape(DAYS, HOURS).mean(axis=0)),
        "reliability": _reliability(report),
    }


def _axes(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _percent(share: float, _: object = None) -> str:
    return f"{100 * share:.3g}%"


def _week(values: Vector, unit: str, title: str) -> bytes:
    figure, axes = _axes(8, 3.2)
    image = axes.imshow(values.reshape(DAYS, HOURS), aspect="auto", cmap="Blues", vmin=0)
    axes.set_yticks(range(DAYS), [name[:3] for name in DAY_NAMES])
    axes.set_xticks(range(0, HOURS, 3), [f"{hour:02d}" for hour in range(0, HOURS, 3)])
    axes.set_xlabel("local hour")
    axes.set_title(title, loc="left", fontsize=11)
    figure.colorbar(image, ax=axes, format=_percent, label=unit)
    return _png(figure)


def _exposure(sent: Vector, answers: Vector) -> bytes:
    figure, axes = _axes(8, 3.6)
    hours = np.arange(HOURS)
    bars = axes.bar(hours, sent / max(sent.sum(), 1e-12), color=_GREY, alpha=0.5, width=0.8, label="share of sends")
    axes.set(xlabel="local hour of sending", ylabel="share of all sends", ylim=(0, None))
    axes.yaxis.set_major_formatter(_percent)
    axes.set_xticks(range(0, HOURS, 3), [f"{hour:02d}" for hour in range(0, HOURS, 3)])
    other = axes.twinx()
    known = np.where(sent >= ENOUGH_SENDS, answers, np.nan)
    line = other.plot(hours, known, color=_ORANGE, marker="o", markersize=3, label="chance of an answer")[0]
    other.set_ylabel("chance of an answer")
    other.set_ylim(0, max(float(answers.max()) * 1.15, 1e-6))
    other.yaxis.set_major_formatter(_percent)
    axes.legend(handles=[bars, line], frameon=False, loc="lower left", ncols=2, bbox_to_anchor=(-0.01, 0.99))
    axes.set_title("When was sent, and what an average send would bring", loc="left", fontsize=11, pad=24)
    return _png(figure)


def _reliability(report: Report) -> bytes:
    figure, axes = _axes(5, 4.6)
    predicted, seen = report.reliability["predicted"], report.reliability["seen"]
    top = max([*predicted, *seen, 0.02]) * 1.08
    axes.plot([0, top], [0, top], color=_GREY, linewidth=1, linestyle="--", label="perfect")
    axes.plot(predicted, seen, color=_BLUE, marker="o", label="this version")
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="predicted chance", ylabel="share that engaged")
    axes.xaxis.set_major_formatter(_percent)
    axes.yaxis.set_major_formatter(_percent)
    axes.set_title("Reliability: ten groups of equal size", loc="left", fontsize=11)
    axes.legend(frameon=False)
    return _png(figure)

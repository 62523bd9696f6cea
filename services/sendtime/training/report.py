"""The report of a run and its plots: how good the model is on later time, beside what a careful marketer would do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.activity import Activity
from services.sendtime.model.local_week import DAY_NAMES, DAYS, HOURS, by_hour
from services.sendtime.model.slot_choice import ENOUGH_SENDS
from services.sendtime.model.timing import HIERARCHY, NAMES, Timing
from services.sendtime.model.weeks import week_values
from services.sendtime.training.activity import Shares
from services.sendtime.training.material import SendTimeMaterial
from services.sendtime.training.timing import LearnedTiming, loss_of
from shared.contracts.rows import instant_of
from shared.evaluation import metrics
from shared.evaluation.gate import grade, share_of
from shared.evaluation.metrics import Interval, of_figures, of_mean, of_means
from shared.learners.simple import Vector, chance
from shared.ties import falling, least
from shared.training.report import DOTS_PER_INCH, Figures, Report, png

_WORDS = {
    HIERARCHY: "hierarchy: population, look-alikes, the contact",
    "lightgbm": "trees on top of the hierarchy",
    "activity": "activity alone: population, look-alikes, the contact",
}


def of_answers(material: SendTimeMaterial, learned: LearnedTiming, others: Shares) -> Report:
    """Report on a model of how sends are answered.

    Args:
        material: the account.
        learned: the engagement that is meant by default.
        others: how well activity is foretold, beside it.
    """
    found, timing = learned.judged, learned.timing
    sends = material.sends[timing.engagement]
    owner = sends.owner[found.rows]
    loss, constant = loss_of(found, found.served), loss_of(found, found.constant)
    plain = least((constant, loss_of(found, found.slots), loss_of(found, found.level)), lambda other: other.mean())
    untimed = loss_of(found, found.without_timing)
    own_loss, *gains = of_means([loss, plain - loss, constant - loss, untimed - loss], owner)
    over_rule, over_constant, from_timing = map(share_of, gains, (plain, constant, untimed))
    positives = len(np.unique(sends.owner[sends.engaged > 0]))
    return Report(
        winner=f"{_WORDS[timing.kind]} ({timing.engagement})",
        kind=timing.kind,
        grade=grade(over_rule, positive_contacts=positives),
        usable=over_constant.low > 0 or not timing.varied,
        data={
            **_contacts(material),
            "sends": len(sends),
            "engaged_contacts": positives,
            "engagement": timing.engagement,
            "base_rate": round(float(sends.engaged.mean()), 6),
            "judged_sends": len(found.rows),
            "judged_from": _day(int(sends.at[found.rows].min())),
            "judged_to": _day(int(sends.at[found.rows].max())),
        },
        candidates=_candidates(learned),
        figures={
            **_ranked(found.labels, found.served, owner),
            "log_loss": own_loss,
            "log_loss_constant": float(constant.mean()),
            "skill_over_constant": over_constant,
            "skill_over_plain_rule": over_rule,
            "gain_from_timing": from_timing,
            "activity_log_loss": of_mean(-np.log(others.personal), others.owner),
            "activity_log_loss_population": float(-np.log(others.population).mean()),
        },
        reliability=_reliability(found.labels, found.served),
        lift={},
        importance=_importance(learned),
        notes=_notes_of_answers(learned, positives),
    )


def of_activity(material: SendTimeMaterial, shares: Shares) -> Report:
    """Report on a model of when contacts are active, where their sends are not known."""
    loss, population, uniform = (-np.log(part) for part in (shares.personal, shares.population, shares.uniform))
    plain = least((uniform, population), lambda other: other.mean())
    own_loss, *gains = of_means([loss, plain - loss, uniform - loss], shares.owner)
    over_rule, over_uniform = map(share_of, gains, (plain, uniform))
    return Report(
        winner=_WORDS["activity"],
        kind="activity",
        grade=grade(over_rule, positive_contacts=material.active),
        usable=over_uniform.low > 0,
        data={
            **_contacts(material),
            "acts": len(material.acts.at),
            "judged_acts": len(shares.personal),
            "judged_from": _day(int(shares.at.min())),
            "judged_to": _day(int(shares.at.max())),
        },
        candidates=[
            {"label": "uniform", "kind": "constant", "log_loss": float(uniform.mean())},
            {"label": "one profile for all", "kind": "rule", "log_loss": float(population.mean())},
            {"label": _WORDS["activity"], "kind": "activity", "log_loss": float(loss.mean()), "served": True},
        ],
        figures={
            "log_loss": own_loss,
            "log_loss_population": float(population.mean()),
            "log_loss_constant": float(uniform.mean()),
            "skill_over_constant": over_uniform,
            "skill_over_plain_rule": over_rule,
        },
        reliability={},
        lift={},
        importance=[],
        notes=[
            "Sends are not known, or too few carry a message id and were answered: what is learned is when contacts "
            "are active. That is a share of the week, not a chance, and it may follow past sending times.",
            "It was judged by the hours of the week at which contacts were active later; what answers now has learned "
            "from all of them.",
        ],
    )


def _contacts(material: SendTimeMaterial) -> Figures:
    return {"contacts": len(material.pasts), "active_contacts": material.active, "account_zone": material.zones.account}


def _candidates(learned: LearnedTiming) -> list[Figures]:
    found = learned.judged
    listed = (
        ("constant", "constant", found.constant, False),
        ("one week for all", "rule", found.slots, False),
        ("the contact's level, whenever", "rule", found.level, False),
        ("served without timing", "rule", found.without_timing, False),
        (_WORDS[HIERARCHY], HIERARCHY, found.hierarchy, not found.trees_serve),
        (_WORDS["lightgbm"], "lightgbm", found.trees, found.trees_serve),
    )
    return [
        {
            "label": label,
            "kind": kind,
            "log_loss": float(loss_of(found, margins).mean()),
            "auc": _plain(metrics.auc(found.labels, margins)),
            "served": served,
        }
        for label, kind, margins, served in listed
    ]


def _ranked(labels: Vector, margins: Vector, owner: NDArray[np.int32]) -> dict[str, Interval | float]:
    ranking = metrics.Ranking(labels, margins)

    def figures(times: Vector) -> dict[str, float]:
        slope, intercept = metrics.calibration_line(labels, margins, times)
        return {"auc": ranking.auc(times), "calibration_slope": slope, "calibration_intercept": intercept}

    return {**of_figures(figures, owner), "calibration_error": metrics.calibration_error(labels, chance(margins))}


def _reliability(labels: Vector, margins: Vector) -> Figures:
    predicted, seen, count = metrics.reliability(labels, chance(margins))
    return {"predicted": predicted.round(6).tolist(), "seen": seen.round(6).tolist(), "count": count.tolist()}


def _importance(learned: LearnedTiming) -> list[tuple[str, float]]:
    trees = learned.timing.trees
    if trees is None:
        return []
    gain = trees.importance()
    total = float(gain.sum()) or 1.0
    order = falling(gain)
    return [(NAMES[column], round(float(gain[column]) / total, 4)) for column in order if gain[column] > 0]


def _notes_of_answers(learned: LearnedTiming, positives: int) -> list[str]:
    timing, found = learned.timing, learned.judged
    hierarchy, trees = (float(loss_of(found, margins).mean()) for margins in (found.hierarchy, found.trees))
    notes = [
        f"Trees on top of averages (everybody, people alike, the contact) {'serve' if found.trees_serve else 'do not'}"
        f"{'' if found.trees_serve else ' serve'}: log loss {trees:.4f}, averages alone {hierarchy:.4f}.",
        "It was judged on two stretches of time, each by what was known when it began; what answers now has learned "
        "from all sends.",
    ]
    if not timing.varied:
        notes.append(
            f"All sends went out at one local hour ({timing.usual_hour}): hours cannot be compared. Answers say "
            "`basis: default` until some sends go out at other hours (an experiment does that)."
        )
    if positives < 200:
        notes.append(f"Only {positives} contacts engaged; with fewer than 200 the grade is C at most.")
    return notes


def _day(at: int) -> str:
    return instant_of(at).date().isoformat()


def _plain(number: float) -> float | None:
    return None if not np.isfinite(number) else round(float(number), 6)


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
    title = f"Chance of {_A[timing.engagement]} within a day, by the hour of sending (blank: hours never tried)"
    return {
        "week": _week(week_values(activity, timing), "chance of an answer", title),
        "exposure": _exposure(by_hour(timing.response.sent), answers.reshape(DAYS, HOURS).mean(axis=0)),
        "reliability": _reliability_plot(report),
    }


def _axes(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


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
    return png(figure)


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
    return png(figure)


def _reliability_plot(report: Report) -> bytes:
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
    return png(figure)

"""The report of a run: how good the served model is on later time, against what a careful marketer would do anyway."""

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.columns import NAMES
from services.sendtime.model.timing import HIERARCHY
from services.sendtime.train.activity import Shares
from services.sendtime.train.answers import Learned, loss_of
from services.sendtime.train.material import Material
from shared.contracts.rows import instant_of
from shared.evaluation import metrics
from shared.evaluation.gate import grade, skill
from shared.evaluation.metrics import Interval, of_figures, of_mean
from shared.learners.simple import Vector, chance
from shared.ties import falling, least
from shared.training.report import Figures, Report

_WORDS = {
    HIERARCHY: "hierarchy: population, look-alikes, the contact",
    "lightgbm": "trees on top of the hierarchy",
    "activity": "activity alone: population, look-alikes, the contact",
}


def of_answers(stuff: Material, learned: Learned, others: Shares) -> Report:
    """Report on a model of how sends are answered.

    Args:
        stuff: the account.
        learned: the engagement that is meant by default.
        others: how well activity is foretold, beside it.
    """
    found, timing = learned.judged, learned.timing
    sends = stuff.sends[timing.engagement]
    owner = sends.owner[found.rows]
    loss, constant = loss_of(found, found.served), loss_of(found, found.constant)
    plain = least((constant, loss_of(found, found.slots), loss_of(found, found.level)), lambda other: other.mean())
    over_rule, over_constant = skill(loss, plain, owner), skill(loss, constant, owner)
    positives = len(np.unique(sends.owner[sends.engaged > 0]))
    return Report(
        winner=f"{_WORDS[timing.kind]} ({timing.engagement})",
        kind=timing.kind,
        grade=grade(over_rule, positive_contacts=positives),
        usable=over_constant.low > 0 or not timing.varied,
        data={
            **_contacts(stuff),
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
            "log_loss": of_mean(loss, owner),
            "log_loss_constant": float(constant.mean()),
            "skill_over_constant": over_constant,
            "skill_over_plain_rule": over_rule,
            "gain_from_timing": skill(loss, loss_of(found, found.without_timing), owner),
            "activity_log_loss": of_mean(-np.log(others.personal), others.owner),
            "activity_log_loss_population": float(-np.log(others.population).mean()),
        },
        reliability=_reliability(found.labels, found.served),
        lift={},
        importance=_importance(learned),
        notes=_notes_of_answers(learned, positives),
    )


def of_activity(stuff: Material, shares: Shares) -> Report:
    """Report on a model of when contacts are active, where their sends are not known."""
    loss, population, uniform = (-np.log(part) for part in (shares.personal, shares.population, shares.uniform))
    plain = least((uniform, population), lambda other: other.mean())
    over_rule, over_uniform = skill(loss, plain, shares.owner), skill(loss, uniform, shares.owner)
    return Report(
        winner=_WORDS["activity"],
        kind="activity",
        grade=grade(over_rule, positive_contacts=stuff.active),
        usable=over_uniform.low > 0,
        data={
            **_contacts(stuff),
            "acts": len(stuff.acts.at),
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
            "log_loss": of_mean(loss, shares.owner),
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


def _contacts(stuff: Material) -> Figures:
    return {"contacts": len(stuff.pasts), "active_contacts": stuff.active, "account_zone": stuff.zones.account}


def _candidates(learned: Learned) -> list[Figures]:
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


def _importance(learned: Learned) -> list[tuple[str, float]]:
    trees = learned.timing.trees
    if trees is None:
        return []
    gain = trees.importance()
    total = float(gain.sum()) or 1.0
    order = falling(gain)
    return [(NAMES[column], round(float(gain[column]) / total, 4)) for column in order if gain[column] > 0]


def _notes_of_answers(learned: Learned, positives: int) -> list[str]:
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

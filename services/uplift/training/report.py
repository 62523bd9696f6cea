"""The report of a run: effects, rules beside each other, Qini, the check of the lot; every figure with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.uplift.training.assessment import LEVELS, gains_line
from services.uplift.training.fitting import BY_RESPONSE, NOBODY, PERSONAL, UpliftFit, blanket_rule
from services.uplift.training.learners import LEARNERS
from services.uplift.training.material import UpliftMaterial
from shared.contracts.prediction import Grade
from shared.contracts.rows import instant_of
from shared.evaluation.metrics import Interval
from shared.features import ColumnRead, LeftOut

Figures = dict[str, Any]
WORDS = {
    "t_learner": "one model an arm, subtracted (T-learner)",
    "x_learner": "gaps to the other arm's model (X-learner)",
    "dr_learner": "doubly robust numbers (DR-learner)",
    "response": "the response score",
}
MOST_IMPORTANT = 20


@dataclass(frozen=True, slots=True)
class UpliftReport:
    """What one training found."""

    winner: str
    kind: str
    grade: Grade
    usable: bool
    data: Figures
    arms: Sequence[Figures]
    """Of each arm beside control: contacts, effect, the line of gains, groups by predicted effect."""
    rules: Sequence[Figures]
    """What each rule brings, per contact."""
    candidates: Sequence[Figures]
    figures: Mapping[str, Interval | float]
    randomisation: Sequence[Mapping[str, Any]]
    conclusion: str
    importance: Sequence[tuple[str, float]]
    left_out: Sequence[LeftOut]
    columns: Sequence[ColumnRead]
    notes: Sequence[str]
    unusable_because: str = "no arm surely changes the outcome: the interval of each average effect includes none"

    def to_json(self) -> Figures:
        """Write as plain values."""
        return {
            "winner": self.winner,
            "kind": self.kind,
            "grade": self.grade,
            "usable": self.usable,
            "data": self.data,
            "arms": list(self.arms),
            "rules": list(self.rules),
            "candidates": list(self.candidates),
            "figures": {
                name: one.to_json() if isinstance(one, Interval) else round(float(one), 6)
                for name, one in self.figures.items()
            },
            "randomisation": [dict(one) for one in self.randomisation],
            "conclusion": self.conclusion,
            "importance": [list(pair) for pair in self.importance],
            "left_out": [{"name": left.name, "reason": left.reason, "remedy": left.remedy} for left in self.left_out],
            "columns": [column.to_json() for column in self.columns],
            "notes": list(self.notes),
        }


def report(material: UpliftMaterial, fit: UpliftFit) -> UpliftReport:
    """Write down what a fit found.

    Args:
        material: of the run.
        fit: the model and its evidence.
    """
    found = fit.evidence
    conclusion = conclusion_of(fit, sums_value=material.outcome.sums_value)
    return UpliftReport(
        winner=WORDS[found.learner],
        kind=found.learner,
        grade=fit.grade,
        usable=fit.usable,
        data=_data(material, fit),
        arms=[_arm(material, fit, number) for number in range(1, len(found.names))],
        rules=_rules(fit),
        candidates=[
            {
                "label": WORDS[name],
                "qini": round(float(np.mean([one.value for one in found.qinis[name]])), 6),
                "served": name == found.learner,
            }
            for name in (*LEARNERS, "response")
        ],
        figures=_figures(fit),
        randomisation=[one.to_json() for one in fit.randomisation],
        conclusion=conclusion,
        importance=_importance(material, fit),
        left_out=material.left_out,
        columns=material.columns,
        notes=[conclusion, *_lot_notes(material, fit), *material.notes],
    )


def conclusion_of(fit: UpliftFit, *, sums_value: bool) -> str:
    """Say in a sentence or two what to do."""
    found = fit.evidence
    if found.has_policy:
        return (
            f"Choose for each contact: it brings {amount(found.gain, sums_value=sums_value)} more per contact than "
            f"the best rule for all ({found.best_blanket})."
        )
    if found.surely_best is None:
        first = "No arm surely changes the outcome: nothing speaks for sending, and nothing against it, yet."
    elif found.surely_best == found.names[0]:
        first = f"Give {found.names[0]} to everybody: each arm surely lowers the outcome."
    else:
        average = found.averages[found.names.index(found.surely_best) - 1]
        first = f"Send {found.surely_best} to all: it adds {amount(average, sums_value=sums_value)}."
    personal = [name for name, is_personal in zip(found.names[1:], found.is_personal, strict=True) if is_personal]
    if personal:
        return (
            f"{first} Contacts differ in what {' and '.join(personal)} adds, but to choose for each is not proven to "
            "bring more."
        )
    return f"{first} That contacts differ in it is not proven: no personal effect is claimed."


def amount(effect: Interval, *, sums_value: bool) -> str:
    """Write an effect with its interval.

    >>> amount(Interval(0.0766, 0.07, 0.0832), sums_value=False)
    '7.7 percentage points (7.0 to 8.3)'
    """
    if sums_value:
        return f"{effect.value:.2f} in value ({effect.low:.2f} to {effect.high:.2f})"
    return f"{100 * effect.value:.1f} percentage points ({100 * effect.low:.1f} to {100 * effect.high:.1f})"


def _data(material: UpliftMaterial, fit: UpliftFit) -> Figures:
    assigned, table = material.assigned, material.table
    when = (
        {}
        if material.is_flat
        else {
            "first_cutoff": _day(int(assigned.at.min())),
            "last_cutoff": _day(int(assigned.at.max())),
        }
    )
    return {
        "experiment": material.source,
        "contacts": len(np.unique(assigned.contact)),
        "assignments": len(assigned),
        "positive_contacts": len(np.unique(assigned.contact[table.label > 0])),
        "base_rate": round(float(table.label.mean()), 6),
        "control": assigned.names[0],
        "arms": len(assigned.names) - 1,
        "chances": "as planned" if assigned.is_planned else "counted shares",
        "judged_by": "later assignments" if material.is_in_time else "other contacts (folds)",
        "judged_assignments": len(fit.evidence.held.table),
        "features": len(material.feature_set),
        **when,
    }


def _day(at: int) -> str:
    return instant_of(at).date().isoformat()


def _arm(material: UpliftMaterial, fit: UpliftFit, number: int) -> Figures:
    found, model = fit.evidence, fit.model.arms[number - 1]
    line = gains_line(found.held.gained(number), found.places[:, number - 1], found.held.owner)
    return {
        "name": model.name,
        "contacts": material.assigned.contacts()[number],
        "effect": found.averages[number - 1].to_json(),
        "is_personal": model.is_personal,
        "qini": found.qinis[found.learner][number - 1].to_json(),
        "gains": [{"share": level, **one.to_json()} for level, one in zip(LEVELS, line, strict=True)],
        "places": [
            {"place": round(place, 4), "effect": round(effect, 6), "low": round(low, 6), "high": round(high, 6)}
            for place, effect, low, high in zip(
                *(one.tolist() for one in (model.curve.place, model.curve.effect, model.curve.low, model.curve.high)),
                strict=True,
            )
        ],
    }


def _rules(fit: UpliftFit) -> list[Figures]:
    found = fit.evidence
    treated = {name: round(float(np.mean(chosen != 0)), 4) for name, chosen in found.policies.items()}
    return [
        {
            "rule": name,
            "treated": treated[name],
            **value.to_json(),
            "is_best_for_all": name == found.best_blanket,
        }
        for name, value in found.values.items()
    ]


def _figures(fit: UpliftFit) -> dict[str, Interval | float]:
    found = fit.evidence
    best = int(np.argmax([one.value for one in found.averages]))
    return {
        "average_effect": found.averages[best],
        "qini": found.qinis[found.learner][best],
        "qini_of_response_score": found.qinis["response"][best],
        "policy_gain": found.gain,
        "value_of_nobody": found.values[NOBODY],
        "value_of_best_for_all": found.values[found.best_blanket],
        "value_of_response_score": found.values[BY_RESPONSE],
        "value_of_personal_choice": found.values[PERSONAL],
        **{f"effect_of_{number}": one for number, one in enumerate(found.averages, 1) if len(found.averages) > 1},
    }


def _importance(material: UpliftMaterial, fit: UpliftFit) -> list[tuple[str, float]]:
    share = fit.importance / (fit.importance.sum() or 1.0)
    names = material.feature_set.names
    order = np.argsort(-share, kind="stable")[:MOST_IMPORTANT]
    return [(names[place], round(float(share[place]), 4)) for place in order if share[place] > 0]


def _lot_notes(material: UpliftMaterial, fit: UpliftFit) -> list[str]:
    listed = ", ".join(
        f"{one.name} {100 * one.predicted.value:.0f} of 100 ({100 * one.predicted.low:.0f} to "
        f"{100 * one.predicted.high:.0f})"
        for one in fit.randomisation
    )
    size = (
        "Arms have the sizes that their chances say."
        if material.assigned.is_planned
        else "Chances were not stated, so that sizes of arms could not be checked; counted shares stand for them."
    )
    rules = [blanket_rule(one.name) for one in fit.model.arms]
    return [
        f"Arms were given by lot as far as features tell. Pairs in which the arm is named rightly (by chance 50 of "
        f"100): {listed}. {size}",
        f"Rules that were compared on the same held-out contacts: {NOBODY}, {', '.join(rules)}, {BY_RESPONSE}, "
        f"{PERSONAL}.",
    ]

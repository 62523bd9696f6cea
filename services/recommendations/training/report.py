"""The report of a run and its plots: every method on the same candidates of a later window, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.recommendations.model.candidates import COLUMNS
from services.recommendations.training.assessment import POPULAR, REPEAT, TOP
from services.recommendations.training.fitting import Method, RecommendationFit
from shared.contracts.prediction import Grade
from shared.contracts.rows import Microseconds, instant_of
from shared.evaluation.metrics import Interval, of_mean
from shared.training.report import axes_of, png

Figures = dict[str, Any]
QUESTION = "Which items will this contact buy next?"
_BLUE, _GREY = "#1f5fa8", "#8a8f98"


@dataclass(frozen=True, slots=True)
class RecommendationReport:
    """What one training found."""

    winner: str
    kind: str
    grade: Grade
    data: Figures
    candidates: Sequence[Figures]
    figures: Mapping[str, Interval | float]
    importance: Sequence[tuple[str, float]]
    notes: Sequence[str]
    usable: bool
    unusable_because: str = "its lists are not surely better than what is most popular"

    def to_json(self) -> Figures:
        """Write as plain values."""
        return {
            "winner": self.winner,
            "kind": self.kind,
            "grade": self.grade,
            "usable": self.usable,
            "data": self.data,
            "candidates": list(self.candidates),
            "figures": {
                name: figure.to_json() if isinstance(figure, Interval) else round(float(figure), 6)
                for name, figure in self.figures.items()
            },
            "importance": [list(pair) for pair in self.importance],
            "notes": list(self.notes),
        }


def report(fit: RecommendationFit, until: Microseconds, *, in_catalogue: int | None = None) -> RecommendationReport:
    """Write down what a fit found.

    Args:
        fit: the model and its evidence.
        until: the end of the data.
        in_catalogue: how many of the learned items the account's catalogue knows; None: it has none.
    """
    served = fit.served
    popular, repeat = fit.named(POPULAR), fit.named(REPEAT)
    without_past = int(np.count_nonzero(np.diff(fit.snapshot.history.offsets) == 0))
    figures: dict[str, Interval | float] = {
        "recall_at_10": _mean(served.all_items.recall),
        "ndcg_at_10": _mean(served.all_items.ndcg),
        "recall_at_10_new_items": _mean(served.new_items.recall),
        "ndcg_at_10_new_items": _mean(served.new_items.ndcg),
        "recall_at_10_most_popular": float(popular.all_items.recall.mean()),
        "ndcg_at_10_most_popular": float(popular.all_items.ndcg.mean()),
        "ndcg_at_10_repeat_purchase": float(repeat.all_items.ndcg.mean()),
        "lift_over_most_popular": fit.lift_over(POPULAR),
        "lift_over_repeat_purchase": fit.lift_over(REPEAT),
        "catalogue_coverage": len(served.all_items.shown) / max(fit.window.items, 1),
        "share_of_fallbacks": without_past / max(fit.snapshot.history.contacts, 1),
    }
    return RecommendationReport(
        winner=served.label,
        kind=served.kind,
        grade=fit.grade,
        data=_data(fit, until),
        candidates=[_candidate(one, served) for one in fit.candidates],
        figures=figures,
        importance=_importance(fit),
        notes=[*catalogue_notes(in_catalogue, len(fit.snapshot.items)), *_notes(fit)],
        usable=fit.usable,
    )


def _mean(values: Any) -> Interval:
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    return of_mean(values, np.arange(len(values)))


def _data(fit: RecommendationFit, until: Microseconds) -> Figures:
    history = fit.snapshot.history
    return {
        "contacts": history.contacts,
        "buyers": int(np.count_nonzero(np.diff(history.offsets))),
        "items": len(fit.snapshot.items),
        "purchases": int(history.count.sum()),
        "judged_contacts": len(fit.window.judged),
        "judged_from": instant_of(fit.judged_at.cutoff).date().isoformat(),
        "judged_to": instant_of(until).date().isoformat(),
        "items_bought_then": round(float(fit.window.targets[fit.window.judged].mean()), 2),
        "candidates": len(fit.window.label),
    }


def _candidate(one: Method, served: Method) -> Figures:
    return {
        "label": one.label,
        "kind": one.kind,
        "recall_at_10": round(float(one.all_items.recall.mean()), 6),
        "ndcg_at_10": round(one.ndcg, 6),
        "recall_at_10_new_items": _plain(one.new_items.recall),
        "ndcg_at_10_new_items": _plain(one.new_items.ndcg),
        "served": one is served,
    }


def _plain(values: Any) -> float | None:
    return round(float(values.mean()), 6) if len(values) else None


def _importance(fit: RecommendationFit) -> list[tuple[str, float]]:
    found = np.zeros(len(COLUMNS))
    importance = fit.model.learner.importance()
    found[: len(importance)] = importance
    found /= found.sum() or 1.0
    order = np.argsort(-found, kind="stable")
    return [(COLUMNS[place], round(float(found[place]), 4)) for place in order if found[place] > 0]


def catalogue_notes(in_catalogue: int | None, learned: int) -> list[str]:
    """Warn where a catalogue knows few of the items that are bought: it then says nothing of what is recommended.

    >>> catalogue_notes(None, 10), catalogue_notes(6, 10)
    ([], [])
    >>> catalogue_notes(0, 10)[0][:55]
    'The catalogue has 0 of the 10 items that are learned of'
    """
    if in_catalogue is None or in_catalogue * 2 >= learned:
        return []
    return [
        f"The catalogue has {in_catalogue:,} of the {learned:,} items that are learned of: the others are recommended "
        "without name and price, and cannot be switched off. Are its ids those of `item` in your orders?"
    ]


def _notes(fit: RecommendationFit) -> list[str]:
    days = fit.model.horizon_days
    return [
        f"Every method listed {TOP} of the same candidates for the contacts who had bought before and bought within "
        f"{days} days after {instant_of(fit.judged_at.cutoff):%Y-%m-%d}; items were learned from what lay before, "
        "weights from the window before that. Recall divides by what could be hit, at most 10.",
        "Contacts of whom nothing is known that they bought get what is popular or trending; the answer says so.",
    ]


def plots(fit: RecommendationFit) -> dict[str, bytes]:
    """Draw the plots of a fit, PNG bytes by name."""
    return {"methods": _methods(fit)}


def _methods(fit: RecommendationFit) -> bytes:
    order = sorted(fit.candidates, key=lambda one: one.ndcg)
    rows = np.arange(len(order))
    figure, axes = axes_of(8, 0.55 * len(order) + 1.4)
    thick = 0.38
    every = [one.ndcg for one in order]
    fresh = [float(one.new_items.ndcg.mean()) if len(one.new_items.ndcg) else 0.0 for one in order]
    bars = axes.barh(rows + thick / 2, every, thick, color=_BLUE, label="all that was bought")
    axes.bar_label(bars, [f"{value:.3f}" for value in every], padding=3, fontsize=8)
    bars = axes.barh(rows - thick / 2, fresh, thick, color=_GREY, label="new to the contact")
    axes.bar_label(bars, [f"{value:.3f}" for value in fresh], padding=3, fontsize=8)
    axes.set_yticks(rows, [f"{one.label}{' (serves)' if one is fit.served else ''}" for one in order], fontsize=9)
    axes.set_xlim(0, max([*every, *fresh, 0.01]) * 1.15)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    axes.set_xlabel("NDCG of the first ten, on the later window")
    axes.set_title("How well each method lists what is bought next", loc="left", fontsize=11)
    return png(figure)

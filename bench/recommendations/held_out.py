"""Lists for the contacts of a shop at the beginning of its last 60 days, against what they bought in them."""

from dataclasses import dataclass

import numpy as np

from bench.recommendations.data import HELD_OUT_DAYS, Shop
from services.recommendations.training.assessment import (
    FACTORISATION,
    ITEM_TO_ITEM,
    POPULAR,
    REPEAT,
    JudgedLists,
    JudgedWindow,
    judged,
)
from services.recommendations.training.fitting import fitted
from services.recommendations.training.material import ItemSnapshot, material_of
from shared.evaluation.metrics import Interval, of_mean

BLEND = "the blend that is served"
SINGLE = (POPULAR, REPEAT, ITEM_TO_ITEM, FACTORISATION)
HEADER = (
    "| data | method | recall@10 | NDCG@10 | recall@10, new items | NDCG@10, new items | items listed |\n"
    "|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Result:
    """What all methods reached on one shop."""

    shop: str
    contacts: int
    bought: float
    """Items a contact, in the window."""
    items: int
    every: dict[str, JudgedLists]
    fresh: dict[str, JudgedLists]
    kind: str

    def lines(self) -> list[str]:
        """Write a row for each method."""
        return [
            f"| {self.shop} | {name} | {_three(one.recall)} | {_three(one.ndcg)} | {_three(self.fresh[name].recall)} "
            f"| {_three(self.fresh[name].ndcg)} | {len(one.shown) / self.items:.0%} |"
            for name, one in self.every.items()
        ]

    def difference(self, figure: str, *, new_only: bool = False) -> tuple[str, Interval]:
        """Return the best single method by a figure, and how far the blend lies above it."""
        found = self.fresh if new_only else self.every
        best = max(SINGLE, key=lambda name: float(getattr(found[name], figure).mean()))
        gain = getattr(found[BLEND], figure) - getattr(found[best], figure)
        return best, of_mean(gain, np.arange(len(gain)))

    def sentences(self) -> list[str]:
        """Write how far the blend lies above the best single method."""
        lines = []
        for words, new_only in (("all items", False), ("new items", True)):
            parts = []
            for figure, name in (("recall", "recall@10"), ("ndcg", "NDCG@10")):
                best, gain = self.difference(figure, new_only=new_only)
                parts.append(f"{name} {gain} above {best}")
            lines.append(f"{self.shop}, {words}: {'; '.join(parts)}.")
        over = of_mean(self.every[BLEND].ndcg - self.every[POPULAR].ndcg, np.arange(self.contacts))
        lines.append(
            f"{self.shop}: {self.contacts:,} contacts with a past bought {self.bought:.1f} items each in the "
            f"{HELD_OUT_DAYS} days; {self.items:,} items were learned. NDCG@10 is {over} above most popular; what "
            f"weighs is of kind {self.kind}."
        )
        return lines


def _three(values: np.ndarray) -> str:
    return f"{values.mean():.3f}" if len(values) else "-"


def result(shop: Shop) -> Result:
    """Train on all but the last 60 days, and list for everybody at their beginning."""
    cutoff = shop.cutoff
    fit = fitted(material_of(shop.pasts, now=cutoff, horizon_days=HELD_OUT_DAYS), now=cutoff)
    model = fit.model
    history = model.history(shop.pasts, np.full(len(shop.pasts), cutoff, dtype=np.int64))
    known = ItemSnapshot(cutoff, model.items, model.code_of, history, model.known)
    window = JudgedWindow.of(shop.pasts, known, shop.end)
    scores = {name: score for name, score in window.plain().items() if name in SINGLE}
    scores[BLEND] = model.learner.margins(window.candidates.values)
    return Result(
        shop.name,
        len(window.judged),
        float(window.targets[window.judged].mean()),
        len(model.items),
        {name: judged(window, score) for name, score in scores.items()},
        {name: judged(window, score, new_only=True) for name, score in scores.items()},
        model.kind,
    )

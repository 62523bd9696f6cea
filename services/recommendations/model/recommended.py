"""What is answered about one contact: the items, each with what speaks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.prediction import Prediction, ReasonPart, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendedItem:
    """One item of a list."""

    code: int
    item: Mapping[str, Any]
    """Id, and what the catalogue says of it."""
    score: float
    source: str
    """model, repeat, trending or popular."""
    reasons: Sequence[ReasonPart] = ()
    """What raises it, the strongest first."""

    def fields(self) -> Mapping[str, object]:
        """Write it as published."""
        return {
            **self.item,
            "score": self.score,
            "source": self.source,
            "reasons": [
                {
                    "feature": feature,
                    "value": value,
                    "effect": "raises" if contribution >= 0 else "lowers",
                    "contribution": contribution,
                    "text": text,
                }
                for feature, value, contribution, text in self.reasons
            ],
        }


@dataclass(slots=True, kw_only=True)
class Recommended(Prediction):
    """The items for one contact; the reasons of the head are those of the first, and sum to its log-odds."""

    source: Source | None = "model"
    items: Sequence[RecommendedItem] = ()

    def own_fields(self) -> Mapping[str, object]:
        """Return what recommendations add to the head."""
        return {"items": [one.fields() for one in self.items]}

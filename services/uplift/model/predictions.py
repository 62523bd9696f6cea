"""What is answered about one contact: the effect, what may be claimed of it, and the group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.uplift.model.effects import ArmModel, EffectEstimate
from shared.contracts.prediction import Prediction, Source

Claim = Literal["personal", "average", "none"]
Group = Literal["persuadable", "sure_thing", "lost_cause", "do_not_disturb", "unclear"]
LEVEL = 0.95


@dataclass(slots=True, kw_only=True)
class UpliftResult(Prediction):
    """What is answered about one contact. The margin is the predicted effect: what reasons share."""

    source: Source | None = "model"
    arm: str
    effect: EffectEstimate
    claim: Claim
    group: Group
    best_arm: str | None
    average: EffectEstimate
    response_without: float
    response_with: float

    def own_fields(self) -> Mapping[str, object]:
        """Return what uplift adds to the head."""
        return {
            "arm": self.arm,
            "effect": self.effect.value,
            "interval": {"low": self.effect.low, "high": self.effect.high, "level": LEVEL},
            "claim": self.claim,
            "group": self.group,
            "best_arm": self.best_arm,
            "average_effect": {"value": self.average.value, "low": self.average.low, "high": self.average.high},
            "response_without": self.response_without,
            "response_with": self.response_with,
        }


def claim_of(effect: EffectEstimate, arm: ArmModel) -> Claim:
    """Return what may be claimed of a contact.

    Args:
        effect: of the contact: its own where the arm's effects are proven to differ, else the average.
        arm: which is judged.
    """
    if not effect.is_sure:
        return "none"
    return "personal" if arm.is_personal else "average"


def group_of(effect: EffectEstimate, arm: ArmModel, *, without: float, usual: float) -> Group:
    """Return the group of a contact; `unclear` where nothing can be said of this one.

    Args:
        effect: of the contact.
        arm: whose effect it is.
        without: what is expected of the contact without treatment.
        usual: what is expected of everybody without treatment.
    """
    if not arm.is_personal:
        return "unclear"
    if effect.low > 0:
        return "persuadable"
    if effect.high < 0:
        return "do_not_disturb"
    if max(-effect.low, effect.high) > arm.negligible:
        return "unclear"
    return "sure_thing" if without >= usual else "lost_cause"

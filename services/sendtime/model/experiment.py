"""Proof: who gets which time by chance, and what the chance found out. Pure; assignments depend on names alone."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.local_week import Vector
from shared.lift.intervals import Z_95, Rate

TREATMENT, CONTROL, EXPLORATION = "treatment", "control", "exploration"
ARMS = (TREATMENT, CONTROL, EXPLORATION)


@dataclass(frozen=True, slots=True)
class ArmShares:
    """Which share of the contacts gets what."""

    control: float = 0.475
    exploration: float = 0.05

    @property
    def treatment(self) -> float:
        """What is left for the model's choice."""
        return 1.0 - self.control - self.exploration


@dataclass(frozen=True, slots=True)
class Assigned:
    """One contact's draw."""

    arm: str
    place: int | None
    """Of the instant among the allowed ones; None: the caller's own time."""
    propensity: float
    """Chance of this very instant, over all arms."""


def drawn(
    campaign: str, contact_id: str, split: ArmShares, *, best: int, default: int | None, allowed: int
) -> Assigned:
    """Draw a contact's arm and instant; the same names always draw the same.

    Args:
        campaign: of the experiment.
        contact_id: of the contact.
        split: shares.
        best: place of the model's choice among the allowed instants.
        default: place of the caller's own time among them; None where it is not one of them.
        allowed: how many there are.
    """
    arm = arm_of(campaign, contact_id, split)
    if arm == CONTROL:
        place = default
    elif arm == EXPLORATION:
        place = min(int(_uniform(campaign, contact_id, "instant") * allowed), allowed - 1)
    else:
        place = best
    chance = split.control if place == default else 0.0
    if place is not None:
        chance += split.exploration / allowed + (split.treatment if place == best else 0.0)
    return Assigned(arm, place, chance)


def arm_of(campaign: str, contact_id: str, split: ArmShares) -> str:
    """Choose an arm.

    >>> arm_of("may", "c-1", ArmShares(control=1.0, exploration=0.0))
    'control'
    """
    place = _uniform(campaign, contact_id, "arm")
    if place < split.control:
        return CONTROL
    return EXPLORATION if place < split.control + split.exploration else TREATMENT


def _uniform(campaign: str, contact_id: str, purpose: str) -> float:
    name = f"{purpose}\x1f{campaign}\x1f{contact_id}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:7], "big") / 2**56


@dataclass(frozen=True, slots=True)
class ArmOutcomes:
    """What became of the contacts whose day is over, one a row of 14 bytes."""

    arm: NDArray[np.int8]
    """Place in `ARMS`."""
    engaged: NDArray[np.bool_]
    """Whether the contact engaged within a day of the actual send; not where nothing was sent."""
    sent: NDArray[np.bool_]
    """Whether the campaign really went out to the contact."""
    on_time: NDArray[np.bool_]
    """Whether it went out within the hour after the assigned instant."""
    propensity: Vector
    as_policy: NDArray[np.bool_]
    """Whether the assigned instant is the model's choice."""
    as_default: NDArray[np.bool_]
    """Whether it is the caller's own time."""

    def of(self, arm: str) -> NDArray[np.bool_]:
        """Mark the rows of an arm."""
        marked: NDArray[np.bool_] = self.arm == ARMS.index(arm)
        return marked

    @staticmethod
    def joined(parts: "Sequence[ArmOutcomes]") -> "ArmOutcomes":
        """Put parts, at least one, together."""
        return ArmOutcomes(
            *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(ArmOutcomes))
        )


def inverse_propensity(outcomes: ArmOutcomes, chosen: NDArray[np.bool_]) -> Rate | None:
    """Estimate the engagement if everybody got the marked choice, from those who happened to get it.

    Self-normalised, with a linearised interval. Source: Swaminathan and Joachims (2015).

    Args:
        outcomes: of all arms.
        chosen: whether each row's instant is the one that the policy would have chosen.

    Returns:
        None where nobody got it.
    """
    weight = np.where(chosen, 1 / outcomes.propensity, 0.0)
    total = float(weight.sum())
    if total == 0:
        return None
    value = float(weight @ outcomes.engaged) / total
    error = sqrt(float((weight**2) @ (outcomes.engaged - value) ** 2)) / total
    return Rate(value, max(0.0, value - Z_95 * error), min(1.0, value + Z_95 * error))

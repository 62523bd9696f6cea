"""Why just this message for just this contact, in a marketer's words; and that it was drawn, where it was. Pure."""

import numpy as np
from numpy.typing import NDArray

from services.messages.model.advice import ChosenMessage
from services.messages.model.consideration import Consideration
from services.messages.model.policy import with_level
from shared.contracts.decision import DecisionArm
from shared.contracts.prediction import ReasonPart

LEVEL = "message"
DRAWN = "chance"
_NOTHING = 1e-9
"""A smaller share is no reason."""


def drawn_reason(chosen: ChosenMessage, open_: int, *, untrained: bool) -> ReasonPart:
    """Say that a message was drawn by equal chances, and why."""
    among = "It is the only one that may be sent" if open_ == 1 else f"Drawn by equal chances from {open_} messages"
    if chosen.arm == DecisionArm.control.value:
        text = f"{among}: this contact is in the control group, which shows what the policy brings"
    else:
        text = f"{among}: too little is known yet to prefer one" if untrained else among
    return ReasonPart(DRAWN, chosen.propensity, 0.0, text)


def gone_reason(chosen: ChosenMessage) -> ReasonPart:
    """Say that a message was decided on before it was taken out of the catalogue."""
    text = "Decided on earlier in this campaign; the message is not in the catalogue any more"
    return ReasonPart(DRAWN, chosen.propensity, 0.0, text)


def reasons_of(
    considered: Consideration, row: int, code: int, open_: NDArray[np.intp], chosen: ChosenMessage, most: int
) -> tuple[list[ReasonPart], float]:
    """List what speaks for a message, against an average of those that could have been chosen.

    Args:
        considered: the call; something is learned.
        row: of the contact.
        code: of the message.
        open_: codes of what could be chosen.
        chosen: as it is answered.
        most: at most so many.

    Returns:
        Reasons, and how much more the message promises: all shares sum to it.
    """
    policy, learned = considered.policy, considered.learned
    if policy is None or learned is None:
        return [], 0.0
    contrast = policy.weights[code] - (policy.weights[open_].mean(axis=0) if len(open_) else policy.weights[code])
    terms = with_level(considered.design[row : row + 1])[0] * contrast
    width = considered.values.shape[1]
    shares = np.bincount(learned.columns.source, weights=terms[1:], minlength=width).astype(np.float64)[None, :]
    parts = learned.things.reasons(considered.values[row : row + 1], shares, most)[0]
    level = float(terms[0])
    if abs(level) > _NOTHING:
        parts.append(ReasonPart(LEVEL, chosen.message, level, _of_level(considered.catalogue.name(code), level)))
    parts.sort(key=lambda part: (-abs(part.contribution), part.feature))
    drawn = _drawn_all_the_same(considered, row, code, open_, chosen)
    return [*drawn, *parts][:most], float(terms.sum())


def _of_level(name: str, level: float) -> str:
    how = "more" if level > 0 else "less"
    return f"“{name}” brings {how} than most, whoever gets it"


def _drawn_all_the_same(
    considered: Consideration, row: int, code: int, open_: NDArray[np.intp], chosen: ChosenMessage
) -> list[ReasonPart]:
    """Say that a message was drawn to learn more, where another one promises more."""
    if considered.policy is None or len(open_) < 2 or chosen.propensity is None:
        return []
    promised = considered.policy.lines(considered.design[row : row + 1])[0]
    best = int(open_[promised[open_].argmax()])
    if best == code:
        return []
    better = f"“{considered.catalogue.name(best)}” promises more"
    text = f"Drawn to learn more, with a chance of {chosen.propensity:.0%}: {better}"
    return [ReasonPart(DRAWN, chosen.propensity, 0.0, text)]

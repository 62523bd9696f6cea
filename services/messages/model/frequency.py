"""One call: whether each contact gets anything, by what it was sent lately. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from services.messages.model.catalogue import Recent
from services.messages.model.pressure import PressureModel, Weighed
from services.messages.model.sends import WINDOW_DAYS, send_columns, with_decisions
from services.messages.schemas import NextBestMessageRequest
from shared.contracts.prediction import ReasonPart
from shared.contracts.rows import DAY
from shared.timeline import ContactPasts, Pasts

REASON = "sends_7d"
WINDOW = WINDOW_DAYS * DAY


class Pressed(NamedTuple):
    """What is said of one contact beside its message."""

    pressure: str
    net_value: float
    unsubscribe_chance: float | None
    interval: tuple[float, float] | None
    sends_7d: int
    sends_28d: int


class Considered(NamedTuple):
    """Whether to send, and what that stands on, for the contacts of a call in turn."""

    weighed: Weighed
    sends_7d: NDArray[np.float64]
    sends_28d: NDArray[np.float64]

    def of(self, place: int) -> Pressed:
        """Return what is said of one contact."""
        one, known = self.weighed, bool(np.isfinite(self.weighed.unsubscribe_chance[place]))
        return Pressed(
            pressure=str(one.pressure[place]),
            net_value=float(one.value[place]),
            unsubscribe_chance=float(one.unsubscribe_chance[place]) if known else None,
            interval=(float(one.low[place]), float(one.high[place])) if known else None,
            sends_7d=int(self.sends_7d[place]),
            sends_28d=int(self.sends_28d[place]),
        )


@dataclass(frozen=True)
class Frequency:
    """What is known of how much the contacts of a call were sent."""

    model: PressureModel
    pasts: Pasts
    cutoffs: NDArray[np.int64]
    """(n,)"""
    cost: float
    """Of a contact that leaves, in units of the reward."""

    @classmethod
    def of(
        cls,
        model: PressureModel | None,
        pasts: ContactPasts,
        cutoffs: NDArray[np.int64],
        request: NextBestMessageRequest,
    ) -> Self | None:
        """Prepare a call; None: nothing is never chosen, for nothing is known of its value, or the call says so."""
        if model is None or not model.is_known or request.frequency == "ignore" or request.slots is not None:
            return None
        cost = model.cost if request.unsubscribe_cost is None else request.unsubscribe_cost
        return None if cost is None else cls(model, pasts.columns, cutoffs, cost)

    def weighed(
        self,
        rows: NDArray[np.intp],
        contact_ids: Sequence[str],
        recent: Recent,
        reward: NDArray[np.float64],
    ) -> Considered:
        """Weigh the best message of each contact against nothing.

        Args:
            rows: of the call, shape (k,).
            contact_ids: in the order of the rows.
            recent: what they got lately; what is an event too counts once.
            reward: what the best message is expected to earn, shape (k,).
        """
        decided = [
            (row, one.decided_at)
            for row, name in zip(rows.tolist(), contact_ids, strict=True)
            for one in recent.get(name, ())
            if one.decided_at < self.cutoffs[row]
        ]
        pasts = self.pasts
        if decided:
            contact, at = zip(*decided, strict=True)
            pasts = with_decisions(pasts, np.array(contact, dtype=np.int32), np.array(at, dtype=np.int64))
        columns = send_columns(pasts, rows.astype(np.int32), self.cutoffs[rows])
        return Considered(self.model.weighed(columns, reward, self.cost), columns.sends_7d, columns.sends_28d)


def nothing_reason(found: Pressed, propensity: float | None) -> ReasonPart:
    """Say why nothing is sent.

    >>> nothing_reason(Pressed("over", -0.02, 0.01, (0.005, 0.02), 6, 9), 0.98).text
    'Got 6 mails in the last 7 days, 9 in 28; one more is expected to cost more than it brings'
    """
    got = f"Got {_mails(found.sends_7d)} in the last 7 days, {found.sends_28d} in 28"
    if propensity is not None and propensity < 0.5:
        return ReasonPart(REASON, found.sends_7d, 0.0, f"{got}; nothing is sent by chance, to learn what that does")
    text = f"{got}; one more is expected to cost more than it brings"
    return ReasonPart(REASON, found.sends_7d, -found.net_value, text)


def _mails(count: int) -> str:
    """Count mails in words.

    >>> _mails(1), _mails(0)
    ('1 mail', '0 mails')
    """
    return "1 mail" if count == 1 else f"{count} mails"

"""What is answered about one contact: a message, or why none; for each place of the content where there are several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.messages.model.consideration import Consideration
from services.messages.model.frequency import Pressed
from shared.contracts.prediction import Prediction

LEVEL = 0.95


class RunnerUpMessage(NamedTuple):
    """A message that could have been chosen."""

    message: str
    expected_reward: float | None
    chance: float


class ChosenMessage(NamedTuple):
    """What was chosen for one place."""

    slot: str = ""
    decision_id: str | None = None
    message: str | None = None
    arm: str | None = None
    propensity: float | None = None
    expected_reward: float | None = None
    interval: tuple[float, float] | None = None
    runner_ups: Sequence[RunnerUpMessage] = ()
    pressed: Pressed | None = None

    def fields(self) -> dict[str, Any]:
        """Write as on the wire, without the slot."""
        low_high = (
            None if self.interval is None else {"low": self.interval[0], "high": self.interval[1], "level": LEVEL}
        )
        return {
            "decision_id": self.decision_id,
            "message": self.message,
            "arm": self.arm,
            "propensity": self.propensity,
            "expected_reward": self.expected_reward,
            "interval": low_high,
            "runner_ups": [one._asdict() for one in self.runner_ups],
        }


NOTHING_CHOSEN = ChosenMessage()


@dataclass(slots=True, kw_only=True)
class MessageAdvice(Prediction):
    """The head that all capabilities share, and what was chosen."""

    chosen: Sequence[ChosenMessage] = ()
    """One a place that could be filled."""
    campaign_id: str | None = None
    has_slots: bool = False
    considered: Consideration | None = field(default=None, compare=False, repr=False)
    """The call that it is an answer of; None: it is settled."""
    row: int = field(default=0, compare=False)
    """Its place among the contacts of the call."""

    @property
    def shows_own_fields(self) -> bool:
        """Whether more than the head is sent: of the control group too, which decision says so."""
        return self.status in ("ok", "control")

    def own_fields(self) -> Mapping[str, object]:
        """Return what next best message adds to the head."""
        one = self.chosen[0] if self.chosen and not self.has_slots else NOTHING_CHOSEN
        choices = [{"slot": each.slot, **each.fields()} for each in self.chosen] if self.has_slots else []
        return {**one.fields(), **_pressure(one.pressed), "choices": choices, "campaign_id": self.campaign_id}


def _pressure(found: Pressed | None) -> dict[str, Any]:
    """Write what is said of a contact's mails as on the wire."""
    if found is None:
        return dict.fromkeys(("pressure", "net_value", "unsubscribe_chance", "unsubscribe_interval"))
    low_high = None if found.interval is None else {"low": found.interval[0], "high": found.interval[1], "level": LEVEL}
    return {
        "pressure": found.pressure,
        "net_value": found.net_value,
        "unsubscribe_chance": found.unsubscribe_chance,
        "unsubscribe_interval": low_high,
    }

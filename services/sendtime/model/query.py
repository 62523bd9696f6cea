"""What the model is given and what it answers: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.sendtime.model.local_week import SendRules
from shared.contracts.prediction import Prediction, Source
from shared.contracts.rows import Microseconds, instant_of

MOST_ALTERNATIVES = 24


@dataclass(frozen=True, slots=True)
class SendTimeQuery:
    """What a caller wants to know; the same for all contacts of a call."""

    rules: SendRules
    engagement: str | None = None
    """`click`, `open` or `order`; None: the version's default."""
    campaign: str | None = None
    default_send_at: Microseconds | None = None
    """When the message would go out without us."""
    minutes: int = 60
    """60: at the top of the hour; finer values spread contacts inside it."""
    alternatives: int = 3
    reasons: int = 3
    week: bool = False
    """Whether all 168 values are wanted."""


class When(NamedTuple):
    """An instant and how it is read off the contact's clock."""

    at: Microseconds
    local_at: Microseconds
    zone: str
    slot: int

    def fields(self) -> dict[str, Any]:
        """Write it with the contact's clock."""
        at = instant_of(self.at)
        local = at.astimezone(timezone(timedelta(microseconds=self.local_at - self.at)))
        return {"utc": at, "local": local, "timezone": self.zone}


class SendOption(NamedTuple):
    """An instant with what it promises."""

    when: When
    probability: float | None
    activity_share: float | None

    def fields(self) -> dict[str, Any]:
        """Write it as an alternative."""
        return {
            "send_at": self.when.fields(),
            "probability": self.probability,
            "activity_share": self.activity_share,
        }


class Draw(NamedTuple):
    """What an experiment drew for a contact."""

    campaign: str
    arm: str
    propensity: float
    """Chance with which this very instant was drawn."""

    def fields(self) -> dict[str, Any]:
        """Write it as the contact's part in an experiment."""
        return {"campaign_id": self.campaign, "arm": self.arm, "propensity": self.propensity}


@dataclass(slots=True, kw_only=True)
class Advice(Prediction):
    """What is answered about one contact: the best instant; the probability is that of an answer then.

    The margin is the log-odds at the chosen slot, the base that of the population at the same slot.
    """

    source: Source | None = "model"
    best: SendOption | None = None
    """None where there is no slot."""
    alternatives: tuple[SendOption, ...] = ()
    """The next best instants, the best first."""
    at_default: SendOption | None = None
    """The caller's own time, where one was given."""
    lift: float | None = None
    """Relative gain over the population's best time in the same window: 0.1 is a tenth more."""
    basis: str | None = None
    """`individual`, `lookalike`, `population` or `default`."""
    confidence: float | None = None
    """How much of the answer the contact's own past decides, 0 to 1."""
    engagement: str | None = None
    week: list[float] | None = None
    """Of all 168 slots, Monday 00 first: chances, or shares where only activity is known."""
    allowed: tuple[When, ...] = ()
    """Every instant that was open to choice; what an experiment explores."""
    draw: Draw | None = None
    """What an experiment drew for the contact."""

    def own_fields(self) -> Mapping[str, object]:
        """Return what send time adds to the head."""
        return {
            "send_at": None if self.best is None else self.best.when.fields(),
            "activity_share": None if self.best is None else self.best.activity_share,
            "lift": self.lift,
            "basis": self.basis,
            "confidence": self.confidence,
            "engagement": self.engagement,
            "alternatives": [option.fields() for option in self.alternatives],
            "at_default": None if self.at_default is None else self.at_default.fields(),
            "week": self.week,
            "experiment": None if self.draw is None else self.draw.fields(),
        }


@dataclass(frozen=True, slots=True)
class Valued:
    """What every allowed hour promises every contact."""

    value: NDArray[np.float32]
    """(n, hours) chance or share; -1 where the hour is not allowed; hours of UTC, from that of the window's start."""
    zones: tuple[str, ...]
    """(n,)"""


@dataclass(slots=True, kw_only=True)
class HourValues(Prediction):
    """What every hour of a plan's window promises one contact."""

    value: NDArray[np.float32]
    """(hours,) as in `Valued`."""
    zone: str

"""When a model is trained again without anybody asking: a rule of time, and one of drift."""

import hashlib
from typing import Literal, NamedTuple

from shared.contracts.rows import DAY, Microseconds

Cause = Literal["schedule", "drift"]


class RetrainingRule(NamedTuple):
    """How often a model is trained by itself."""

    every_days: float
    """0: never by time."""
    drift_days: float
    """At least so long after the last training, when its inputs have drifted; 0: never for that."""


def due(
    rule: RetrainingRule, model: str, *, trained_at: Microseconds, has_drifted: bool, now: Microseconds
) -> Cause | None:
    """Return why a model is to be trained now; None: it is not.

    Each model has slots of its own, an interval apart, spread over all instants by a hash of its name: accounts that
    were set up on one day are not all trained at one hour. A slot passes unused when the last training is less than
    half an interval before it. A worker that was away trains once for all slots that it missed.

    Args:
        rule: of its capability.
        model: its name, the account's included.
        trained_at: when a training of it was last asked for, whatever became of that.
        has_drifted: whether the inputs of its champion have left what it was shown.
        now: the time.
    """
    if has_drifted and rule.drift_days and now - trained_at >= rule.drift_days * DAY:
        return "drift"
    if not rule.every_days:
        return None
    every = int(rule.every_days * DAY)
    return "schedule" if last_slot(model, every, now) - trained_at >= every // 2 else None


def last_slot(model: str, every: Microseconds, now: Microseconds) -> Microseconds:
    """Return the last slot of a model, now included.

    Args:
        model: its name; says where in the interval its slots lie.
        every: the interval.
        now: the time.
    """
    place = int.from_bytes(hashlib.blake2b(model.encode(), digest_size=8).digest()) % every
    return (now - place) // every * every + place

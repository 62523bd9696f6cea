"""The only place that decides what is told: a prediction against what was told last, with hysteresis."""

from shared.standing.answered import Answered, AnsweredBy, Foreseen
from shared.standing.comparing import Changes, Subject, compared
from shared.standing.summing import completed, insufficient, promoted, stale_events

__all__ = [
    "Answered",
    "AnsweredBy",
    "Changes",
    "Foreseen",
    "Subject",
    "compared",
    "completed",
    "insufficient",
    "promoted",
    "stale_events",
]

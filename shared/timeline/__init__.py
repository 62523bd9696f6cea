"""The only place that knows before from after: columns, frames, local time."""

from shared.timeline.pasts import (
    NEVER,
    ContactFacts,
    DatedValue,
    EventTuple,
    PastRows,
    Pasts,
    build,
    denies_profiling,
    seen_type,
)

__all__ = [
    "NEVER",
    "ContactFacts",
    "DatedValue",
    "EventTuple",
    "PastRows",
    "Pasts",
    "build",
    "denies_profiling",
    "seen_type",
]

"""The only place that knows before from after: columns, frames, splits, local time."""

from shared.timeline.pasts import NEVER, ContactFacts, DatedValue, EventTuple, PastRows, Pasts, build, seen_type

__all__ = ["NEVER", "ContactFacts", "DatedValue", "EventTuple", "PastRows", "Pasts", "build", "seen_type"]

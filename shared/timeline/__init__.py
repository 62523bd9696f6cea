"""The only place that knows before from after: columns, frames, local time."""

from shared.timeline.contact_pasts import ContactPast, ContactPasts, missing_in
from shared.timeline.event_times import UNKNOWN_MAKER, EventTimes, build_times
from shared.timeline.past_rows import (
    FURTHER_FIELDS,
    ContactFacts,
    DatedValue,
    EventTuple,
    GivenValues,
    PackedEvents,
    PastRows,
    StoredValues,
    build,
    contacts_of,
    named_values,
    names_of,
    perhaps_of_types,
    seen_type,
)
from shared.timeline.pasts import NEVER, Pasts

__all__ = [
    "FURTHER_FIELDS",
    "NEVER",
    "UNKNOWN_MAKER",
    "ContactFacts",
    "ContactPast",
    "ContactPasts",
    "DatedValue",
    "EventTimes",
    "EventTuple",
    "GivenValues",
    "PackedEvents",
    "PastRows",
    "Pasts",
    "StoredValues",
    "build",
    "build_times",
    "contacts_of",
    "missing_in",
    "named_values",
    "names_of",
    "perhaps_of_types",
    "seen_type",
]

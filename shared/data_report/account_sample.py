"""Some contacts of an account with their attributes and the instants of their events: what outcomes are counted on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shared.contracts.data_report import KnownAttribute, KnownEventType, KnownValue, Vocabulary
from shared.contracts.outcome import MOST_VALUES, written
from shared.contracts.rows import DAY, Microseconds
from shared.store import AccountStore
from shared.timeline import EventTimes, Pasts, build_times
from shared.timeline.pasts import AttributeColumn

MOST_CONTACTS: Final = 5_000
MOST_EVENTS: Final = 500_000
"""No further contacts are read beyond so many events."""
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class AccountSample:
    """Contacts that were read, and how many they stand for."""

    pasts: Pasts
    learnable: int
    """Contacts who did not deny profiling."""
    now: Microseconds

    @property
    def is_whole(self) -> bool:
        """Whether everybody who may be learned from was read."""
        return len(self.pasts) == self.learnable

    @property
    def until(self) -> Microseconds:
        """Return the end of the data, as training sees it."""
        return min(self.now, int(self.pasts.at.max()) + 1) if len(self.pasts.at) else self.now

    @property
    def history_days(self) -> int:
        """Count the days from the first event to the last."""
        at = self.pasts.at
        return int(at.max() // DAY - at.min() // DAY) if len(at) else 0


def account_sample(
    store: AccountStore, *, now: Microseconds, most_contacts: int = MOST_CONTACTS, most_events: int = MOST_EVENTS
) -> AccountSample:
    """Read every so manieth contact, as many as have about so many events.

    Args:
        store: the account's.
        now: later events do not count.
        most_contacts: that are read.
        most_events: that are read.
    """
    sample = store.data_report.sample(most_contacts)
    read: list[str] = []
    times: list[list[EventTimes]] = []
    events = 0
    for part in _spread(sample.contact_ids):
        found = [one for chunk in store.events.scan_times(contact_ids=part) for one in chunk]
        read.extend(part)
        times.append(found)
        events += sum(len(one.at) for one in found)
        if events >= most_events:
            break
    read.sort()
    return AccountSample(build_times(read, store.data_report.facts(read), times), sample.learnable, now)


def _spread(contact_ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut a list into parts each of which is spread over all of it, so that the first ones stand for it."""
    parts = max(1, -(-len(contact_ids) // _AT_ONCE))
    for first in range(parts if contact_ids else 0):
        yield list(contact_ids[first::parts])


def vocabulary(sample: AccountSample) -> Vocabulary:
    """List what an outcome can be made of: event types and attributes, each with the contacts that have it."""
    pasts = sample.pasts
    owner = np.repeat(np.arange(len(pasts)), np.diff(pasts.offsets))
    types = [
        KnownEventType(type=name, events=int(np.count_nonzero(of_type)), contacts=len(np.unique(owner[of_type])))
        for code, name in enumerate(pasts.types)
        if (of_type := pasts.type == code).any()
    ]
    attributes = [_attribute(name, column) for name, column in pasts.attributes.items()]
    return Vocabulary(
        contacts=sample.learnable,
        read=len(pasts),
        event_types=sorted(types, key=lambda one: (-one.contacts, one.type)),
        attributes=sorted(attributes, key=lambda one: (-one.contacts, one.name)),
    )


def _attribute(name: str, column: AttributeColumn) -> KnownAttribute:
    """Count the latest values of an attribute."""
    latest = {int(contact): value for contact, value in zip(column.contact, column.value, strict=True)}
    counts = Counter(written(value) for value in latest.values() if value not in (None, ""))
    few = sorted(counts.items(), key=lambda one: (-one[1], one[0])) if len(counts) <= MOST_VALUES else []
    return KnownAttribute(
        name=name,
        contacts=sum(counts.values()),
        values=[KnownValue(value=value, contacts=count) for value, count in few],
    )

"""What is read of an account for its data report, and the bounds that keep the reading short."""

from dataclasses import dataclass
from typing import Final

from shared.capabilities import TABLE
from shared.contracts.outcome import Outcome
from shared.contracts.rows import DAY, Microseconds, denies_profiling
from shared.store import AccountStore, ContactGroup, DailyCount
from shared.timeline import Pasts, build
from shared.timeline.pasts import line_counts

MOST_CONTACTS: Final = 5_000
"""Contacts whose events the database counts."""
MOST_EVENTS: Final = 200_000
"""Events that are read one by one: of as many of those contacts as have about so many."""
ALL_DAYS: Final = 100 * 366
"""A lookback that leaves nothing out, as in training."""


@dataclass(frozen=True, slots=True)
class AccountData:
    """Everything that the rules look at."""

    account: str
    groups: tuple[ContactGroup, ...]
    learnable: int
    """Contacts who did not deny profiling."""
    sampled: int
    daily: tuple[DailyCount, ...]
    """Of the sampled contacts."""
    repeated: int
    """Events of the sampled contacts that equal another one in all but the id."""
    shared_addresses: int
    pasts: Pasts
    """Of the contacts that were read one by one."""
    outcomes: tuple[Outcome, ...]
    now: Microseconds
    daily_orders: tuple[DailyCount, ...] = ()
    """Of the types of which an order has several lines, whole orders."""

    @property
    def daily_whole(self) -> tuple[DailyCount, ...]:
        """Return the daily counts with whole orders in place of lines: by chance alone, lines come in heaps."""
        by_line = {one.type for one in self.daily_orders}
        return (*(one for one in self.daily if one.type not in by_line), *self.daily_orders)

    @property
    def total(self) -> int:
        """Count all contacts."""
        return sum(group.contacts for group in self.groups)

    @property
    def is_whole(self) -> bool:
        """Whether everybody who may be learned from was read."""
        return len(self.pasts) == self.learnable

    @property
    def until(self) -> Microseconds:
        """Return the end of the data, as training sees it."""
        return min(self.now, int(self.pasts.at.max()) + 1) if len(self.pasts.at) else self.now


def account_data(
    store: AccountStore, *, now: Microseconds, most_contacts: int = MOST_CONTACTS, most_events: int = MOST_EVENTS
) -> AccountData:
    """Read an account: all contacts as counts, some of them with their events.

    Args:
        store: the account's.
        now: later events are not counted.
        most_contacts: whose events are counted.
        most_events: that are read one by one, about.
    """
    reads = store.data_report
    groups = store.pasts.groups()
    sample = reads.sample(most_contacts).contact_ids
    daily = reads.daily_counts(sample, until=now)
    events = sum(one.events for one in daily)
    step = max(1, -(-events // most_events))
    whole = sample[::step]
    rows = store.pasts.of(whole, cutoff=now, asked_at=now, lookback_days=min(ALL_DAYS, now // DAY))
    pasts = build(whole, rows.facts, [rows.events])
    by_line = [count.type for count in line_counts(pasts)]
    return AccountData(
        account=store.account,
        groups=tuple(groups),
        learnable=sum(one.contacts for one in groups if not denies_profiling(one.consent)),
        sampled=len(sample),
        daily=tuple(daily),
        repeated=reads.repeated_events(sample),
        shared_addresses=reads.shared_addresses(),
        pasts=pasts,
        outcomes=tuple(one for line in TABLE if line.per_outcome for one in store.outcomes.of(line.name)),
        now=now,
        daily_orders=tuple(reads.daily_orders(sample, by_line, until=now) if by_line else ()),
    )

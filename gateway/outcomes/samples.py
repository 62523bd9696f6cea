"""Samples of accounts, kept for a moment: a form asks for counts at each of its changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request

from shared.contracts.rows import Microseconds
from shared.data_report.account_sample import MOST_CONTACTS, AccountSample, account_sample
from shared.store import AccountChanges, AccountStore

KEPT_SECONDS: Final = 60.0
MOST_ACCOUNTS: Final = 8


@dataclass(frozen=True, slots=True)
class _Kept:
    sample: AccountSample
    changes: AccountChanges
    until: float


@dataclass(slots=True)
class SampleCache:
    """The samples of the accounts that asked last."""

    clock: Callable[[], float] = time.monotonic
    most_accounts: int = MOST_ACCOUNTS
    most_contacts: int = MOST_CONTACTS
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def of(self, store: AccountStore, *, now: Microseconds) -> AccountSample:
        """Return the sample of an account; read again after a minute or an erasure, and a whole one after any event."""
        changes, at = store.data_report.changes(), self.clock()
        kept = self._kept.get(store.account)
        if kept is not None and at < kept.until and _still_holds(kept, changes):
            return kept.sample
        sample = account_sample(store, now=now, most_contacts=self.most_contacts)
        self._kept.pop(store.account, None)
        while len(self._kept) >= self.most_accounts:
            self._kept.pop(next(iter(self._kept)), None)
        if len(sample.pasts):
            self._kept[store.account] = _Kept(sample, changes, at + KEPT_SECONDS)
        return sample


def _still_holds(kept: _Kept, changes: AccountChanges) -> bool:
    """Whether a sample is still of what the account holds; one of a large account tolerates new events."""
    if kept.sample.is_whole:
        return kept.changes == changes
    return kept.changes.erasures == changes.erasures


async def _of_process(request: Request) -> SampleCache:
    samples: SampleCache = request.app.state.samples
    return samples


ProcessSamples = Annotated[SampleCache, Depends(_of_process)]
"""The cache that all requests of a process share."""

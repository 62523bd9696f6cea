"""Keep a data report of each account at hand: making one takes seconds, and a page must not wait for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from foretell.background.loops import LoopMetrics, LoopParts
from shared.contracts.rows import DAY, Microseconds
from shared.data_report import data_report
from shared.store import AccountStore, Database, KeptReport

REST = 30.0
"""A report rests so many times as long as it took."""
OLDEST = DAY
"""A report is made again after so long also where nothing new came: it says what has grown stale."""


@dataclass(frozen=True, slots=True)
class KeptDataReports:
    """Makes the report of every account again once there is something new."""

    database: Database
    now: Callable[[], Microseconds]
    metrics: LoopMetrics = field(default_factory=LoopMetrics)
    seconds: Callable[[], float] = time.monotonic
    _not_before: dict[str, float] = field(default_factory=dict)

    def turn(self) -> None:
        """Report on all accounts that have rested.

        Raises:
            Exception: what the last one that failed raised, once every one had its turn.
        """
        parts = LoopParts("data_reports", self.metrics)
        for account in self.database.accounts():
            if self.seconds() >= self._not_before.get(account.name, 0.0):
                parts.attempt(self._keep, self.database.of(account.name), account=account.name)
        parts.end()

    def _keep(self, store: AccountStore) -> None:
        began, now = self.seconds(), self.now()
        kept, mark = store.data_report.kept(), store.data_report.mark()
        if kept is None or kept.mark != mark or now - kept.reported_at >= OLDEST:
            made = data_report(store, now=now)
            store.data_report.keep(KeptReport(now, mark, made.model_dump_json()))
        ended = self.seconds()
        self._not_before[store.account] = ended + REST * (ended - began)

"""Reports that are kept at hand: of the data of each account, and of how the predictions of each model came true."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from foretell.background.loops import LoopMetrics, LoopParts
from foretell.live_quality.measure import measured
from shared.contracts.rows import DAY, Microseconds
from shared.data_report import data_report
from shared.store import AccountStore, ChampionRow, Database, KeptReport

log = logging.getLogger(__name__)

REST = 30.0
"""A report rests so many times as long as it took."""
OLDEST = DAY
"""A report is made again after so long also where nothing new came: it says what has grown stale."""


@dataclass(frozen=True, slots=True)
class KeptDataReports:
    """Makes the data report of every account again once there is something new.

    Making one takes seconds, and a page must not wait for it.
    """

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


@dataclass(frozen=True, slots=True)
class QualityRounds:
    """Measures every model that answers, after a while again."""

    database: Database
    every: Microseconds
    stop: threading.Event
    now: Callable[[], Microseconds]
    metrics: LoopMetrics = field(default_factory=LoopMetrics)

    def turn(self) -> None:
        """Measure what is due; a model that fails delays no other.

        Raises:
            Exception: what the last model that failed raised, once every one had its turn.
        """
        parts = LoopParts("quality", self.metrics)
        for champion in self.database.champions():
            if self.stop.is_set():
                return
            if self._is_due(champion):
                named = {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}
                parts.attempt(self._measure, champion, **named)
        parts.end()

    def _is_due(self, champion: ChampionRow) -> bool:
        at = self.database.of(champion.account).models.quality.measured_at(champion.capability, champion.outcome)
        return at is None or self.now() - at >= self.every

    def _measure(self, champion: ChampionRow) -> None:
        began = time.monotonic()
        found = measured(self.database.of(champion.account), champion.capability, champion.outcome, now=self.now())
        log.info(
            "worker.quality_measured",
            extra={
                "account": champion.account,
                "capability": champion.capability,
                "outcome": champion.outcome,
                "verdict": found.verdict,
                "predictions": 0 if found.all_versions is None else found.all_versions.predictions,
                "seconds": round(time.monotonic() - began, 3),
            },
        )

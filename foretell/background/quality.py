"""Compare the predictions of each model with what happened afterwards, once a day."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from foretell.background.loops import LoopMetrics, LoopParts
from foretell.live_quality.measure import measured
from shared.contracts.rows import Microseconds
from shared.store import ChampionRow, Database

log = logging.getLogger(__name__)


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

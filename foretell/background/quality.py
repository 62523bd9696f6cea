"""Compare the predictions of each model with what happened afterwards, once a day."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from foretell.background.loops import LoopMetrics, LoopParts
from foretell.live_quality.measure import dropped, measure
from shared.capabilities import capability
from shared.change_detection.account_messages import quality_dropped
from shared.contracts.message import Message
from shared.contracts.model_quality import ModelQuality
from shared.contracts.rows import Microseconds
from shared.store import AccountStore, ChampionRow, Database

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


def measured(store: AccountStore, line: str, outcome: str, *, now: Microseconds) -> ModelQuality:
    """Measure a model, keep what was found, and report a version that is worse than promised, once.

    Args:
        store: of the account.
        line: name of the capability.
        outcome: empty where the capability has none.
        now: nothing after it exists.
    """
    found = measure(store, capability(line), outcome, now=now)
    before: Any = store.models.quality.find(line, outcome) or {}
    reported = list(before.get("reported", ()))
    message = _message(found, line, outcome, at=now)
    worse = dropped(found)
    # In this order: after a crash the message is made again, and is the same one.
    if message is not None and worse is not None and worse.version not in reported:
        store.deliveries.outbox.publish([message], at=now)
        reported.append(worse.version)
    store.models.quality.put(line, outcome, {"report": found.model_dump(mode="json"), "reported": reported}, at=now)
    return found


def _message(found: ModelQuality, line: str, outcome: str, *, at: Microseconds) -> Message | None:
    worse = dropped(found)
    skill = None if worse is None or worse.promised is None else worse.promised.skill_over_constant
    if worse is None or skill is None or skill.value is None:
        return None
    return quality_dropped(line, outcome, worse, promised=skill.value, at=at)

"""Trainings that nobody asks for: by time, or since a champion's inputs have drifted; one waits at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from foretell.background.loops import LoopMetrics, LoopParts
from shared.capabilities import NAMES, OUTCOME_NAMES
from shared.contracts.model_drift import drifted_since
from shared.contracts.outcome import ModelName
from shared.contracts.rows import Microseconds
from shared.settings import WorkerSettings
from shared.store import AccountStore, ChampionRow, Database, ModelCommandRow, VersionRow
from shared.store.model_commands import TRAININGS, new_command_id
from shared.training.schedule import RetrainingRule, due

REASONS = {
    "schedule": "so much time has passed since the last training",
    "drift": "the inputs of the version that answers have left what it was shown",
}


@dataclass(frozen=True, slots=True)
class Retraining:
    """Asks for the trainings that are due, of models that have a champion."""

    database: Database
    settings: WorkerSettings
    now: Callable[[], Microseconds]
    metrics: LoopMetrics = field(default_factory=LoopMetrics)

    def turn(self) -> None:
        """Ask for the training that is due for the longest time, unless one waits already.

        Raises:
            Exception: what the last model that failed raised, once every one was looked at.
        """
        at, parts = self.now(), LoopParts("retraining", self.metrics)
        if self.database.waiting_model_commands(at, TRAININGS):
            return  # never many at once: the next turn looks again
        found = [
            one
            for champion in self.database.champions()
            if champion.capability in NAMES
            and (one := parts.attempt(self._due, champion, at, **_named(champion))) is not None
        ]
        for _, store, row in sorted(found, key=lambda one: (one[0], one[1].account, one[2].model))[:1]:
            parts.attempt(store.models.commands.request, row, account=store.account)
        parts.end()

    def _due(
        self, champion: ChampionRow, at: Microseconds
    ) -> tuple[Microseconds, AccountStore, ModelCommandRow] | None:
        """Return since when no training was asked for, and the command; None: the model is not due."""
        store, model = self.database.of(champion.account), ModelName(champion.capability, champion.outcome)
        if model.capability in OUTCOME_NAMES and store.outcomes.find(*model) is None:
            return None
        row = store.models.version(*model, champion.version)
        trained_at = max(store.models.commands.last_training_at(model) or 0, row.trained_at if row else 0)
        rule = RetrainingRule(self.settings.retrain_days(model.capability), self.settings.retrain_drift_days)
        name, drifted = f"{champion.account}.{model.text}", row is not None and has_drifted(store, row)
        cause = due(rule, name, trained_at=trained_at, has_drifted=drifted, now=at)
        if cause is None:
            return None
        command = ModelCommandRow(new_command_id(), "train", *model, at, cause, REASONS[cause], {"promote": True})
        return trained_at, store, command


def has_drifted(store: AccountStore, row: VersionRow) -> bool:
    """Whether the rounds of scoring found that a version should be trained again: unknown inputs, or drift."""
    if row.input_drift is not None and row.input_drift.has_drifted:
        return True
    return drifted_since(store.models.quality.drift(row.capability, row.outcome, row.version)) is not None


def _named(champion: ChampionRow) -> dict[str, str]:
    return {"account": champion.account, "capability": champion.capability, "outcome": champion.outcome}

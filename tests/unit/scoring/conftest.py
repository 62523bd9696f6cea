"""A small model of each kind, fitted on a simulated account."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from services.scoring.model import ScoringModel
from shared.contracts.outcome import Outcome
from shared.evaluation.calibration import Calibrator, Reference
from shared.features import matrix
from shared.learners import Learner, Logistic, Rule, Trees, TreeShape
from shared.learners.simple import Columns
from shared.training.material import framed
from shared.training.problem import outcome_features

WON = Outcome(name="won", capability="scoring", event_types=("deal_won",), horizon_days=30)


def _fitted(kind: str, values: np.ndarray, labels: np.ndarray, columns: Columns) -> Learner:
    if kind == "lightgbm":
        return Trees.fit(values, labels, columns, shape=TreeShape(leaves=7, min_rows=20), rounds=30, seed=1)
    if kind == "logistic":
        return Logistic.fit(values, labels, columns)
    return Rule.fit(values, labels, columns)


@pytest.fixture(scope="session")
def world(simulated: Callable[..., Any]) -> Any:
    return simulated(250, 200, seed=3)


@pytest.fixture(scope="session", params=["lightgbm", "logistic", "rule"])
def model(request: pytest.FixtureRequest, world: Any) -> ScoringModel:
    pasts = world.pasts
    frames = framed(WON, pasts, now=world.until).frames
    learned = outcome_features(WON, pasts, frames.contact, frames.cutoff).feature_set
    # Ten things at most, so that ten reasons can tell all.
    few = [i for i, feature in enumerate(learned.features) if feature.thing not in {"tenure", "last_event"}]
    features = learned.take(few)
    values = matrix(features, pasts, frames.contact, frames.cutoff)
    learner = _fitted(request.param, values, frames.label, Columns(features.names, features.categorical))
    calibrator = Calibrator(slope=0.8, intercept=-0.3)
    return ScoringModel(
        outcome="won",
        kind=learner.kind,
        grade="B",
        horizon_days=30,
        trained_at=datetime(2026, 5, 1, tzinfo=UTC),
        reached_by=("deal_won",),
        feature_set=features,
        learner=learner,
        calibrator=calibrator,
        reference=Reference.of(calibrator.margins(learner.margins(values)), values),
    )
